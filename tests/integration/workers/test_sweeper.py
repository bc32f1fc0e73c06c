"""The sweeper: lost or deferred messages are enqueued again, and none twice without need."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import time_machine

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.jobs.ledger import OK
from shared.jobs.models import CallTicket, JobStatus, Lane
from shared.lifecycle.erasure import OWNER, SECOND_PASS_AFTER
from tests.support.worker import Stage, days_ago
from workers.sweeper import sweep

pytestmark = pytest.mark.anyio

WEEK = DayRange(days_ago(40), days_ago(33))
THREE_WEEKS = DayRange(days_ago(54), days_ago(33))
SIX_WEEKS = DayRange(days_ago(75), days_ago(33))
CURVE = "consumption_load_curve"


def let_leases_run_out(stage: Stage) -> None:
    """Make every lease end just before now."""
    members: Any = stage.redis.zrange("leases", 0, -1)
    for member in members:
        stage.redis.zadd("leases", {member: datetime.now(UTC).timestamp() - 1})


async def test_nothing_is_swept_up_while_every_lease_lasts(stage: Stage, house: UsagePoint) -> None:
    await stage.submit(house, CURVE, SIX_WEEKS)

    assert 0 == await sweep(stage.resources)
    assert 4 == len(stage.queued("interactive"))


async def test_a_call_whose_worker_died_is_enqueued_again_in_its_lane(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, WEEK, Lane.BULK)
    ticket = stage.next_ticket(Lane.BULK)
    assert ticket is not None
    await stage.resources.ledger.start_call(ticket, datetime.now(UTC), 0.0)

    assert 1 == await sweep(stage.resources)

    assert ([[job.id, 0]], []) == (stage.queued("bulk"), stage.queued("interactive"))


async def test_a_call_that_waits_in_the_queue_is_not_enqueued_again(stage: Stage, house: UsagePoint) -> None:
    await stage.submit(house, CURVE, SIX_WEEKS)
    let_leases_run_out(stage)

    assert 0 == await sweep(stage.resources)
    assert 4 == len(stage.queued("interactive"))
    # It is checked again when its new lease ends, and not with every sweep.
    assert [] == await stage.resources.ledger.overdue_calls(datetime.now(UTC))


async def test_calls_that_an_empty_queue_has_lost_are_enqueued_again(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, SIX_WEEKS)
    stage.redis.delete("interactive")
    let_leases_run_out(stage)

    assert 4 == await sweep(stage.resources)
    assert [(job.id, number) for number in range(4)] == sorted(tuple(each) for each in stage.queued("interactive"))


async def test_a_queue_that_lost_everything_costs_no_call_and_no_day(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, SIX_WEEKS)
    for _ in range(2):
        ticket = stage.next_ticket()
        assert ticket is not None
        await stage.fetcher.do_call(ticket)
    stage.redis.delete("interactive")

    while not (await stage.job(job)).status.ended:
        let_leases_run_out(stage)
        assert await sweep(stage.resources) > 0
        await stage.work_off()

    ended = await stage.job(job)
    assert (JobStatus.SUCCEEDED, 6) == (ended.status, ended.calls_done)
    assert 6 == len(stage.enedis.calls())
    assert {"complete"} == {known.state for known in (await stage.coverage(job)).values()}


async def test_a_call_that_was_laid_aside_comes_back_although_others_wait_in_the_queue(
    stage: Stage, house: UsagePoint
) -> None:
    stage.enedis.break_calls(kind="technical_error")
    job = await stage.submit(house, CURVE, THREE_WEEKS)
    ticket = stage.next_ticket()
    assert ticket is not None
    await stage.fetcher.do_call(ticket)
    assert 0 == await sweep(stage.resources)
    let_leases_run_out(stage)

    assert 1 == await sweep(stage.resources)
    assert [job.id, ticket.number] == stage.queued("interactive")[-1]


async def test_the_leases_of_a_job_that_is_gone_or_has_ended_are_forgotten(stage: Stage, house: UsagePoint) -> None:
    gone = await stage.submit(house, CURVE, WEEK)
    cancelled = await stage.submit(house, CURVE, WEEK)
    stage.redis.delete(f"job:{gone.id}", f"calls:{gone.id}")
    stage.redis.hset(f"job:{cancelled.id}", "status", JobStatus.CANCELLED.value)
    stage.redis.delete("interactive")
    let_leases_run_out(stage)

    assert 0 == await sweep(stage.resources)

    assert [None, None] == [stage.lease_of(CallTicket(job.id, 0)) for job in (gone, cancelled)]
    assert [] == stage.queued("interactive")


async def test_two_sweepers_at_once_enqueue_a_call_once(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, WEEK)
    stage.redis.delete("interactive")
    let_leases_run_out(stage)

    swept = await asyncio.gather(*(sweep(stage.resources) for _ in range(4)))

    assert [0, 0, 0, 1] == sorted(swept)
    assert [[job.id, 0]] == stage.queued("interactive")


async def test_many_overdue_calls_are_swept_up_bit_by_bit(stage: Stage, house: UsagePoint) -> None:
    jobs = [await stage.submit(house, CURVE, WEEK) for _ in range(4)]
    stage.redis.delete("interactive")
    let_leases_run_out(stage)

    found = [await stage.resources.ledger.overdue_calls(datetime.now(UTC), limit=2) for _ in range(3)]

    assert [2, 2, 0] == [len(calls) for calls in found]
    assert {job.id for job in jobs} == {call.ticket.job_id for calls in found for call in calls}


async def test_an_erasure_is_ended_by_a_sweep_a_minute_later(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, WEEK)
    now = datetime.now(UTC)
    await stage.resources.erasure.erase_account(house.account_id, OWNER, now - SECOND_PASS_AFTER)
    # Written by a process that did not know of the erasure.
    stage.redis.hset(f"coverage:{house.account_id}:{house.id}:{CURVE}", "2026-01-01", "{}")

    await sweep(stage.resources)

    assert [] == list(stage.redis.scan_iter(f"*{house.account_id}*"))
    assert not stage.redis.exists(f"job:{job.id}")
    assert 0 == await stage.resources.erasure.finish(now + SECOND_PASS_AFTER)


async def ends_told(stage: Stage, account_id: str) -> list[str]:
    """The published end events of an account's jobs."""
    events = await stage.resources.events.load_events(account_id)
    return [event.type for event in events if event.type.startswith("job.") and event.type != "job.progress"]


