"""Failing calls: which are retried and when, which are given up, and what is recorded about them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import update

from shared.consents.models import GrantedPoint, UsagePoint
from shared.core.calendar import DayRange
from shared.jobs.models import CallTicket, Job, JobStatus, Lane
from shared.readings.models import Coverage, Reading, Reason
from shared.storage.tables import consents
from tests.support.simulated_enedis import HEATED_HOUSE
from tests.support.storing import save_window
from tests.support.worker import Lateness, Person, Stage, days_ago, half_hours_of, now_of
from workers.fetching.fetcher import Fetcher
from workers.registry import build_providers
from workers.upstream.port import FetchRequest

pytestmark = pytest.mark.anyio

WEEK = DayRange(days_ago(40), days_ago(33))
TWO_WEEKS = DayRange(days_ago(40), days_ago(26))
CURVE = "consumption_load_curve"


def attempts_of(stage: Stage, ticket: CallTicket) -> int:
    """The attempts counted by the ledger."""
    counted = stage.redis.hget(f"calls:{ticket.job_id}", f"{ticket.number}:attempts")
    return int(counted or 0)


async def gaps_of(stage: Stage, job: Job) -> set[tuple[str, Reason]]:
    """The states of the job's windows, with their reasons."""
    known: Sequence[Coverage] = list((await stage.coverage(job)).values())
    return {(each.state, gap.reason) for each in known for gap in each.gaps}


async def test_a_failure_that_may_pass_is_laid_aside_and_tried_again(stage: Stage) -> None:
    for kind in ("technical_error", "html", "cut", "truncated", "empty", "wrong_point"):
        house = await stage.move_in(HEATED_HOUSE)
        stage.enedis.break_calls(kind=kind)
        job = await stage.submit(house, CURVE, WEEK)
        ticket = CallTicket(job.id, 0)

        begun = datetime.now(UTC).timestamp()
        assert 1 == await stage.work_off(), kind

        assert JobStatus.RUNNING is (await stage.job(job)).status, kind
        assert 1 == attempts_of(stage, ticket), kind
        lease = stage.lease_of(ticket)
        assert lease is not None, kind
        assert begun + 2 <= lease <= datetime.now(UTC).timestamp() + 2.5, kind
        assert {} == await stage.coverage(job), kind

        await stage.do_again(ticket)

        assert JobStatus.SUCCEEDED is (await stage.job(job)).status, kind
        assert 2 == attempts_of(stage, ticket), kind
        assert {"complete"} == {known.state for known in (await stage.coverage(job)).values()}, kind


async def test_a_call_that_is_laid_aside_waits_longer_each_time(stage: Stage, house: UsagePoint) -> None:
    stage.enedis.break_calls(kind="technical_error", count=None)
    ticket = CallTicket((await stage.submit(house, CURVE, WEEK)).id, 0)

    for pause_seconds in (2, 10, 60, 300):
        begun = datetime.now(UTC).timestamp()
        await stage.do_again(ticket)
        lease = stage.lease_of(ticket)
        assert lease is not None
        assert begun + pause_seconds <= lease <= datetime.now(UTC).timestamp() + pause_seconds * 1.25, pause_seconds


async def test_a_call_is_given_up_after_its_last_attempt(stage: Stage, house: UsagePoint) -> None:
    stage.enedis.break_calls(kind="technical_error", count=None)
    job = await stage.submit(house, CURVE, WEEK)
    begun = datetime.now(UTC)

    for _ in range(stage.resources.settings.call_attempts + 3):
        await stage.do_again(CallTicket(job.id, 0))

    ended = await stage.job(job)
    assert (JobStatus.FAILED, 1, {"provider_unavailable": 1}) == (ended.status, ended.calls_failed, ended.errors)
    assert stage.resources.settings.call_attempts == len(stage.enedis.calls())
    assert {("absent", Reason.PROVIDER_ERROR)} == await gaps_of(stage, job)
    moments = {gap.ask_again_at for known in (await stage.coverage(job)).values() for gap in known.gaps}
    hour = timedelta(hours=1)
    assert all(moment and begun + hour <= moment <= datetime.now(UTC) + hour for moment in moments)


async def test_a_job_of_which_one_call_is_given_up_is_partial(stage: Stage, house: UsagePoint) -> None:
    stage.enedis.break_calls(code="900908")
    job = await stage.run(house, CURVE, TWO_WEEKS)

    assert (JobStatus.PARTIAL, 2, 1) == (job.status, job.calls_done, job.calls_failed)
    states = [known.state for _, known in sorted((await stage.coverage(job)).items())]
    assert ["absent"] * 7 + ["complete"] * 7 == states


async def test_a_failure_that_will_not_pass_is_given_up_at_once(stage: Stage) -> None:
    for upstream_code, code, reason in (
        ("900908", "provider_not_subscribed", Reason.PROVIDER_ERROR),
        ("ADAM-ERR0002", "provider_refused_request", Reason.PROVIDER_ERROR),
        ("ADAM-DC-0008", "consent_lost", Reason.CONSENT_LOST),
        ("ADAM-DC-0007", "consent_lost", Reason.CONSENT_LOST),
        ("STM-ERR-0000019", "consent_lost", Reason.CONSENT_LOST),
    ):
        house = await stage.move_in(HEATED_HOUSE)
        stage.enedis.break_calls(code=upstream_code)

        job = await stage.run(house, CURVE, WEEK)

        assert (JobStatus.FAILED, {code: 1}) == (job.status, job.errors), upstream_code
        assert {("absent", reason)} == await gaps_of(stage, job), upstream_code
        assert 1 == len(stage.enedis.calls()), upstream_code


