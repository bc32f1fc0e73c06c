"""The number of usage points that one application's quota serves: days of a gateway on a virtual clock.

The real planner determines the calls of each usage point on each day; the real pacer script determines when each call
is sent, in a dedicated Redis with a virtual clock. Simulated: every call succeeds, and when points are read. Points are
independent, so the cost of a mix is the sum of its parts.

Compared with the naive strategy of most gateways: one call per series and day.
"""

import random
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean, quantiles
from typing import Any

from bench.virtual_pacer import Traffic, VirtualPacer, running_valkey
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS, Dataset
from shared.readings.daily_from_curve import whole_days
from shared.readings.models import Coverage
from shared.readings.planning import plan_calls, refresh_windows, window_name, windows_of
from shared.refresh.cadence import days_to_come, is_collected, is_dormant, is_due_today, pause_days

SERIES = ("consumption_load_curve", "daily_consumption", "daily_consumption_max_power")
WORKING_HOURS = 16
MIXES = (1.0, 0.5, 0.25, 0.1, 0.05, 0.03, 0.02, 0.0)
"""Shares of points that are read every day; the others have not been read for months."""
KEPT_SHARES = (0.15, 0.07, 0.0)
"""Shares of the quota reserved for interactive calls: the default, one for a small gateway, none."""
ACTIVE_POINTS = (500, 1000, 2500, 5000, 10_000)
_CALLS_PER_HOUR = 1000
_ONE_DAY = timedelta(days=1)
_DORMANT_AFTER_DAYS = 30
# Sample size: the planned calls of this many points represent those of all.
_SAMPLE = 210
_SETTLED_DAYS, _COUNTED_DAYS = 8, 14
_FIRST_DAY = date(2026, 9, 1)


@dataclass
class Point:
    """A usage point whose past two weeks are stored."""

    id: str
    used_on: date
    known: dict[str, dict[str, Coverage]] = field(default_factory=lambda: {name: {} for name in SERIES})

    def refresh(self, now: datetime) -> Iterator[tuple[Dataset, DayRange]]:
        """The calls of one morning, planned as in `workers.refresh`; all succeed."""
        dormant = is_dormant(self.used_on, now, _DORMANT_AFTER_DAYS)
        for name in SERIES:
            dataset, known = DATASETS[name], self.known[name]
            curve = self.known[dataset.derived_from] if dataset.derived_from else {}
            collected = is_collected(curve if dataset.derived_from else known)
            pause = pause_days(dataset, collected=collected, dormant=dormant)
            if not is_due_today(dataset, self.id, known, now, pause):
                continue
            derived = whole_days(curve) | days_to_come(dataset, curve, now, collected=collected)
            missing = refresh_windows(dataset, known, now, derived)
            for window in missing:
                known[window_name(dataset, window.start)] = Coverage(
                    window_name(dataset, window.start), now, window.start, window.end
                )
            for call in plan_calls(dataset, missing):
                yield dataset, call


def morning_calls(*, is_active: bool) -> list[list[int]]:
    """The calls per point on several mornings in steady state; all points are read every day, or all are dormant."""
    random_numbers = random.Random(20_261_001)  # noqa: S311  # the same points in every run, no secret
    points = [_settled_point(random_numbers, is_active=is_active) for _ in range(_SAMPLE)]
    mornings = []
    for day in range(_SETTLED_DAYS + _COUNTED_DAYS):
        now = datetime(_FIRST_DAY.year, _FIRST_DAY.month, _FIRST_DAY.day, 6, 30, tzinfo=UTC) + day * _ONE_DAY
        for point in points if is_active else ():
            point.used_on = now.date()
        calls = [sum(1 for _ in point.refresh(now)) for point in points]
        if day >= _SETTLED_DAYS:
            mornings.append(calls)
    return mornings


def _settled_point(random_numbers: random.Random, *, is_active: bool) -> Point:
    point = Point(f"up_{random_numbers.getrandbits(96):024x}", _FIRST_DAY if is_active else date(2026, 1, 1))
    days = DayRange(_FIRST_DAY - 14 * _ONE_DAY, _FIRST_DAY - _ONE_DAY)
    for name in SERIES:
        dataset = DATASETS[name]
        for window in windows_of(dataset, days):
            part = window.clipped(days.start, days.end)
            if part is not None:
                key = window_name(dataset, part.start)
                point.known[name][key] = Coverage(key, datetime(2026, 8, 31, 6, 30, tzinfo=UTC), part.start, part.end)
    return point


