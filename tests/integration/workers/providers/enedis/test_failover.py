"""`ENEDIS_API=auto`: which generation is called, how often, and when it is tried again. Real Redis."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from shared.consents.models import GrantedPoint
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.core.errors import (
    AppError,
    BeforeActivation,
    ConsentLost,
    NoMeasure,
    ProviderApiMissing,
    ProviderNotSubscribed,
    ProviderThrottled,
    ProviderUnavailable,
)
from shared.jobs.models import Lane
from shared.readings.models import Reading
from workers.providers.enedis.failover import MEMORY_SECONDS, GenerationMemory, Generations
from workers.upstream.port import FetchRequest, RecordRequest

pytestmark = pytest.mark.anyio
PRM = "99000000000011"
READING = Reading(datetime(2026, 9, 7, 22, tzinfo=UTC), "P1D", 5)


class Counting:
    """A provider that counts its calls, and fails on demand."""

    name = "enedis"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: AppError | None = None

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        self._answer(request.dataset.name)
        return [READING]

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        self._answer(request.dataset.name)
        return {"segment": "C5"}

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        self._answer("services")
        return []

    def _answer(self, what: str) -> None:
        self.asked.append(what)
        if self.error is not None:
            raise self.error


class Bench:
    """Two generations, and calls to them."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.newer, self.older = Counting(), Counting()
        self.provider = Generations(self.newer, self.older, GenerationMemory(redis, "enedis"))

    async def ask(self, dataset: str = "daily_consumption") -> Any:
        known = DATASETS[dataset]
        if not known.is_series:
            return await self.provider.fetch_record(RecordRequest(PRM, known, Lane.BULK))
        days = DayRange(date(2026, 9, 8), date(2026, 9, 9))
        return await self.provider.fetch_readings(FetchRequest(PRM, known, days, Lane.BULK))

    @property
    def calls(self) -> tuple[int, int]:
        return len(self.newer.asked), len(self.older.asked)

    async def keys(self) -> dict[bytes, bytes | None]:
        names = await cast(Awaitable[list[bytes]], self.redis.keys("generation:*"))
        return {name: await cast(Awaitable[bytes | None], self.redis.get(name)) for name in names}


@pytest.fixture
async def bench(redis_url: str) -> Any:
    async with Redis.from_url(redis_url) as redis:
        yield Bench(redis)


async def test_what_2026_answers_is_asked_once(bench: Bench) -> None:
    assert [READING] == await bench.ask()
    await bench.ask()

    assert (2, 0) == bench.calls


async def test_where_2026_is_not_there_v5_is_asked_and_remembered(redis_url: str) -> None:
    errors: list[type[AppError]] = [ProviderNotSubscribed, ProviderApiMissing]
    for error in errors:
        async with Redis.from_url(redis_url) as redis:
            await redis.flushall()
            bench = Bench(redis)
            bench.newer.error = error()

            assert [READING] == await bench.ask(), error
            await bench.ask()
            await bench.ask("consumption_load_curve")

            assert (1, 3) == bench.calls, error
            assert {b"generation:enedis:measures": b"v5"} == await bench.keys(), error
            assert 0 < await bench.redis.ttl("generation:enedis:measures") <= MEMORY_SECONDS, error


async def test_what_is_remembered_of_one_api_says_nothing_of_another(bench: Bench) -> None:
    bench.newer.error = ProviderNotSubscribed()
    await bench.ask()
    bench.newer.error = None

    await bench.ask("contract")

    assert (2, 1) == bench.calls


async def test_an_error_that_says_nothing_of_the_api_makes_no_second_call(bench: Bench) -> None:
    errors: list[type[AppError]] = [ProviderUnavailable, ProviderThrottled, ConsentLost, BeforeActivation, NoMeasure]
    for number, error in enumerate(errors, start=1):
        bench.newer.error = error()

        with pytest.raises(error):
            await bench.ask()

        assert (number, 0) == bench.calls, error
        assert {} == await bench.keys(), error


async def test_2026_is_tried_again_when_the_memory_has_ended(bench: Bench) -> None:
    bench.newer.error = ProviderNotSubscribed()
    await bench.ask()
    bench.newer.error = None
    await bench.redis.delete("generation:enedis:measures")

    await bench.ask()

    assert (2, 1) == bench.calls


async def test_when_v5_ends_2026_is_asked_at_once_and_from_then_on(bench: Bench) -> None:
    bench.newer.error = ProviderNotSubscribed()
    await bench.ask()
    bench.newer.error, bench.older.error = None, ProviderApiMissing()

    assert [READING] == await bench.ask()
    await bench.ask()

    assert (3, 2) == bench.calls


async def test_where_neither_is_there_2026_says_so_and_v5_is_left_alone(bench: Bench) -> None:
    bench.newer.error, bench.older.error = ProviderNotSubscribed(), ProviderApiMissing()

    for _ in range(3):
        with pytest.raises(ProviderNotSubscribed):
            await bench.ask()

    assert (3, 1) == bench.calls


async def test_that_v5_lacks_one_dataset_says_nothing_of_the_others(bench: Bench) -> None:
    bench.newer.error, bench.older.error = ProviderNotSubscribed(), ProviderNotSubscribed()
    with pytest.raises(ProviderNotSubscribed):
        await bench.ask("daily_production")
    bench.older.error = None

    assert [READING] == await bench.ask("daily_consumption")


async def test_a_refusal_of_v5_is_its_answer_and_an_outage_is_none(bench: Bench) -> None:
    bench.newer.error, bench.older.error = ProviderNotSubscribed(), ProviderUnavailable()
    with pytest.raises(ProviderUnavailable):
        await bench.ask()
    assert {} == await bench.keys()
    bench.older.error = ConsentLost()
    with pytest.raises(ConsentLost):
        await bench.ask()

    assert {b"generation:enedis:measures": b"v5"} == await bench.keys()


NEWER_ONLY: list[tuple[str, Callable[[Bench], Awaitable[Any]]]] = [
    ("registers", lambda bench: bench.ask("consumption_index")),
    ("services", lambda bench: bench.provider.fetch_granted_points(4101)),
]


@pytest.mark.parametrize(("_", "ask"), NEWER_ONLY)
async def test_what_only_2026_has_is_never_asked_of_v5(
    bench: Bench, _: str, ask: Callable[[Bench], Awaitable[Any]]
) -> None:
    bench.newer.error = ProviderNotSubscribed()

    with pytest.raises(ProviderNotSubscribed):
        await ask(bench)

    assert (1, 0) == bench.calls
