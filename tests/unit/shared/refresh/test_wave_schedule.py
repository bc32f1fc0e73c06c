"""The times of the refresh: the same for the process that sends a wave and the one that runs it."""

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core.calendar import PARIS
from shared.refresh.wave_schedule import due_wave, first_wave, next_wave_at, wave_hours
from tests.support.cases import case

HALF_PAST_EIGHT = time(8, 30)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


@given(gateway=st.integers(0, 2**64), jitter=st.integers(0, 180))
def test_a_gateway_begins_no_earlier_than_set_and_no_later_than_the_jitter_allows(gateway: int, jitter: int) -> None:
    begins = first_wave(HALF_PAST_EIGHT, f"{gateway:x}", jitter)

    late = datetime.combine(date(2026, 1, 1), begins) - datetime.combine(date(2026, 1, 1), HALF_PAST_EIGHT)
    assert timedelta() <= late <= timedelta(minutes=jitter)


def test_gateways_begin_at_different_times_and_each_always_at_its_own() -> None:
    begins = [first_wave(HALF_PAST_EIGHT, f"{number:x}", 15) for number in range(64)]

    assert 16 == len(set(begins))
    assert begins == [first_wave(HALF_PAST_EIGHT, f"{number:x}", 15) for number in range(64)]


def test_a_late_evening_goes_on_past_midnight() -> None:
    assert time(0, 5) == first_wave(time(23, 55), "a", 10)
    assert [21, 0, 3, 6] == wave_hours(time(21, 5))


def test_the_wave_that_is_due_is_the_newest_one_of_the_last_three_hours() -> None:
    cases: list[tuple[str, str | None]] = [
        ("2026-11-23T08:24:59", None),
        # The clocks of two machines always differ slightly.
        ("2026-11-23T08:29:58", "2026-11-23/1"),
        ("2026-11-23T08:30:00", "2026-11-23/1"),
        ("2026-11-23T11:24:00", "2026-11-23/1"),
        ("2026-11-23T11:29:59", "2026-11-23/2"),
        ("2026-11-23T17:31:00", "2026-11-23/4"),
        ("2026-11-23T20:29:00", "2026-11-23/4"),
        # The next one is soon enough.
        ("2026-11-23T20:30:00", None),
        ("2026-11-24T03:00:00", None),
    ]

    for now, expected in cases:
        with case(now, expected):
            assert expected == due_wave(paris(now), HALF_PAST_EIGHT)


def test_a_wave_after_midnight_belongs_to_the_evening_on_which_the_first_one_began() -> None:
    assert "2026-11-22/2" == due_wave(paris("2026-11-23T00:05"), time(21, 5))


# Includes the nights of clock changes, at any hour.
@given(
    day=st.sampled_from([date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 24), date(2026, 10, 25)]),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_whoever_takes_up_a_wave_at_its_hour_finds_it_due_and_each_has_a_name_of_its_own(
    day: date, hour: int, minute: int
) -> None:
    first = time(hour, minute)
    found = []

    now = datetime.combine(day, first, PARIS).astimezone(UTC) - timedelta(seconds=1)
    for _ in range(4):
        now = next_wave_at(now, first)
        found.append(due_wave(now, first))

    assert None not in found
    assert 4 == len(set(found))
    assert next_wave_at(now, first) > now
