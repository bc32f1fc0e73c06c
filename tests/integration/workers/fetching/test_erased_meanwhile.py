"""A worker runs a call while the call's account, point or data is erased: no erased data reappears."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.core.errors import NoMeasure, NotFound, ProviderTimeout
from shared.jobs.models import CallTicket, Job, JobStatus
from shared.lifecycle.erasure import OWNER, SECOND_PASS_AFTER
from tests.support.dumps import redis_dump, sql_dump
from tests.support.simulated_enedis import HEATED_HOUSE, WITH_GAPS
from tests.support.worker import HeldBack, Person, Stage, days_ago
from workers.consents.exchange import ConsentExchange
from workers.fetching.fetcher import Fetcher
from workers.refresh import refresh

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
WEEK = DayRange(days_ago(20), days_ago(13))
Erase = Callable[[Stage, Job, UsagePoint], Awaitable[object]]


async def account(stage: Stage, job: Job, house: UsagePoint) -> object:
    return await stage.resources.erasure.erase_account(job.account_id, OWNER, datetime.now(UTC))


async def usage_point(stage: Stage, job: Job, house: UsagePoint) -> object:
    return await stage.resources.erasure.erase_usage_point(house, "key_1", datetime.now(UTC))


async def dataset(stage: Stage, job: Job, house: UsagePoint) -> object:
    return await stage.resources.erasure.erase_readings(job.series, None, "key_1", datetime.now(UTC))


async def period(stage: Stage, job: Job, house: UsagePoint) -> object:
    return await stage.resources.erasure.erase_readings(job.series, WEEK, "key_1", datetime.now(UTC))


async def cache(stage: Stage, job: Job, house: UsagePoint) -> object:
    return await stage.resources.erasure.erase_readings_of_account(job.account_id, datetime.now(UTC))


async def erased_during_a_call(stage: Stage, house: UsagePoint, erase: Erase, failure: Exception | None = None) -> Job:
    """Erase after the provider's response, then let the worker continue, and run everything that it enqueued."""
    provider = HeldBack(stage.providers["enedis"], failure)
    fetcher = Fetcher(stage.resources, {"enedis": provider})
    job = await stage.submit(house, CURVE, DayRange(WEEK.start, days_ago(6)))
    working = asyncio.create_task(fetcher.do_call(CallTicket(job.id, 0)))
    await provider.asked.wait()
    await erase(stage, job, house)
    provider.gate.set()
    await working
    await stage.work_off()
    return job


async def test_nothing_that_was_erased_comes_back(stage: Stage) -> None:
    left = {}
    for erase in (account, usage_point, dataset, period, cache):
        for failure in (None, NoMeasure(), ProviderTimeout(), NotFound()):
            house = await stage.move_in(HEATED_HOUSE)
            job = await erased_during_a_call(stage, house, erase, failure)

            found = (
                await stage.coverage(job),
                await stage.resources.readings.window_names(job.series),
                stage.redis.zcard("leases"),
                len(stage.enedis.calls()),
            )
            if found != ({}, [], 0, 1):
                left[erase.__name__, type(failure).__name__] = found

    assert {} == left


async def test_of_an_erased_account_no_id_is_left_anywhere(stage: Stage, person: Person, house: UsagePoint) -> None:
    second = await stage.grant(person, WITH_GAPS)
    await stage.run(second, CURVE, WEEK)
    await stage.run(house, "daily_consumption_max_power", WEEK)
    await refresh(stage.resources)

    job = await erased_during_a_call(stage, house, account)
    assert await stage.resources.erasure.finish(datetime.now(UTC) + SECOND_PASS_AFTER)

    dump = await redis_dump(stage.resources.redis) + await sql_dump(stage.resources.database)
    assert [] == [each for each in (person.account_id, house.id, second.id, f"job:{job.id}") if each in dump]


async def test_a_purge_takes_what_earlier_windows_of_the_job_had_stored(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, DayRange(WEEK.start, days_ago(6)))
    await stage.fetcher.do_call(CallTicket(job.id, 0))
    assert 7 == len(await stage.coverage(job))

    await stage.resources.erasure.erase_readings(job.series, None, "key_1", datetime.now(UTC))
    await stage.work_off()

    assert {} == await stage.coverage(job)
    assert JobStatus.CANCELLED is (await stage.job(job)).status


async def test_a_job_for_another_dataset_goes_on(stage: Stage, house: UsagePoint) -> None:
    other = await stage.submit(house, "daily_consumption_max_power", WEEK)

    await erased_during_a_call(stage, house, dataset)

    assert JobStatus.SUCCEEDED is (await stage.job(other)).status


