"""How many people one application's quota serves: days of a gateway on a virtual clock.

The planner is the real one and decides what each usage point costs on each day; the pacer's script is the real one and
decides when each call goes out, in a Redis of this run's own, with the clock in its hands. What is imagined: that every
call succeeds, and who reads when.

Compared with the naive way of most gateways: one call for each series and day.
"""

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from redis import Redis

from bench.virtual_pacer import VirtualPacer, running_valkey
from shared.catalog import DATASETS, Dataset
from shared.derivation import whole_days
from shared.models import Coverage, DayRange
from shared.planning import plan_calls, refresh_windows, window_name, windows_of
from shared.refreshing import days_to_come, is_collected, is_dormant, is_due_today, pause_days

SERIES = ("consumption_load_curve", "daily_consumption", "daily_consumption_max_power")
WORKING_HOURS = 16
MIXED_ACTIVE_SHARE = 0.05
"""Of mixed points so many are read every day, the others not for months."""
_CALLS_PER_HOUR = 1000
_INTERACTIVE_SHARE = 0.15
_ONE_DAY = timedelta(days=1)
_DORMANT_AFTER_DAYS = 30
# The planner's answers for so many points stand for those of all.
_SAMPLE = 600
_SETTLED_DAYS, _COUNTED_DAYS = 14, 14
_FIRST_DAY = date(2026, 9, 1)


@dataclass
class Point:
    """A usage point whose past fortnight is stored."""

    id: str
    used_on: date
    known: dict[str, dict[str, Coverage]] = field(default_factory=lambda: {name: {} for name in SERIES})

    def refresh(self, now: datetime) -> Iterator[tuple[Dataset, DayRange]]:
        """The calls of one morning, planned as `workers.refresh` plans them; and they succeed."""
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


def calls_per_point(share_active: float) -> float:
    """Calls a day and point, of a mix in which so many are read every day and the others not for months."""
    random_numbers = random.Random(20_261_001)  # noqa: S311  # the same points in every run, no secret
    points = [_settled_point(random_numbers, is_active=number < share_active * _SAMPLE) for number in range(_SAMPLE)]
    calls = 0
    for day in range(_SETTLED_DAYS + _COUNTED_DAYS):
        now = datetime(_FIRST_DAY.year, _FIRST_DAY.month, _FIRST_DAY.day, 6, 30, tzinfo=UTC) + day * _ONE_DAY
        for number, point in enumerate(points):
            if number < share_active * _SAMPLE:
                point.used_on = now.date()
            made = sum(1 for _ in point.refresh(now))
            calls += made if day >= _SETTLED_DAYS else 0
    return calls / _COUNTED_DAYS / _SAMPLE


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


def calls_within(hours: int, interactive_share: float) -> tuple[int, float]:
    """How many bulk calls the pacer lets out in so many hours when there is always one that waits, and the mean wait of
    somebody who comes every minute; by the pacer's own script."""
    with (
        tempfile.TemporaryDirectory(prefix="releve-bench-") as directory,
        running_valkey(Path(directory)) as url,
        Redis.from_url(url) as redis,
    ):
        pacer = VirtualPacer(redis, per_second=5, per_hour=_CALLS_PER_HOUR, interactive_share=interactive_share)
        return pacer.run(hours * 3600)


def measure_capacity() -> dict[str, Any]:
    """Calls a point and day, and points served in `WORKING_HOURS` by one application: with the share of people who wait
    kept free, with nothing kept free, and in the naive way."""
    active, mixed, dormant = calls_per_point(1.0), calls_per_point(MIXED_ACTIVE_SHARE), calls_per_point(0.0)
    bulk, wait = calls_within(WORKING_HOURS, _INTERACTIVE_SHARE)
    unshared, _ = calls_within(WORKING_HOURS, 0.0)
    return {
        "calls_per_active_point_and_day": round(active, 3),
        "calls_per_mixed_point_and_day": round(mixed, 3),
        "calls_per_dormant_point_and_day": round(dormant, 3),
        "calls_per_point_and_day_naive": len(SERIES),
        "bulk_calls_in_16_hours": bulk,
        "bulk_calls_in_16_hours_without_share": unshared,
        "interactive_wait_mean_s": round(wait, 3),
        "active_points_served": int(bulk / active),
        "mixed_points_served": int(bulk / mixed),
        "dormant_points_served": int(bulk / dormant),
        "active_points_served_without_share": int(unshared / active),
        "mixed_points_served_without_share": int(unshared / mixed),
        "points_served_naive": int(bulk / len(SERIES)),
    }
