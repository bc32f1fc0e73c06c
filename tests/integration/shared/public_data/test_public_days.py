"""Public data in SQL, and the claim to fetch it, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.core.calendar import DayRange
from shared.core.errors import ProviderNotSubscribed, ProviderThrottled
from shared.public_data.store import Extent, PublicDayStore, Source
from shared.storage.database import Database

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PAUSE = timedelta(minutes=30)
FIRST = date(2026, 11, 20)
RED, BLUE, NOTHING = ({"colour": each, "updated_at": None} for each in ("RED", "BLUE", None))


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PublicDayStore]:
    """A store over a migrated database."""
    database = Database(database_url)
    yield PublicDayStore(database)
    await database.close()


def day(number: int) -> date:
    """The day ``number`` days after the first."""
    return FIRST + timedelta(days=number)


async def test_days_are_stored_and_read_in_their_order(store: PublicDayStore) -> None:
    await store.save_days("tempo", {day(2): RED, day(0): BLUE, day(5): RED}, NOW)
    await store.save_days("ecowatt", {day(1): {"level": 1}}, NOW)

    found = await store.load_days("tempo", DayRange(day(0), day(5)))

    assert [(day(0), BLUE), (day(2), RED)] == list(found.items())
    assert Extent(3, day(0), day(5)) == await store.load_extent("tempo")


async def test_only_what_says_something_else_is_written(store: PublicDayStore) -> None:
    await store.save_days("tempo", {day(0): BLUE, day(1): BLUE}, NOW)

    written = await store.save_days("tempo", {day(0): BLUE, day(1): RED, day(2): BLUE}, NOW + PAUSE)
    again = await store.save_days("tempo", {day(0): BLUE, day(1): RED}, NOW + 2 * PAUSE)

    assert ([day(1), day(2)], []) == (written, again)


async def test_days_without_a_document_are_missing_and_those_that_say_nothing_are_not(store: PublicDayStore) -> None:
    days = DayRange(day(0), day(4))
    await store.save_days("tempo", {day(0): BLUE, day(2): NOTHING, day(9): RED}, NOW)

    assert [day(1), day(3)] == await store.missing_days("tempo", days)

    await store.save_days("tempo", {day(1): RED, day(3): NOTHING}, NOW)
    assert [] == await store.missing_days("tempo", days)


async def test_nobody_asks_twice_within_the_pause(store: PublicDayStore) -> None:
    assert await store.take_turn("tempo", PAUSE, NOW)

    assert not await store.take_turn("tempo", PAUSE, NOW + PAUSE - timedelta(seconds=1))
    assert not await store.take_turn("tempo", PAUSE, NOW + PAUSE - timedelta(seconds=1), by_hand=True)
    assert await store.take_turn("ecowatt", PAUSE, NOW)
    assert await store.take_turn("tempo", PAUSE, NOW + PAUSE)


async def test_of_many_at_the_same_moment_one_asks(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(4)]
    stores = [PublicDayStore(database) for database in databases]

    taken = await asyncio.gather(*(store.take_turn("tempo", PAUSE, NOW) for store in stores for _ in range(3)))

    assert 1 == sum(taken)
    for database in databases:
        await database.close()


async def test_a_pause_outlives_the_process(database_url: str) -> None:
    before, after = Database(database_url), Database(database_url)
    await PublicDayStore(before).take_turn("tempo", PAUSE, NOW)
    await before.close()

    assert not await PublicDayStore(after).take_turn("tempo", PAUSE, NOW + timedelta(minutes=1))
    await after.close()


async def test_nobody_asks_while_the_clock_has_gone_back_unless_it_was_wrong_by_days(store: PublicDayStore) -> None:
    await store.take_turn("tempo", PAUSE, NOW)

    assert not await store.take_turn("tempo", PAUSE, NOW - timedelta(hours=1))
    assert await store.take_turn("tempo", PAUSE, NOW - timedelta(days=30))


async def test_a_failure_makes_it_rest_and_a_success_ends_that(store: PublicDayStore) -> None:
    until = NOW + timedelta(hours=3)
    await store.take_turn("tempo", PAUSE, NOW)
    await store.note_failure("tempo", ProviderNotSubscribed.code, until)

    assert Source(NOW, None, ProviderNotSubscribed.code, until) == await store.load_source("tempo")
    assert not await store.take_turn("tempo", PAUSE, until - timedelta(seconds=1))
    assert await store.take_turn("tempo", PAUSE, until)

    await store.note_success("tempo", until)
    assert Source(until, until, None, None) == await store.load_source("tempo")


async def test_by_hand_a_rest_is_ended_but_not_the_one_that_the_provider_wants(store: PublicDayStore) -> None:
    later, until = NOW + PAUSE, NOW + timedelta(hours=3)
    for source, code in (("tempo", ProviderNotSubscribed.code), ("ecowatt", ProviderThrottled.code)):
        await store.take_turn(source, PAUSE, NOW)
        await store.note_failure(source, code, until)

    assert await store.take_turn("tempo", PAUSE, later, by_hand=True)
    assert not await store.take_turn("ecowatt", PAUSE, later, by_hand=True)


async def test_a_failure_of_what_never_took_a_turn_is_noted_too(store: PublicDayStore) -> None:
    await store.note_failure("tempo/history", "provider_timeout", NOW)

    assert Source(None, None, "provider_timeout", NOW) == await store.load_source("tempo/history")
    assert Source() == await store.load_source("tempo")


def test_a_source_rests_until_its_moment() -> None:
    moments = {None: False, NOW: False, NOW + PAUSE: True, NOW + timedelta(days=100): False}

    assert moments == {each: Source(NOW, None, "provider_timeout", each).rests(NOW) for each in moments}
