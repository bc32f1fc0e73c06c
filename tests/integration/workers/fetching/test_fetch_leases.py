"""Lease renewal: slow calls, dead workers, cancelled jobs. At any time a call has at most one live worker."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import time_machine

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.jobs.models import CallTicket, Job, JobStatus
from shared.readings.models import Reason
from tests.support.worker import HeldBack, Person, Stage, days_ago, until
from workers.fetching.fetcher import Fetcher
from workers.upstream.port import Provider

pytestmark = pytest.mark.anyio

WEEK = DayRange(days_ago(40), days_ago(33))
SIX_WEEKS = DayRange(days_ago(75), days_ago(33))
CURVE = "consumption_load_curve"
LEASE_SECONDS = 0.03


def short_lived(stage: Stage, provider: Provider, lease_seconds: float = LEASE_SECONDS) -> Fetcher:
    """A fetcher whose leases are short."""
    settings = stage.resources.settings.model_copy(update={"call_lease_seconds": lease_seconds})
    return Fetcher(replace(stage.resources, settings=settings), {"enedis": provider})


async def die_while_working_on(stage: Stage, ticket: CallTicket) -> None:
    """Take a call as a worker that is killed immediately: its lease expires."""
    assert await stage.resources.ledger.start_call(ticket, datetime.now(UTC), 0.0) is not None


async def test_a_slow_call_keeps_its_lease_and_is_nobody_elses(stage: Stage, house: UsagePoint) -> None:
    provider = HeldBack(stage.providers["enedis"])
    ticket = CallTicket((job := await stage.submit(house, CURVE, WEEK)).id, 0)
    # Only the test moves the clock; leases are renewed in real time, three times per lease.
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        begun = datetime.now(UTC).timestamp()
        slow = asyncio.create_task(short_lived(stage, provider).do_call(ticket))
        await provider.asked.wait()
        clock.shift(0.9 * LEASE_SECONDS)
        renewed_until = begun + 1.9 * LEASE_SECONDS
        await until(lambda: (stage.lease_of(ticket) or 0) > renewed_until - 0.001)
        # Longer than the first lease: it has been renewed.
        clock.shift(0.6 * LEASE_SECONDS)
        await short_lived(stage, stage.providers["enedis"]).do_call(ticket)
        overdue = await stage.resources.ledger.overdue_calls(datetime.now(UTC))

        assert not slow.done()
        assert [] == overdue
        provider.gate.set()
        await slow
    assert (JobStatus.SUCCEEDED, 1) == ((await stage.job(job)).status, (await stage.job(job)).calls_done)
    assert 1 == len(stage.enedis.calls())


async def test_no_sign_of_life_comes_after_the_end_of_a_call(stage: Stage, house: UsagePoint) -> None:
    ticket = CallTicket((await stage.submit(house, CURVE, WEEK)).id, 0)
    before = asyncio.all_tasks()

    await short_lived(stage, stage.providers["enedis"], 0.001).do_call(ticket)

    assert stage.lease_of(ticket) is None
    assert not {task for task in asyncio.all_tasks() - before if "renew" in str(task.get_coro())}


async def test_a_call_whose_worker_died_is_done_by_the_next(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, WEEK)
    ticket = CallTicket(job.id, 0)
    await die_while_working_on(stage, ticket)

    assert [ticket] == [each.ticket for each in await stage.resources.ledger.overdue_calls(datetime.now(UTC))]
    await stage.fetcher.do_call(ticket)

    assert JobStatus.SUCCEEDED is (await stage.job(job)).status


async def test_a_call_that_kills_whoever_does_it_is_given_up(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, WEEK)
    ticket = CallTicket(job.id, 0)
    for _ in range(stage.resources.settings.call_attempts):
        await die_while_working_on(stage, ticket)

    await stage.fetcher.do_call(ticket)

    ended = await stage.job(job)
    assert (JobStatus.FAILED, {"call_abandoned": 1}) == (ended.status, ended.errors)
    assert [] == stage.enedis.calls()
    gaps = [gap for known in (await stage.coverage(job)).values() for gap in known.gaps]
    assert {Reason.PROVIDER_ERROR} == {gap.reason for gap in gaps}
    assert all(gap.ask_again_at is not None for gap in gaps)


async def test_a_call_that_failed_and_whose_workers_died_has_its_last_attempt_too(
    stage: Stage, house: UsagePoint
) -> None:
    job = await stage.submit(house, CURVE, WEEK)
    ticket = CallTicket(job.id, 0)
    for _ in range(stage.resources.settings.call_attempts - 1):
        await die_while_working_on(stage, ticket)

    await stage.fetcher.do_call(ticket)

    assert JobStatus.SUCCEEDED is (await stage.job(job)).status


async def cancel(stage: Stage, job: Job) -> None:
    """Cancel a job as its account would."""
    assert await stage.resources.ledger.cancel(job.id, datetime.now(UTC))


async def test_the_calls_of_a_cancelled_job_are_not_made(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, SIX_WEEKS)
    await cancel(stage, job)

    await stage.work_off()

    assert [] == stage.enedis.calls()
    assert JobStatus.CANCELLED is (await stage.job(job)).status
    assert 0 == stage.redis.zcard("leases")


async def test_a_job_that_is_cancelled_during_a_call_stores_nothing_of_it_and_makes_no_other_call(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    provider = HeldBack(stage.providers["enedis"])
    job = await stage.submit(house, CURVE, SIX_WEEKS)

    running = asyncio.create_task(Fetcher(stage.resources, {"enedis": provider}).do_call(CallTicket(job.id, 0)))
    await provider.asked.wait()
    await cancel(stage, job)
    provider.gate.set()
    await running
    await stage.work_off()

    assert JobStatus.CANCELLED is (await stage.job(job)).status
    assert 1 == len(stage.enedis.calls())
    assert {} == await stage.coverage(job)
    assert [] == await stage.read(person, job)
    assert 0 == stage.redis.zcard("leases")
    assert "job.progress" not in [kind for kind, _ in stage.events(person)]


async def test_a_job_keeps_few_calls_in_the_queue(stage: Stage, house: UsagePoint) -> None:
    at_most = stage.resources.settings.calls_in_flight
    job = await stage.submit(house, CURVE, SIX_WEEKS)

    lengths = [stage.redis.llen("interactive")]
    while (ticket := stage.next_ticket()) is not None:
        await stage.fetcher.do_call(ticket)
        lengths.append(stage.redis.llen("interactive"))

    assert 6 == job.calls_total == (await stage.job(job)).calls_done
    assert [at_most, at_most, at_most, at_most - 1, at_most - 2, at_most - 3, 0] == lengths


async def test_who_listens_is_told_how_far_a_job_is_and_how_it_ended(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    before = len(stage.events(person))
    job = await stage.run(house, CURVE, DayRange(days_ago(40), days_ago(19)))

    told = stage.events(person)[before:]

    jobs = [(kind, data["job_id"]) for kind, data in told if kind.startswith("job.")]
    assert [("job.progress", job.id), ("job.progress", job.id), ("job.succeeded", job.id)] == jobs