def traffic_of(kept_share: float, hours: int = WORKING_HOURS) -> Traffic:
    """The calls that the pacer's script admits in that many hours, with bulk always waiting and one interactive call a
    minute."""
    with tempfile.TemporaryDirectory(prefix="releve-bench-") as directory, running_valkey(Path(directory)) as url:
        pacer = VirtualPacer(url, per_second=5, per_hour=_CALLS_PER_HOUR, interactive_share=kept_share)
        return pacer.run(hours * 3600)


@dataclass(frozen=True)
class Waits:
    """When a gateway's usage points were up to date, in seconds from the start of the wave; only points with data to
    fetch. ``None``: not within the observed hours."""

    points: int
    p50: float | None
    p95: float | None
    last: float | None


@dataclass(frozen=True)
class Capacity:
    """The capacity of one application's quota."""

    active_calls: float
    dormant_calls: float
    active_morning: list[int]
    traffic: dict[float, Traffic]

    def calls(self, active: float) -> float:
        """Calls per point and day of a mix with this share of points read every day."""
        return active * self.active_calls + (1 - active) * self.dormant_calls

    def points(self, active: float, kept_share: float) -> int:
        """The number of points of a mix that are up to date within `WORKING_HOURS`."""
        return int(len(self.traffic[kept_share].bulk) / self.calls(active))

    def naive_points(self, kept_share: float) -> int:
        """The same with the naive strategy."""
        return int(len(self.traffic[kept_share].bulk) / len(SERIES))

    def waits(self, points: int, kept_share: float) -> Waits:
        """When this many points, all read every day, are up to date, in the order of planning."""
        current = self.current_at(points, kept_share)

        def share(part: float) -> float | None:
            index = int(part * points) - 1
            return current[index] if index < len(current) else None

        return Waits(points, share(0.5), share(0.95), share(1.0))

    def current_at(self, points: int, kept_share: float) -> list[float]:
        """The times at which points are up to date, in ascending order, within the observed hours."""
        bulk, made, found = self.traffic[kept_share].bulk, 0, []
        for number in range(points):
            made += self.active_morning[number % len(self.active_morning)]
            if made > len(bulk):
                break
            found.append(bulk[made - 1])
        return found


def measure() -> Capacity:
    """Plan the mornings, and run the pacer's script for each share."""
    active, dormant = morning_calls(is_active=True), morning_calls(is_active=False)
    with ProcessPoolExecutor() as pool:
        traffic = dict(zip(KEPT_SHARES, pool.map(traffic_of, KEPT_SHARES), strict=True))
    return Capacity(
        active_calls=mean(mean(each) for each in active),
        dormant_calls=mean(mean(each) for each in dormant),
        active_morning=active[-1],
        traffic=traffic,
    )


def figures_of(capacity: Capacity) -> dict[str, Any]:
    """The figures to record in the history."""
    kept, few, none = KEPT_SHARES
    waits = capacity.traffic[kept].waits
    return {
        "calls_per_active_point_and_day": round(capacity.active_calls, 3),
        "calls_per_mixed_point_and_day": round(capacity.calls(0.05), 3),
        "calls_per_dormant_point_and_day": round(capacity.dormant_calls, 3),
        "calls_per_point_and_day_naive": len(SERIES),
        "bulk_calls_in_16_hours": len(capacity.traffic[kept].bulk),
        "bulk_calls_in_16_hours_with_7_percent_kept": len(capacity.traffic[few].bulk),
        "bulk_calls_in_16_hours_without_share": len(capacity.traffic[none].bulk),
        "interactive_wait_mean_s": round(mean(waits), 3),
        "interactive_wait_p95_s": round(quantiles(waits, n=20)[-1], 3),
        "active_points_served": capacity.points(1.0, kept),
        "mixed_points_served": capacity.points(0.05, kept),
        "active_points_served_with_7_percent_kept": capacity.points(1.0, few),
        "mixed_points_served_with_7_percent_kept": capacity.points(0.05, few),
        "active_points_served_without_share": capacity.points(1.0, none),
        "mixed_points_served_without_share": capacity.points(0.05, none),
        "points_served_naive": capacity.naive_points(kept),
    }
