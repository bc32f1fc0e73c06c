"""Shared fetches: concurrent requests for the same days share the calls."""

import asyncio
from datetime import timedelta

import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.jobs.models import Job, JobStatus, Lane
from tests.support.worker import HeldBack, Stage, days_ago
from workers.fetching.fetcher import Fetcher

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
# Five calls.
DAYS = DayRange(days_ago(75), days_ago(40))


async def work_off(stage: Stage, *lanes: Lane) -> None:
    """Run everything in the queues, and everything added to them, in four concurrent threads."""

    async def thread() -> None:
        while ticket := next((each for lane in lanes if (each := stage.next_ticket(lane))), None):
            await stage.fetcher.do_call(ticket)

    # Waiting calls are in no queue: poll until none is waiting.
    while any(stage.redis.llen(lane) for lane in lanes):
        await asyncio.gather(*(thread() for _ in range(4)))


async def ended(stage: Stage, jobs: list[Job]) -> set[JobStatus]:
    """The final statuses of jobs."""
    return {(await stage.job(job)).status for job in jobs}


async def test_the_same_days_asked_for_by_many_at_once_are_fetched_once(stage: Stage, house: UsagePoint) -> None:
    jobs = [await stage.submit(house, CURVE, DAYS) for _ in range(4)]

    await work_off(stage, Lane.INTERACTIVE)

    assert {JobStatus.SUCCEEDED} == await ended(stage, jobs)
    assert 5 == len(stage.enedis.calls())
    asked = [day for start, end in stage.enedis.days_asked() for day in (start, end)]
    assert len(set(stage.enedis.days_asked())) == len(stage.enedis.days_asked())
    assert (str(DAYS.start), str(DAYS.end)) == (min(asked), max(asked))
    assert 0 == stage.redis.zcard("leases")


async def test_overlapping_days_asked_for_at_once_cost_what_all_of_them_together_cost(
    stage: Stage, house: UsagePoint
) -> None:
    shift = timedelta(days=14)
    shifted = DayRange(DAYS.start + shift, DAYS.end + shift)

    jobs = [await stage.submit(house, CURVE, days) for days in (DAYS, shifted)]
    await work_off(stage, Lane.INTERACTIVE)

    assert {JobStatus.SUCCEEDED} == await ended(stage, jobs)
    assert 7 == len(stage.enedis.calls())
    assert 49 == len(coverage := await stage.coverage(jobs[0]))
    assert {"complete"} == {known.state for known in coverage.values()}


async def test_the_nightly_refresh_and_a_person_share_their_calls(stage: Stage, house: UsagePoint) -> None:
    jobs = [await stage.submit(house, CURVE, DAYS, lane) for lane in (Lane.BULK, Lane.INTERACTIVE)]

    await work_off(stage, Lane.BULK, Lane.INTERACTIVE)

    assert {JobStatus.SUCCEEDED} == await ended(stage, jobs)
    assert 5 == len(stage.enedis.calls())


async def test_days_that_a_call_was_given_up_for_are_not_asked_for_again_by_who_waited(
    stage: Stage, house: UsagePoint
) -> None:
    stage.enedis.set(latency_seconds=0.05)
    stage.enedis.break_calls(code="900908")
    week = DayRange(DAYS.start, DAYS.start + timedelta(days=7))
    jobs = [await stage.submit(house, CURVE, week) for _ in range(3)]

    await work_off(stage, Lane.INTERACTIVE)

    assert {JobStatus.FAILED, JobStatus.SUCCEEDED} == await ended(stage, jobs)
    assert 1 == len(stage.enedis.calls())


async def test_who_waits_holds_no_thread_and_no_place(stage: Stage, house: UsagePoint) -> None:
    provider = HeldBack(stage.providers["enedis"])
    week = DayRange(DAYS.start, DAYS.start + timedelta(days=7))
    jobs = [await stage.submit(house, CURVE, week) for _ in range(2)]
    first, second = stage.next_ticket(), stage.next_ticket()
    assert first is not None
    assert second is not None

    working = asyncio.create_task(Fetcher(stage.resources, {"enedis": provider}).do_call(first))
    await provider.asked.wait()
    await stage.fetcher.do_call(second)
    waiting = (working.done(), stage.redis.zcard("places:interactive"), stage.redis.llen("interactive"))
    provider.gate.set()
    await working

    assert (False, 1, 0) == waiting
    assert second == stage.next_ticket()
    await stage.fetcher.do_call(second)
    assert {JobStatus.SUCCEEDED} == await ended(stage, jobs)
    assert 1 == len(stage.enedis.calls())
