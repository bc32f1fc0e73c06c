"""The simulated time can be moved; arrival times stay the machine's."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from simulator.clock import Clock, ManualClock

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
CHOSEN = datetime(2026, 10, 25, 9, tzinfo=timezone(timedelta(hours=2)))


def test_a_moved_clock_runs_on_from_the_chosen_instant() -> None:
    clock = ManualClock(START)
    clock.set(CHOSEN)
    clock.advance(60)

    assert clock.now() == CHOSEN + timedelta(seconds=60)


def test_a_frozen_clock_stays() -> None:
    clock = ManualClock(START)
    clock.set(CHOSEN, frozen=True)
    clock.advance(60)

    assert clock.now() == CHOSEN


def test_arrival_times_do_not_follow_the_simulated_instant() -> None:
    clock = ManualClock(START)
    clock.set(CHOSEN, frozen=True)
    clock.advance(60)

    assert clock.epoch_seconds() == (START + timedelta(seconds=60)).timestamp()
    assert clock.monotonic() == 60


def test_a_reset_clock_shows_the_machine_again() -> None:
    clock = ManualClock(START)
    clock.set(CHOSEN, frozen=True)
    clock.reset()

    assert clock.now() == START


def test_an_instant_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Clock().set(datetime.fromisoformat("2026-01-01T00:00:00"))
