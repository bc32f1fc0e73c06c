"""Calls for records: fetched records are encrypted, and the reason for a missing one is stored."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.config.settings import Settings
from shared.core.calendar import day_of
from shared.core.errors import (
    AppError,
    BeforeActivation,
    ConsentLost,
    NoMeasure,
    NoSlotYet,
    ProviderNotSubscribed,
    ProviderUnavailable,
    ProviderWrongDirection,
)
from shared.jobs.models import CallTicket, JobStatus, Lane
from shared.lifecycle.erasure import OWNER
from shared.readings.models import Reason
from tests.support.household import PRM, Household, household

pytestmark = pytest.mark.anyio

RECORDS = ["contract", "address", "identity", "contact"]
CONTRACT = {"segment": "C5", "subscribed_power": {"value": 6, "unit": "kVA"}}
MONTH = timedelta(days=30)


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[Household]:
    """An account with a meter."""
    async with household(settings) as each:
        yield each


async def test_a_record_is_fetched_sealed_and_opens_with_the_api_key(home: Household) -> None:
    for dataset in RECORDS:
        home.provider.answers[dataset] = CONTRACT
        today = day_of(datetime.now(UTC))

        job = await home.fetch(dataset)

        assert (JobStatus.SUCCEEDED, 1, {}) == (job.status, job.calls_total, job.errors), dataset
        caller = await home.caller()
        assert CONTRACT == await home.resources.readings.open_record(home.series(dataset), caller.private_key), dataset
        (known,) = (await home.coverage(dataset)).values()
        assert ("current", "complete") == (known.window, known.state), dataset
        # Midnight may have passed.
        assert known.since in (today, day_of(datetime.now(UTC))), dataset
        *_, asked = home.provider.asked
        assert (PRM, dataset, Lane.INTERACTIVE) == (asked.prm, asked.dataset.name, asked.lane)
    assert len(RECORDS) == len(home.provider.asked)


async def test_a_record_that_is_stored_costs_no_call_until_it_is_a_month_old(home: Household) -> None:
    home.provider.answers["contract"] = CONTRACT
    await home.fetch("contract")

    again = await home.create_job("contract")
    await home.age("contract", MONTH)
    home.provider.answers["contract"] = {"segment": "C4"}
    later = await home.fetch("contract")

    assert (JobStatus.SUCCEEDED, 0) == (again.status, again.calls_total)
    assert (JobStatus.SUCCEEDED, 1) == (later.status, later.calls_total)
    caller = await home.caller()
    assert {"segment": "C4"} == await home.resources.readings.open_record(home.series("contract"), caller.private_key)


async def test_two_jobs_for_the_same_record_are_one_call(home: Household) -> None:
    home.provider.answers["identity"] = CONTRACT
    jobs = [await home.create_job("identity"), await home.create_job("identity")]

    for job in jobs:
        await home.fetcher.do_call(CallTicket(job.id, 0))

    assert [JobStatus.SUCCEEDED] * 2 == [(await home.load_job(job.id)).status for job in jobs]
    assert 1 == len(home.provider.asked)


async def test_what_is_not_there_is_written_down_with_its_reason_and_when_to_ask_again(settings: Settings) -> None:
    cases: list[tuple[AppError, Reason, JobStatus, timedelta | None]] = [
        (NoMeasure(), Reason.NO_MEASURE, JobStatus.SUCCEEDED, timedelta(days=1)),
        (ProviderWrongDirection(), Reason.WRONG_DIRECTION, JobStatus.SUCCEEDED, None),
        (BeforeActivation(), Reason.BEFORE_ACTIVATION, JobStatus.SUCCEEDED, None),
        (ConsentLost(), Reason.CONSENT_LOST, JobStatus.FAILED, timedelta(hours=20)),
        (ProviderNotSubscribed(), Reason.PROVIDER_ERROR, JobStatus.FAILED, timedelta(hours=1)),
    ]
    for error, reason, status, pause in cases:
        async with household(settings) as home:
            home.provider.answers["contract"] = error

            job = await home.fetch("contract")

            errors = {} if status is JobStatus.SUCCEEDED else {error.code: 1}
            assert (status, errors) == (job.status, job.errors), error
            (known,) = (await home.coverage("contract")).values()
            (gap,) = known.gaps
            assert ("absent", reason) == (known.state, gap.reason), error
            assert pause == (gap.ask_again_at and gap.ask_again_at - known.fetched_at), error
            assert 0 == (await home.create_job("contract")).calls_total, error
            caller = await home.caller()
            assert await home.resources.readings.open_record(home.series("contract"), caller.private_key) is None, error
            await home.resources.erasure.erase_account(home.account.id, OWNER, datetime.now(UTC))


@pytest.mark.parametrize("error", [NoMeasure(), ConsentLost()], ids=lambda error: type(error).__name__)
async def test_a_record_that_was_there_stays_when_it_can_not_be_renewed(home: Household, error: AppError) -> None:
    home.provider.answers["contract"] = CONTRACT
    await home.fetch("contract")
    await home.age("contract", MONTH)
    home.provider.answers["contract"] = error

    await home.fetch("contract")

    caller = await home.caller()
    assert CONTRACT == await home.resources.readings.open_record(home.series("contract"), caller.private_key)
    ((gap,),) = [known.gaps for known in (await home.coverage("contract")).values()]
    assert gap.partial
    assert gap.ask_again_at is not None
    asked = len(home.provider.asked)
    await home.fetch("contract")
    assert asked == len(home.provider.asked)


async def test_a_record_of_which_a_part_could_not_be_had_is_kept_and_asked_for_again_soon(home: Household) -> None:
    lacking = {**CONTRACT, "offpeak_hours": None, "absent": {"offpeak_hours": "provider_error", "status": "no_data"}}
    home.provider.answers["contract"] = lacking
    await home.fetch("contract")
    (known,) = (await home.coverage("contract")).values()
    caller = await home.caller()
    opened = await home.resources.readings.open_record(home.series("contract"), caller.private_key)

    await home.age("contract", MONTH)
    home.provider.answers["contract"] = {**lacking, "absent": {"status": "no_data"}}
    await home.fetch("contract")

    assert lacking == opened
    assert ("partial", [Reason.PROVIDER_ERROR]) == (known.state, [gap.reason for gap in known.gaps])
    assert [known.fetched_at + timedelta(hours=1)] == [gap.ask_again_at for gap in known.gaps]
    assert ["complete"] == [each.state for each in (await home.coverage("contract")).values()]


async def test_an_absence_ends_with_the_first_answer(home: Household) -> None:
    home.provider.answers["address"] = NoMeasure()
    await home.fetch("address")
    await home.age("address", MONTH)
    home.provider.answers["address"] = CONTRACT

    await home.fetch("address")

    assert [()] == [known.gaps for known in (await home.coverage("address")).values()]


async def test_an_outage_is_tried_again_and_given_up_after_the_last_attempt(home: Household) -> None:
    home.provider.answers["contract"] = ProviderUnavailable()
    job = await home.create_job("contract")
    attempts = home.resources.settings.call_attempts

    for _ in range(attempts):
        assert not (await home.load_job(job.id)).status.ended
        await home.do_again(CallTicket(job.id, 0))

    ended = await home.load_job(job.id)
    assert (JobStatus.FAILED, {"provider_unavailable": 1}) == (ended.status, ended.errors)
    assert attempts == len(home.provider.asked)


async def test_a_call_without_a_slot_is_laid_aside_and_done_later(home: Household) -> None:
    home.provider.answers["contract"] = NoSlotYet(retry_at=datetime.now(UTC))
    job = await home.create_job("contract")
    await home.fetcher.do_call(CallTicket(job.id, 0))
    assert not (await home.load_job(job.id)).status.ended

    home.provider.answers["contract"] = CONTRACT
    await home.do_again(CallTicket(job.id, 0))

    assert JobStatus.SUCCEEDED is (await home.load_job(job.id)).status
