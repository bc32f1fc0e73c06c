"""The windows are exact: the last allowed call passes, the next is refused, and no longer than necessary."""

from datetime import UTC, datetime

import pytest

from simulator.clock import ManualClock
from simulator.config import HourWindow
from simulator.errors import Refusal
from simulator.limits import Limits

START = datetime(2026, 11, 23, 10, 20, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def limits(clock: ManualClock) -> Limits:
    return Limits(clock)


def _admit(limits: Limits, api: str = "api", hour: HourWindow = "clock", per_hour: int = 1_000) -> None:
    limits.admit(api, 5, per_hour, hour)


def _refusal(limits: Limits, hour: HourWindow = "clock", per_hour: int = 1_000) -> Refusal:
    with pytest.raises(Refusal) as caught:
        _admit(limits, hour=hour, per_hour=per_hour)
    return caught.value


def test_the_sixth_call_within_a_second_is_refused_without_a_date(limits: Limits) -> None:
    for _ in range(5):
        _admit(limits)
    refusal = _refusal(limits)

    assert refusal.status == 429
    assert refusal.body == {
        "fault": {"code": 900807, "message": "Message throttled out", "description": "You have exceeded your quota"}
    }


def test_the_second_slides_and_frees_one_call_at_a_time(limits: Limits, clock: ManualClock) -> None:
    _admit(limits)
    clock.advance(0.5)
    for _ in range(4):
        _admit(limits)
    clock.advance(0.499)
    _refusal(limits)
    clock.advance(0.001)
    _admit(limits)
    refusal = _refusal(limits)

    assert refusal.status == 429


def test_a_refused_call_costs_nothing(limits: Limits, clock: ManualClock) -> None:
    for _ in range(5):
        _admit(limits)
    for _ in range(50):
        _refusal(limits)
    clock.advance(1.0)

    for _ in range(5):
        _admit(limits)


def test_each_api_has_windows_of_its_own(limits: Limits) -> None:
    for _ in range(5):
        _admit(limits, "measures")

    _admit(limits, "services")


def test_the_clock_hour_reopens_at_the_full_hour_and_says_so(limits: Limits, clock: ManualClock) -> None:
    for _ in range(10):
        _admit(limits, per_hour=10)
        clock.advance(1)
    refusal = _refusal(limits, per_hour=10)

    assert refusal.body == {
        "code": "900804",
        "message": "Message throttled out",
        "description": "You have exceeded your quota .You can access API after 2026-Nov-23 11:00:00+0000 UTC",
        "nextAccessTime": "2026-Nov-23 11:00:00+0000 UTC",
    }
    clock.advance(40 * 60 - 10 - 1)
    _refusal(limits, per_hour=10)
    clock.advance(1)
    _admit(limits, per_hour=10)


def test_the_sliding_hour_reopens_when_its_oldest_call_is_an_hour_old(limits: Limits, clock: ManualClock) -> None:
    for _ in range(10):
        _admit(limits, hour="sliding", per_hour=10)
        clock.advance(1)
    refusal = _refusal(limits, hour="sliding", per_hour=10)

    assert refusal.body["nextAccessTime"] == "2026-Nov-23 11:20:00+0000 UTC"
    clock.advance(3_600 - 10 - 1)
    _refusal(limits, hour="sliding", per_hour=10)
    clock.advance(1)
    _admit(limits, hour="sliding", per_hour=10)
    _refusal(limits, hour="sliding", per_hour=10)


def test_cleared_limits_have_forgotten_everything(limits: Limits) -> None:
    for _ in range(5):
        _admit(limits)
    limits.clear()

    _admit(limits)
