"""Records in the encrypted store: one window, `current`, encrypted in the same way as readings."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS, Series
from shared.crypto.vault import CannotOpen, ServerSecret, new_vault
from shared.readings.models import Coverage, Reason
from shared.readings.planning import absence_of
from shared.readings.store import ReadingStore
from tests.support.storing import save_record, save_window

pytestmark = pytest.mark.anyio

SERVER, OTHER_SERVER = ServerSecret("synthetic-server-secret-number-one-0000"), ServerSecret("another-secret" * 3)
KEYS, OTHER_KEYS = new_vault(), new_vault()
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TODAY = DayRange(date(2026, 11, 22), date(2026, 11, 23))
FETCHED = Coverage("current", NOW, TODAY.start, TODAY.end)
SERIES = Series("acct_1", "up_1", "contract")
RECORD = {
    "segment": "C5",
    "subscribed_power": {"value": 6, "unit": "kVA"},
    "offpeak_hours": ["22:50-06:50"],
    "tariff": "Heures pleines heures creuses, été",
    "generation": None,
}


@pytest.fixture
def store(redis: Redis) -> ReadingStore:
    """The records in it."""
    return ReadingStore(redis, SERVER)


async def test_a_record_comes_back_as_it_was_saved(store: ReadingStore) -> None:
    await save_record(store, SERIES, FETCHED, RECORD, KEYS.public_key)

    assert RECORD == await store.open_record(SERIES, KEYS.private_key)
    assert {"current": FETCHED} == await store.load_all_coverage(SERIES)


async def test_a_record_that_was_never_saved_is_none(store: ReadingStore) -> None:
    assert await store.open_record(SERIES, KEYS.private_key) is None


async def test_the_later_record_takes_the_place_of_the_earlier_one(store: ReadingStore) -> None:
    await save_record(store, SERIES, FETCHED, RECORD, KEYS.public_key)
    await save_record(store, SERIES, FETCHED, {"segment": "C4"}, KEYS.public_key)

    assert {"segment": "C4"} == await store.open_record(SERIES, KEYS.private_key)


async def test_a_record_opens_with_its_account_s_key_alone(store: ReadingStore) -> None:
    await save_record(store, SERIES, FETCHED, RECORD, KEYS.public_key)

    with pytest.raises(CannotOpen):
        await store.open_record(SERIES, OTHER_KEYS.private_key)


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(SERIES, account_id="acct_2"),
        replace(SERIES, usage_point_id="up_2"),
        replace(SERIES, dataset="identity"),
    ],
    ids=["account", "usage point", "dataset"],
)
async def test_a_record_that_was_moved_does_not_open(redis: Redis, store: ReadingStore, elsewhere: Series) -> None:
    await save_record(store, SERIES, FETCHED, RECORD, KEYS.public_key)
    blob = await redis.hget("readings:acct_1:up_1:contract", "current")
    assert blob is not None
    key = f"readings:{elsewhere.account_id}:{elsewhere.usage_point_id}:{elsewhere.dataset}"
    await redis.hset(key, "current", blob)

    with pytest.raises(CannotOpen):
        await store.open_record(elsewhere, KEYS.private_key)


async def test_a_record_that_another_server_forged_does_not_open(redis: Redis, store: ReadingStore) -> None:
    await save_record(ReadingStore(redis, OTHER_SERVER), SERIES, FETCHED, RECORD, KEYS.public_key)

    with pytest.raises(CannotOpen):
        await store.open_record(SERIES, KEYS.private_key)


async def test_a_blob_says_neither_what_it_holds_nor_how_long_it_is(redis: Redis, store: ReadingStore) -> None:
    lengths = set()
    for name in ("DUPONT-SYNTHETIQUE", "LE"):
        await save_record(store, SERIES, FETCHED, {"lastname": name}, KEYS.public_key)
        blob = await redis.hget("readings:acct_1:up_1:contract", "current")
        assert blob is not None
        assert name.encode() not in blob
        lengths.add(len(blob))

    assert 1 == len(lengths)


async def test_an_absence_leaves_the_record_that_is_there(store: ReadingStore) -> None:
    await save_record(store, SERIES, FETCHED, RECORD, KEYS.public_key)
    absent = absence_of(DATASETS["contract"], TODAY, Reason.NO_MEASURE, NOW)
    await save_window(store, SERIES, absent, [], b"")

    assert RECORD == await store.open_record(SERIES, KEYS.private_key)
    assert {"current": absent} == await store.load_all_coverage(SERIES)


async def test_erasing_takes_record_and_coverage(redis: Redis, store: ReadingStore) -> None:
    await save_record(store, SERIES, FETCHED, RECORD, KEYS.public_key)
    await store.erase_series(SERIES)

    assert [] == await redis.keys()
