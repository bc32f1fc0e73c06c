"""A failing provider is paused for all workers, for increasing times, and tried with one call at a time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.core.errors import AppError, NoSlotYet, ProviderUnavailable
from shared.jobs.models import CallTicket, JobStatus, Lane
from shared.quota.circuit_breaker import CircuitBreaker, Patience
from shared.quota.pacer import Pacer, Quota
from shared.quota.quota_status import CircuitState, circuit_key
from shared.readings.models import Reading
from shared.resources import Resources, open_resources
from tests.support.patience import PATIENCE_SECONDS
from tests.support.simulated_enedis import HEATED_HOUSE, SimulatedEnedis
from tests.support.worker import Lateness, Stage, days_ago, now_of
from workers.providers.enedis.adapter_2026 import MEASURES_API, Enedis
from workers.providers.enedis.build import enedis_token_fetcher
from workers.upstream.access_tokens import TokenStore
from workers.upstream.http_client import ProviderClient, open_http
from workers.upstream.port import FetchRequest

pytestmark = pytest.mark.anyio

PATIENCE = Patience(failures=3, first_pause_seconds=60, longest_pause_seconds=200, probe_seconds=30)
KEY = circuit_key("enedis", MEASURES_API)


@pytest.fixture
async def workers(resources: Resources, enedis: SimulatedEnedis) -> AsyncIterator[list[Enedis]]:
    """The adapters of three processes."""
    async with three_workers(resources, PATIENCE_SECONDS) as opened:
        enedis.share(HEATED_HOUSE)
        yield opened


@asynccontextmanager
async def three_workers(resources: Resources, timeout_seconds: float) -> AsyncIterator[list[Enedis]]:
    """The adapters of three processes with this timeout."""
    settings = resources.settings
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(3):
            resources = await stack.enter_async_context(open_resources(settings))
            http = await stack.enter_async_context(open_http(timeout_seconds))
            pacer = Pacer(resources.redis, "enedis", Quota(1000, 100_000, 100_000), PATIENCE)
            tokens = TokenStore(resources.redis, resources.server, "enedis")
            client = ProviderClient(http, settings.enedis_base_url, pacer, tokens, enedis_token_fetcher(settings))
            opened.append(Enedis(client))
        yield opened


async def fetch(worker: Enedis) -> list[Reading]:
    """One call."""
    day: date = days_ago(20)
    asked = FetchRequest(
        HEATED_HOUSE, DATASETS["consumption_load_curve"], DayRange(day, day + timedelta(days=1)), Lane.INTERACTIVE
    )
    return list(await worker.fetch_readings(asked))


async def outcome(worker: Enedis) -> type[AppError] | None:
    """The outcome of one call."""
    try:
        await fetch(worker)
    except AppError as error:
        return type(error)
    return None


async def fail(workers: list[Enedis], times: int = PATIENCE.failures) -> None:
    """Make ``times`` consecutive failing calls, from any of the processes."""
    for number in range(times):
        with pytest.raises(ProviderUnavailable):
            await fetch(workers[number % len(workers)])


def end_pause(redis: Redis) -> None:
    """End the pause."""
    redis.hset(KEY, "pause_ends", str(now_of(redis) - 1))


def pause_end(redis: Redis) -> float:
    """The end of the pause, by the clock of Redis."""
    ends: Any = redis.hget(KEY, "pause_ends")
    return float(ends)


async def test_after_a_few_failures_in_a_row_nobody_asks_and_nothing_reaches_the_provider(
    workers: list[Enedis], resources: Resources, enedis: SimulatedEnedis, redis: Redis
) -> None:
    # On any machine, a response that is late by minutes exceeds a short timeout.
    late = {"kind": "delay", "delay_seconds": 600}
    async with three_workers(resources, 0.2) as impatient:
        for fault in (
            {"kind": "technical_error"},
            {"kind": "html"},
            {"kind": "html", "status": 200},
            {"kind": "cut"},
            late,
            {"kind": "error", "code": "500", "status": 500, "api": "token"},
        ):
            askers = impatient if fault is late else workers
            redis.flushall()
            enedis.start_again()
            enedis.share(HEATED_HOUSE)
            enedis.break_calls(**fault, count=None)
            lateness, begun = Lateness(), time.time()
            await fail(askers)
            before = len(enedis.calls()) + len(enedis.calls("token"))

            for worker in askers:
                with pytest.raises(NoSlotYet) as refused:
                    await fetch(worker)
                moment = refused.value.retry_at
                assert isinstance(moment, datetime), fault
                assert lateness.explains(moment.timestamp(), begun + PATIENCE.first_pause_seconds), fault

            assert before == len(enedis.calls()) + len(enedis.calls("token")), fault


async def test_a_provider_that_refuses_is_one_that_works(
    workers: list[Enedis], enedis: SimulatedEnedis, redis: Redis
) -> None:
    for code in ("no_data_found", "ADAM-ERR0123", "ADAM-ERR0069", "900908"):
        redis.flushall()
        enedis.mend()
        enedis.break_calls(kind="error", code=code, count=None)

        outcomes = [await outcome(workers[0]) for _ in range(PATIENCE.failures + 1)]

        assert NoSlotYet not in outcomes, code


async def test_one_answer_between_failures_begins_the_count_again(
    workers: list[Enedis], enedis: SimulatedEnedis, redis: Redis
) -> None:
    for _ in range(2):
        enedis.break_calls(kind="technical_error", count=PATIENCE.failures - 1)
        await fail(workers, PATIENCE.failures - 1)
        await fetch(workers[0])

    assert 0 == redis.exists(KEY)


async def test_after_the_pause_one_call_tries_and_the_next_pause_is_longer(
    workers: list[Enedis], enedis: SimulatedEnedis, redis: Redis
) -> None:
    enedis.break_calls(kind="technical_error", delay_seconds=0.1, count=None)
    await fail(workers)
    before = len(enedis.calls())
    for seconds in (120, 200, 200):
        end_pause(redis)
        lateness, begun = Lateness(), now_of(redis)
        outcomes = await asyncio.gather(*(outcome(worker) for worker in workers for _ in range(2)))
        # Including the trial call: the provider's outage is not its fault.
        assert 6 == outcomes.count(NoSlotYet)
        assert lateness.explains(pause_end(redis), begun + seconds)

    assert before + 3 == len(enedis.calls())


async def test_a_call_that_is_answered_after_the_pause_reopens_for_everybody_at_once(
    workers: list[Enedis], enedis: SimulatedEnedis, redis: Redis, resources: Resources
) -> None:
    enedis.break_calls(kind="technical_error", count=None)
    await fail(workers)
    enedis.mend()
    end_pause(redis)

    first = await outcome(workers[0])
    others = await asyncio.gather(*(outcome(worker) for worker in workers for _ in range(4)))

    assert {None} == {first, *others}
    (shown,) = await resources.quota_status.load_use()
    assert (CircuitState.WORKING, 0, None) == (shown.circuit, shown.failures, shown.reopens_at)


async def test_whoever_looks_on_sees_the_pause_and_the_failures(
    workers: list[Enedis], enedis: SimulatedEnedis, resources: Resources
) -> None:
    enedis.break_calls(kind="technical_error", count=None)
    await fail(workers)

    lateness = Lateness()
    (shown,) = await resources.quota_status.load_use()

    assert (CircuitState.PAUSED, PATIENCE.failures) == (shown.circuit, shown.failures)
    down_until = await resources.quota_status.down_until("enedis", ["measures"])
    # The same time, computed again from the remaining pause in Redis.
    assert shown.reopens_at is not None
    assert down_until is not None
    assert abs((down_until - shown.reopens_at).total_seconds()) <= lateness.seconds
    assert await resources.quota_status.down_until("enedis", ["another"]) is None


async def test_calls_that_were_in_the_air_when_the_pause_began_make_it_no_longer(
    resources: Resources, redis: Redis
) -> None:
    circuit = CircuitBreaker(resources.redis, "enedis", PATIENCE)
    for number in range(PATIENCE.failures):
        await circuit.note(MEASURES_API, f"call-{number}", worked=False)
    before = pause_end(redis)

    await circuit.note(MEASURES_API, "in the air", worked=False)

    assert before == pause_end(redis)
    assert b"60" == redis.hget(KEY, "pause_seconds")


async def test_when_the_one_that_tries_says_nothing_another_one_tries(resources: Resources, redis: Redis) -> None:
    pacer = Pacer(resources.redis, "enedis", Quota(1000, 100_000, 100_000), PATIENCE)
    for number in range(PATIENCE.failures):
        await pacer.circuit.note(MEASURES_API, f"call-{number}", worked=False)
    end_pause(redis)
    await pacer.grant(MEASURES_API, Lane.BULK)
    with pytest.raises(NoSlotYet):
        await pacer.grant(MEASURES_API, Lane.BULK)
    # Its process is killed, and its lease expires.
    redis.hset(KEY, "probe_ends", str(now_of(redis) - 1))

    await pacer.grant(MEASURES_API, Lane.BULK)


async def test_a_try_that_was_never_made_leaves_it_to_the_next_one(resources: Resources, redis: Redis) -> None:
    pacer = Pacer(resources.redis, "enedis", Quota(1000, 100_000, 100_000), PATIENCE)
    for number in range(PATIENCE.failures):
        await pacer.circuit.note(MEASURES_API, f"call-{number}", worked=False)
    end_pause(redis)
    with pytest.raises(asyncio.CancelledError):
        async with pacer.slot(MEASURES_API, Lane.BULK):
            raise asyncio.CancelledError

    async with pacer.slot(MEASURES_API, Lane.BULK):
        pass


async def test_calls_under_way_wait_for_the_end_of_the_pause_uncounted_and_then_go_on_in_their_order(
    stage: Stage, house: UsagePoint
) -> None:
    job = await stage.submit(house, "consumption_load_curve", DayRange(days_ago(41), days_ago(20)))
    lateness, begun = Lateness(), time.time()
    stage.redis.hset(KEY, mapping={"failures": 5, "pause_seconds": 60, "pause_ends": now_of(stage.redis) + 60})

    assert 3 == await stage.work_off()

    calls = [CallTicket(job.id, number) for number in range(3)]
    assert [True] * 3 == [lateness.explains(stage.lease_of(call), begun + 60) for call in calls]
    assert [b"0"] * 3 == stage.redis.hmget(f"calls:{job.id}", [f"{call.number}:attempts" for call in calls])
    assert [] == stage.enedis.calls()
    stage.redis.hset(KEY, "pause_ends", now_of(stage.redis))
    later = datetime.fromtimestamp(max(stage.lease_of(call) or 0 for call in calls) + 1, UTC)
    due = await stage.resources.ledger.overdue_calls(later)
    for call in due:
        await stage.fetcher.do_call(call.ticket)
    assert JobStatus.SUCCEEDED is (await stage.job(job)).status
    planned: Any = stage.redis.hmget(f"calls:{job.id}", [str(call.number) for call in calls])
    assert [tuple(days.decode().split("/")) for days in planned] == stage.enedis.days_asked()