async def test_a_call_that_is_put_off_of_an_erased_job_leaves_no_trace(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    job = await stage.submit(house, CURVE, WEEK)
    ticket = CallTicket(job.id, 0)
    await stage.resources.ledger.start_call(ticket, datetime.now(UTC), 10)
    await stage.resources.erasure.erase_account(person.account_id, OWNER, datetime.now(UTC))

    await stage.resources.ledger.park(ticket, datetime.now(UTC), counts_as_attempt=False)
    await stage.resources.ledger.renew(ticket, datetime.now(UTC), 10)
    settlement = await stage.resources.ledger.settle(ticket, "ok", datetime.now(UTC))

    assert not settlement.settled
    dump = await redis_dump(stage.resources.redis)
    assert [] == [key for key in (f"job:{job.id}", f"calls:{job.id}", f"{job.id}/0") if key in dump]
    assert 0 == stage.redis.zcard("leases")


async def test_a_consent_whose_exchange_runs_while_its_account_is_erased_binds_nothing(
    stage: Stage, person: Person
) -> None:
    consent_id = await stage.begin_consent(person, stage.enedis.share(WITH_GAPS))
    await stage.resources.erasure.erase_account(person.account_id, OWNER, datetime.now(UTC))

    await stage.exchange.exchange(consent_id)
    await stage.resources.events.publish(person.account_id, "consent.failed", {"consent_id": consent_id})
    await stage.resources.erasure.finish(datetime.now(UTC) + SECOND_PASS_AFTER)

    dump = await redis_dump(stage.resources.redis) + await sql_dump(stage.resources.database)
    assert [] == [each for each in (person.account_id, consent_id) if each in dump]


async def test_a_consent_that_is_answered_after_its_account_was_erased_binds_nothing(
    stage: Stage, person: Person
) -> None:
    consent_id = await stage.begin_consent(person, stage.enedis.share(WITH_GAPS))
    provider = HeldBack(stage.providers["enedis"])
    exchange = ConsentExchange(stage.resources, provider)
    working = asyncio.create_task(exchange.exchange(consent_id))
    await provider.asked.wait()
    await stage.resources.erasure.erase_account(person.account_id, OWNER, datetime.now(UTC))

    provider.gate.set()
    await working
    await stage.resources.erasure.finish(datetime.now(UTC) + SECOND_PASS_AFTER)

    dump = await redis_dump(stage.resources.redis) + await sql_dump(stage.resources.database)
    assert [] == [each for each in (person.account_id, consent_id, WITH_GAPS) if each in dump]


async def test_what_a_new_consent_forgets_does_not_bring_back_what_was_erased(stage: Stage, house: UsagePoint) -> None:
    stage.enedis.break_calls(code="ADAM-DC-0008", count=None)
    job = await stage.run(house, CURVE, WEEK)
    known = await stage.coverage(job)
    assert known
    gone = replace(job.series)
    await stage.resources.readings.erase_series(gone)

    store = stage.resources.readings
    for name, each in known.items():
        key = f"coverage:{gone.account_id}:{gone.usage_point_id}:{CURVE}"
        await store._replace(coverage=key, window=name, text=each.window)

    assert {} == await stage.coverage(job)


async def test_the_refresh_obeys_the_owner(stage: Stage, person: Person, house: UsagePoint) -> None:
    usage_points = stage.resources.usage_points

    async def planned(**changes: object) -> set[str]:
        point = await usage_points.load(house.id)
        await usage_points.change(point, changes, "key_1", datetime.now(UTC))
        await refresh(stage.resources)
        jobs = [
            await stage.resources.jobs.load_job(each)
            for each in await stage.resources.jobs.list_job_ids(person.account_id)
        ]
        await stage.resources.ledger.forget([job.id for job in jobs if job])
        return {job.dataset for job in jobs if job}

    assert set() == await planned(refresh=False)
    assert {CURVE} == await planned(refresh=True, refresh_datasets=[CURVE])
    # Datasets by name, including those that are only fetched on request.
    assert {"identity"} == await planned(refresh_datasets=["identity"])
    assert {CURVE, "contract"} <= (usual := await planned(refresh_datasets=None))
    assert "identity" not in usual
    assert usual <= set(DATASETS)


async def test_the_refresh_goes_on_when_a_point_is_erased_under_its_hands(
    stage: Stage, person: Person, house: UsagePoint
) -> None:
    other_person = await stage.create_person()
    await stage.grant(other_person, WITH_GAPS)
    await stage.resources.jobs.refuse_erased([house.id])

    await refresh(stage.resources)

    assert [] == await stage.resources.jobs.list_job_ids(person.account_id)
    assert await stage.resources.jobs.list_job_ids(other_person.account_id)
