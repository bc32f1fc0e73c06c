"""How often the refresh looks after a series of a usage point. Pure.

Enedis counts calls, and grants as many to all users of a gateway together as ten thousand points need when each of them
costs one a day. So each point is kept current by the one series that tells most: its load curve, which gives the daily
values too; or these, where no curve is collected. Everything else is fetched once a week, in one long call. A point
that nobody reads gets its main series once a week, which seven days of a curve allow in one call.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zlib import crc32

from shared.core.calendar import ONE_DAY, day_of, days_between
from shared.core.datasets import Dataset, WindowKind
from shared.readings.models import Coverage, Reason
from shared.readings.planning import published_until

WEEK_DAYS = 7
# So many days in a row without a curve, and it is taken not to be collected, until a weekly look finds one.
_CURVELESS_DAYS = 7

CoverageByWindow = Mapping[str, Coverage]


def is_dormant(used_on: date, now: datetime, dormant_after_days: int) -> bool:
    """Whether nobody has read a point for so long that it is kept current once a week only; 0 days: never."""
    return dormant_after_days > 0 and day_of(now) - used_on > timedelta(days=dormant_after_days)


def is_collected(curve: CoverageByWindow) -> bool:
    """Whether a load curve is worth a look each day: something of its newest days is there, or nothing is known yet."""
    newest = sorted(curve.values(), key=lambda each: each.since)[-_CURVELESS_DAYS:]
    return len(newest) < _CURVELESS_DAYS or not all(map(_is_without, newest))


def pause_days(dataset: Dataset, *, collected: bool, dormant: bool) -> int | None:
    """The days from one look at a series to the next, ``None`` for no look at all.

    ``collected``: whether its curve is, which it is itself or which gives its days. Of a dormant point the main series
    is enough: the rest can be had in a few long calls when somebody comes back.
    """
    is_main = collected if dataset.window is WindowKind.DAY else dataset.derived_from is not None and not collected
    if dormant:
        return WEEK_DAYS if is_main else None
    return 1 if is_main else WEEK_DAYS


def is_due_today(
    dataset: Dataset, usage_point_id: str, coverage: CoverageByWindow, now: datetime, pause: int | None
) -> bool:
    """Whether a series that is looked at every ``pause`` days (``None``: never) is looked at today.

    What is looked at once a week has its own weekday for each point and series, so that no day has more of it than
    another; and whatever its weekday, no more than a week is ever missing.
    """
    if pause is None:
        return False
    if pause == 1 or not coverage:
        return True
    missing = published_until(now) - max(known.through for known in coverage.values())
    weekday = crc32(f"{usage_point_id}/{dataset.name}".encode()) % WEEK_DAYS
    return missing >= timedelta(days=pause) or day_of(now).toordinal() % WEEK_DAYS == weekday


def days_to_come(dataset: Dataset, curve: CoverageByWindow, now: datetime, *, collected: bool) -> frozenset[date]:
    """The newest days of a series that its curve, once it is fetched, will give: they need no call of their own."""
    if dataset.derived_from is None or not collected:
        return frozenset()
    until = published_until(now)
    since = max((known.through for known in curve.values()), default=until - WEEK_DAYS * ONE_DAY)
    return frozenset(days_between(since, until)) if since < until else frozenset()


def _is_without(known: Coverage) -> bool:
    """Whether it was said that there is nothing; a failure or a lost right says nothing about that."""
    unclear = {Reason.PROVIDER_ERROR, Reason.CONSENT_LOST}
    return known.state == "absent" and unclear.isdisjoint(gap.reason for gap in known.gaps)
