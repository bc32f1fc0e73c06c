"""How often the nightly refresh fetches each series of a usage point. Pure.

Enedis limits the number of calls for the whole gateway; the quota is enough for ten thousand points at one call a day
each. So each point is kept current by its most informative series: the load curve, from which daily values are derived,
or the daily values where no curve is collected. All other series are fetched once a week, in one long call. The main
series of a dormant point is fetched once a week, in one call, because a call may span seven days of a curve.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zlib import crc32

from shared.core.calendar import ONE_DAY, day_of, days_between
from shared.core.datasets import Dataset, WindowKind
from shared.readings.models import Coverage, Reason
from shared.readings.planning import published_until

WEEK_DAYS = 7
# After this many consecutive days without a curve, it counts as not collected, until a weekly fetch finds one.
_CURVELESS_DAYS = 7

CoverageByWindow = Mapping[str, Coverage]


def is_dormant(used_on: date, now: datetime, dormant_after_days: int) -> bool:
    """Whether a point was last used more than ``dormant_after_days`` ago, so that it is refreshed only once a week;
    0 days: never."""
    return dormant_after_days > 0 and day_of(now) - used_on > timedelta(days=dormant_after_days)


def is_collected(curve: CoverageByWindow) -> bool:
    """Whether a load curve is worth a daily fetch: some of its newest days have values, or nothing is known yet."""
    newest = sorted(curve.values(), key=lambda each: each.since)[-_CURVELESS_DAYS:]
    return len(newest) < _CURVELESS_DAYS or not all(map(_is_without, newest))


def pause_days(dataset: Dataset, *, collected: bool, dormant: bool) -> int | None:
    """The days between two fetches of a series, ``None`` for no fetch at all.

    ``collected``: whether the curve is collected that the series is itself or is derived from. For a dormant point only
    the main series is fetched: the others take only a few long calls when the point is used again.
    """
    is_main = collected if dataset.window is WindowKind.DAY else dataset.derived_from is not None and not collected
    if dormant:
        return WEEK_DAYS if is_main else None
    return 1 if is_main else WEEK_DAYS


def is_due_today(
    dataset: Dataset, usage_point_id: str, coverage: CoverageByWindow, now: datetime, pause: int | None
) -> bool:
    """Whether a series that is fetched every ``pause`` days (``None``: never) is fetched today.

    A weekly series has its own weekday for each point and series, which spreads the load evenly; independently of the
    weekday, it is due when a week of days is missing.
    """
    if pause is None:
        return False
    if pause == 1 or not coverage:
        return True
    missing = published_until(now) - max(known.through for known in coverage.values())
    weekday = crc32(f"{usage_point_id}/{dataset.name}".encode()) % WEEK_DAYS
    return missing >= timedelta(days=pause) or day_of(now).toordinal() % WEEK_DAYS == weekday


def days_to_come(dataset: Dataset, curve: CoverageByWindow, now: datetime, *, collected: bool) -> frozenset[date]:
    """The newest days of a series that will be derived from its curve once that is fetched: they need no call."""
    if dataset.derived_from is None or not collected:
        return frozenset()
    until = published_until(now)
    since = max((known.through for known in curve.values()), default=until - WEEK_DAYS * ONE_DAY)
    return frozenset(days_between(since, until)) if since < until else frozenset()


def _is_without(known: Coverage) -> bool:
    """Whether the provider reported that there is no data; a failure or a lost consent does not show that."""
    unclear = {Reason.PROVIDER_ERROR, Reason.CONSENT_LOST}
    return known.state == "absent" and unclear.isdisjoint(gap.reason for gap in known.gaps)
