"""Enedis's own rate limits: calls in any second and calls in an hour, per API.

Counts admitted calls; a refused call costs nothing. Keeps no more timestamps than the limits need.
"""

from collections import deque
from datetime import datetime, timedelta

from simulator.clock import Clock
from simulator.config import HourWindow
from simulator.errors import burst_exceeded, quota_exceeded

SECOND = 1.0
HOUR = 3_600.0


class ApiLimit:
    """The two windows of one API."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_second: deque[float] = deque()
        self._last_hour: deque[float] = deque()
        self._clock_hour: datetime | None = None
        self._clock_hour_calls = 0

    def admit(self, per_second: int, per_hour: int, hour_window: HourWindow) -> None:
        """Admit one call and count it.

        Raises:
            Refusal: 429; 900804 when the hourly limit is exhausted, else 900807 when the per-second limit is.
        """
        arrived = self._clock.monotonic()
        now = self._clock.now()
        self._forget(arrived, now)
        if hour_window == "clock" and self._clock_hour_calls >= per_hour:
            raise quota_exceeded(_hour_of(now) + timedelta(hours=1))
        if hour_window == "sliding" and len(self._last_hour) >= per_hour:
            freed_in = self._last_hour[-per_hour] + HOUR - arrived
            raise quota_exceeded(_ceil_second(now + timedelta(seconds=freed_in)))
        if len(self._last_second) >= per_second:
            raise burst_exceeded()
        self._last_second.append(arrived)
        self._last_hour.append(arrived)
        self._clock_hour_calls += 1

    def _forget(self, arrived: float, now: datetime) -> None:
        while self._last_second and arrived - self._last_second[0] >= SECOND:
            self._last_second.popleft()
        while self._last_hour and arrived - self._last_hour[0] >= HOUR:
            self._last_hour.popleft()
        if self._clock_hour != _hour_of(now):
            self._clock_hour = _hour_of(now)
            self._clock_hour_calls = 0


class Limits:
    """Every API's windows, created when the API is first called."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apis: dict[str, ApiLimit] = {}

    def admit(self, api: str, per_second: int, per_hour: int, hour_window: HourWindow) -> None:
        """Count one call to `api`, or raise the `Refusal` of `ApiLimit.admit`."""
        self._apis.setdefault(api, ApiLimit(self._clock)).admit(per_second, per_hour, hour_window)

    def clear(self) -> None:
        """Reset all counters."""
        self._apis.clear()


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _ceil_second(moment: datetime) -> datetime:
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + timedelta(seconds=1)