async def test_what_is_stored_stays_when_a_later_call_for_more_fails(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    month = DayRange(days_ago(80).replace(day=1), days_ago(80).replace(day=11))
    longer = DayRange(month.start, month.start.replace(day=21))
    stored = await stage.run(house, "daily_consumption", month)
    stage.enedis.break_calls(code="900908")

    await stage.run(house, "daily_consumption", longer)

    (known,) = (await stage.coverage(stored)).values()
    assert ("complete", month.start, month.end) == (known.state, known.since, known.through)
    assert 10 == len(await stage.read(person, stored))


async def test_an_outage_that_is_over_is_made_good_by_the_next_job(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    stage.enedis.break_calls(code="900908")
    failed = await stage.run(house, CURVE, WEEK)
    assert {"absent"} == {known.state for known in (await stage.coverage(failed)).values()}
    # An hour later.
    for window, known in (await stage.coverage(failed)).items():
        (gap,) = known.gaps
        past = replace(known, gaps=(replace(gap, ask_again_at=datetime.now(UTC)),))
        assert window == past.window
        await save_window(stage.resources.readings, failed.series, past, [], b"")

    job = await stage.run(house, CURVE, WEEK)

    assert JobStatus.SUCCEEDED is job.status
    assert half_hours_of(WEEK) == len(await stage.read(person, job))


async def test_a_call_without_a_slot_waits_in_the_ledger_and_that_is_no_attempt(
    stage: Stage, house: UsagePoint
) -> None:
    narrow = replace(stage.resources, settings=stage.resources.settings.model_copy(update={"enedis_per_hour": 1}))
    providers = build_providers(narrow, stage.http)
    fetcher = Fetcher(narrow, providers)
    job = await stage.submit(house, CURVE, TWO_WEEKS)
    first, second = CallTicket(job.id, 0), CallTicket(job.id, 1)
    await fetcher.do_call(first)
    slots: Any = stage.redis.zrange("slots:enedis:measures", 0, -1, withscores=True)
    ((_, slot),) = slots
    lateness, begun = Lateness(), datetime.now(UTC).timestamp()
    # Slots use the clock of Redis; the worker uses its own.
    free_at = begun + slot + 3601 - now_of(stage.redis)

    for _ in range(narrow.settings.call_attempts + 2):
        await stage.do_again(second, fetcher)

    running = await stage.job(job)
    assert (JobStatus.RUNNING, 1) == (running.status, running.calls_done)
    assert 0 == attempts_of(stage, second)
    assert lateness.explains(stage.lease_of(second), free_at)
    assert 1 == len(stage.enedis.calls())


async def test_an_hour_that_enedis_calls_used_up_makes_every_call_wait(stage: Stage, house: UsagePoint) -> None:
    stage.enedis.break_calls(code="900804")
    job = await stage.submit(house, CURVE, TWO_WEEKS)
    first, second = CallTicket(job.id, 0), CallTicket(job.id, 1)
    leases, lateness = [], Lateness()

    # In the middle of an hour, so that it does not end during the test.
    with time_machine.travel(datetime.now(UTC).replace(minute=30)):
        next_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        await stage.fetcher.do_call(first)
        # When the API reopens: this is later than the backoff after a first failure.
        leases.append(stage.lease_of(first))
        for ticket in (second, first, second):
            await stage.do_again(ticket)
            leases.append(stage.lease_of(ticket))

    assert 1 == len(stage.enedis.calls())
    assert [True] * 4 == [lateness.explains(lease, next_hour.timestamp()) for lease in leases], leases
    assert (1, 0) == (attempts_of(stage, first), attempts_of(stage, second))


async def test_a_consent_that_has_ended_is_not_used(stage: Stage, house: UsagePoint) -> None:
    async with stage.resources.database.transaction() as connection:
        await connection.execute(update(consents).values(expires_on=days_ago(0)))

    job = await stage.run(house, CURVE, WEEK)

    assert [] == stage.enedis.calls()
    assert (JobStatus.FAILED, {"consent_missing": 1}) == (job.status, job.errors)
    assert {("absent", Reason.CONSENT_LOST)} == await gaps_of(stage, job)
    again = {gap.ask_again_at for known in (await stage.coverage(job)).values() for gap in known.gaps}
    assert None not in again


class Broken:
    """An adapter with a bug."""

    name = "enedis"

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        raise KeyError("a bug")

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        raise KeyError("a bug")


async def test_a_bug_settles_nothing_and_the_call_stays_leased(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, WEEK, Lane.BULK)
    ticket = CallTicket(job.id, 0)

    with pytest.raises(KeyError):
        await Fetcher(stage.resources, {"enedis": Broken()}).do_call(ticket)  # type: ignore[dict-item]  # on purpose

    assert JobStatus.RUNNING is (await stage.job(job)).status
    lease = stage.lease_of(ticket)
    assert lease is not None
    assert lease <= datetime.now(UTC).timestamp() + stage.resources.settings.call_lease_seconds