def let_time_pass(stage: Stage) -> None:
    """Move back the end of every job whose event is unpublished."""
    for job_id in cast(list[bytes], stage.redis.zrange("untold", 0, -1)):
        stage.redis.zadd("untold", {job_id: datetime.now(UTC).timestamp() - 60})


async def test_the_end_of_a_job_is_told_by_a_sweep_when_its_worker_died_before_it_told(
    stage: Stage, house: UsagePoint
) -> None:
    succeeded, cancelled = [await stage.submit(house, CURVE, WEEK) for _ in range(2)]
    ledger = stage.resources.ledger
    # No time passes between the two.
    with time_machine.travel(datetime.now(UTC), tick=False):
        # The ledger's step, without those that follow.
        await ledger.settle(CallTicket(succeeded.id, 0), OK, datetime.now(UTC))
        await ledger.cancel(cancelled.id, datetime.now(UTC))

        await sweep(stage.resources)
    at_once = await ends_told(stage, house.account_id)
    let_time_pass(stage)
    await asyncio.gather(*(sweep(stage.resources) for _ in range(4)))

    assert [] == at_once
    assert ["job.cancelled", "job.succeeded"] == sorted(await ends_told(stage, house.account_id))


async def test_an_end_that_was_told_is_not_told_again(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, WEEK)
    await stage.work_off()
    await stage.resources.job_service.cancel(await stage.submit(house, CURVE, SIX_WEEKS), datetime.now(UTC))
    let_time_pass(stage)

    await sweep(stage.resources)

    assert (await stage.job(job)).status.ended
    assert ["job.succeeded", "job.cancelled"] == await ends_told(stage, house.account_id)
    assert 0 == stage.redis.zcard("untold")


async def test_nothing_is_told_of_a_job_that_was_erased(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, CURVE, WEEK)
    await stage.resources.ledger.settle(CallTicket(job.id, 0), OK, datetime.now(UTC))
    await stage.resources.ledger.forget([job.id])

    assert 0 == stage.redis.zcard("untold")
