"""The encrypted store on a real server: saved data can be read with the account's key, and with no other."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from redis.asyncio import Redis

from shared.core.calendar import ONE_DAY, PARIS, day_seconds, day_start, days_between
from shared.core.datasets import Series
from shared.crypto.vault import CannotOpen, ServerSecret, new_vault
from shared.readings.models import Coverage, Gap, Reading, Reason
from shared.readings.store import ReadingStore
from tests.support.storing import save_window

pytestmark = pytest.mark.anyio

SECRET, OTHER_SECRET = "synthetic-server-secret-number-one-0000", "synthetic-server-secret-number-two-1111"
SERVER = ServerSecret(SECRET)
KEYS, OTHER_KEYS = new_vault(), new_vault()
NOW = datetime(2026, 11, 22, 9, 30, 15, 123456, tzinfo=UTC)
SERIES = Series("acct_1", "up_1", "consumption_load_curve")
AUTUMN, SPRING, ORDINARY = date(2026, 10, 25), date(2026, 3, 29), date(2026, 1, 15)


@pytest.fixture
def store(redis: Redis) -> ReadingStore:
    """The readings in it."""
    return ReadingStore(redis, SERVER)


def curve(day: date, first_value: int = 31_000) -> list[Reading]:
    """Every half-hour of a day, each with a value that occurs in no other text by chance."""
    start = day_start(day)
    count = day_seconds(day) // 1800
    return [Reading(start + timedelta(minutes=30 * n), "PT30M", first_value + n) for n in range(count)]


def known(day: date, *gaps: Gap) -> Coverage:
    return Coverage(day.isoformat(), NOW, day, day + ONE_DAY, gaps)


async def save(store: ReadingStore, day: date, readings: list[Reading], series: Series = SERIES) -> None:
    await save_window(store, series, known(day), readings, KEYS.public_key)


async def opened(store: ReadingStore, *days: date, series: Series = SERIES, key: bytes | None = None) -> list[Reading]:
    names = [day.isoformat() for day in days]
    return list(await store.open_windows(series, names, key or KEYS.private_key))


def readings_key(series: Series = SERIES) -> str:
    return f"readings:{series.account_id}:{series.usage_point_id}:{series.dataset}"


async def dumped(redis: Redis) -> bytes:
    """Every key, field and value of the server, one after the other."""
    pieces: list[bytes | str] = []
    for key in await redis.keys():
        for field, value in (await redis.hgetall(key)).items():
            pieces += [key, field, value]
    return b"\n".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces)


@pytest.mark.parametrize("day", [SPRING, ORDINARY, AUTUMN])
async def test_a_day_comes_back_as_it_was_saved(day: date, store: ReadingStore) -> None:
    await save(store, day, curve(day)[::-1])

    assert curve(day) == await opened(store, day)
    assert {day.isoformat(): known(day)} == await store.load_coverage(SERIES, [day.isoformat()])


async def test_the_windows_come_in_the_order_in_which_they_are_named_and_those_never_saved_are_left_out(
    store: ReadingStore,
) -> None:
    days = list(days_between(date(2026, 11, 1), date(2026, 11, 6)))
    for day in (days[4], days[0], days[2]):
        await save(store, day, curve(day))

    assert [*curve(days[0]), *curve(days[2]), *curve(days[4])] == await opened(store, *days)
    assert {str(days[0]), str(days[2])} == set(await store.load_coverage(SERIES, map(str, days[:4])))
    assert {str(days[0]), str(days[2]), str(days[4])} == set(await store.load_all_coverage(SERIES))


async def test_of_nothing_asked_and_nothing_saved_nothing_comes(store: ReadingStore) -> None:
    assert [] == await opened(store)
    assert [] == await opened(store, ORDINARY)
    assert {} == await store.load_coverage(SERIES, [])
    assert {} == await store.load_coverage(SERIES, ["2026-01-15"])
    assert {} == await store.load_all_coverage(SERIES)


async def test_coverage_comes_back_with_every_gap_and_moment(store: ReadingStore) -> None:
    gaps = [
        Gap(date(2026, 11, n), date(2026, 11, n + 1), reason, partial, again)
        for n, (reason, partial, again) in enumerate(
            [
                *((reason, False, None) for reason in Reason),
                (Reason.INCOMPLETE, True, NOW + timedelta(hours=2)),
                (Reason.NOT_PUBLISHED_YET, False, datetime(2026, 11, 23, 8, tzinfo=PARIS)),
            ],
            start=1,
        )
    ]
    coverage = Coverage("2026-11", NOW, date(2026, 11, 1), date(2026, 11, 22), tuple(gaps))

    await save_window(store, SERIES, coverage, [], KEYS.public_key)

    assert {"2026-11": coverage} == await store.load_coverage(SERIES, ["2026-11"])


async def test_a_window_saved_again_replaces_what_was_there(store: ReadingStore) -> None:
    await save(store, ORDINARY, curve(ORDINARY)[:10])

    await save(store, ORDINARY, curve(ORDINARY, first_value=52_000))

    assert curve(ORDINARY, first_value=52_000) == await opened(store, ORDINARY)


async def test_a_window_that_comes_back_empty_keeps_what_was_stored_and_says_that_it_is_absent(
    store: ReadingStore,
) -> None:
    await save(store, ORDINARY, curve(ORDINARY))
    absent = known(ORDINARY, Gap(ORDINARY, ORDINARY + ONE_DAY, Reason.CONSENT_LOST))

    await save_window(store, SERIES, absent, [], b"")

    assert curve(ORDINARY) == await opened(store, ORDINARY)
    assert absent == (await store.load_coverage(SERIES, ["2026-01-15"]))["2026-01-15"]


async def test_a_window_that_can_not_be_sealed_leaves_no_coverage(store: ReadingStore) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        await save_window(store, SERIES, known(ORDINARY), curve(ORDINARY), b"no public key")

    assert {} == await store.load_all_coverage(SERIES)


async def test_an_erased_series_is_gone_and_its_neighbour_is_not(store: ReadingStore, redis: Redis) -> None:
    neighbour = replace(SERIES, dataset="production_load_curve")
    await save(store, ORDINARY, curve(ORDINARY))
    await save(store, ORDINARY, curve(ORDINARY), neighbour)

    await store.erase_series(SERIES)

    assert [] == await opened(store, ORDINARY)
    assert curve(ORDINARY) == await opened(store, ORDINARY, series=neighbour)
    assert 2 == await redis.dbsize()


# Failed decryption


@pytest.mark.parametrize(
    "key", [OTHER_KEYS.private_key, KEYS.public_key, b"short"], ids=["another private key", "a public key", "no key"]
)
async def test_another_key_opens_nothing(key: bytes, store: ReadingStore) -> None:
    await save(store, ORDINARY, curve(ORDINARY))

    with pytest.raises(CannotOpen):
        await opened(store, ORDINARY, key=key)


async def test_blobs_swapped_between_two_days_open_for_neither(store: ReadingStore, redis: Redis) -> None:
    for day in (ORDINARY, AUTUMN):
        await save(store, day, curve(day))
    blobs = [await redis.hget(readings_key(), str(day)) for day in (AUTUMN, ORDINARY)]
    await redis.hset(readings_key(), mapping={str(ORDINARY): blobs[0] or b"", str(AUTUMN): blobs[1] or b""})

    for day in (ORDINARY, AUTUMN):
        with pytest.raises(CannotOpen):
            await opened(store, day)


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(SERIES, account_id="acct_2"),
        replace(SERIES, usage_point_id="up_2"),
        replace(SERIES, dataset="production_load_curve"),
    ],
)
async def test_a_blob_moved_to_another_series_does_not_open(
    elsewhere: Series, store: ReadingStore, redis: Redis
) -> None:
    await save(store, ORDINARY, curve(ORDINARY))
    await redis.rename(readings_key(), readings_key(elsewhere))

    with pytest.raises(CannotOpen):
        await opened(store, ORDINARY, series=elsewhere)


async def test_what_was_written_without_the_servers_secret_does_not_open(store: ReadingStore, redis: Redis) -> None:
    """Write access to Redis and the public key are not enough to forge a reading."""
    forger = ReadingStore(redis, ServerSecret(OTHER_SECRET))
    await save(forger, ORDINARY, curve(ORDINARY))

    with pytest.raises(CannotOpen):
        await opened(store, ORDINARY)


async def test_a_day_before_a_forged_one_is_still_given(store: ReadingStore, redis: Redis) -> None:
    await save(store, ORDINARY, curve(ORDINARY))
    await redis.hset(readings_key(), str(AUTUMN), b"forged")

    readings = await store.open_windows(SERIES, [str(ORDINARY), str(AUTUMN)], KEYS.private_key)

    assert curve(ORDINARY) == [next(readings) for _ in range(48)]
    with pytest.raises(CannotOpen):
        next(readings)


async def test_readings_outlive_a_change_of_the_servers_secret(store: ReadingStore, redis: Redis) -> None:
    await save(store, ORDINARY, curve(ORDINARY))

    changed = ReadingStore(redis, ServerSecret(OTHER_SECRET, [SECRET]))

    assert curve(ORDINARY) == await opened(changed, ORDINARY)


async def test_no_reading_is_on_the_server_in_clear(store: ReadingStore, redis: Redis) -> None:
    readings = curve(ORDINARY)
    await save(store, ORDINARY, readings)
    await save_window(
        store,
        replace(SERIES, dataset="daily_consumption"),
        Coverage("2026-01", NOW, date(2026, 1, 1), date(2026, 2, 1)),
        [Reading(day_start(ORDINARY), "P1D", 98_765, day_start(ORDINARY))],
        KEYS.public_key,
    )

    dump = await dumped(redis)

    assert b"2026-01-15" in dump  # the day is stored: the next checks are not vacuous
    assert not [reading for reading in readings if str(reading.value).encode() in dump]
    assert b"98765" not in dump
    assert str(int(readings[0].start.timestamp())).encode() not in dump
    assert KEYS.private_key not in dump
