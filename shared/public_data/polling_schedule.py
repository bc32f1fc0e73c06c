"""When a public dataset is due, and for which days its provider is asked then. Pure: no clock, no store, no call.

What is current is read at the times that the catalogue names, a little later in each gateway than in others; what lies
further back is asked for once, the newest first. How often a provider may be asked at all is not decided here.
"""

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta

from shared.core.calendar import ONE_DAY, PARIS, DayRange, day_of, day_start
from shared.core.public_datasets import PublicDataset

MOST_LATER_SECONDS = 10 * 60
"""A gateway reads less than so long after the times of the catalogue."""
MISTAKEN_CLOCK = timedelta(days=2)
"""A moment noted so far in the future was noted by a clock that was wrong: it counts for nothing."""
LONGEST_REST = timedelta(hours=2)
LONGEST_REST_OF_HISTORY = timedelta(days=1)
"""A provider that fails is left alone for so long at the most: what is current is worth more tries."""

KnownDay = Callable[[date], bool]


def is_due(
    dataset: PublicDataset, succeeded_at: datetime | None, is_known: KnownDay, later: timedelta, now: datetime
) -> bool:
    """Whether what is current has to be read, last read with success at ``succeeded_at``.

    ``is_known``: whether the document of a day says something. ``later``: this gateway's own delay.
    """
    if succeeded_at is None or succeeded_at > now + MISTAKEN_CLOCK:
        return True
    if dataset.every_seconds is not None:
        return now - succeeded_at >= timedelta(seconds=dataset.every_seconds)
    today = day_of(now)
    for day in (today, today - ONE_DAY):
        past = [moment for moment in _moments(dataset, day, is_known, later) if moment <= now]
        if past:
            return succeeded_at < max(past)
    return False


def is_soon(dataset: PublicDataset, is_known: KnownDay, later: timedelta, now: datetime) -> bool:
    """Whether it may become due before the provider, asked for something else now, may be asked again."""
    if dataset.every_seconds is not None:
        return True
    again = now + timedelta(seconds=dataset.least_pause_seconds)
    return any(now < moment <= again for moment in _moments(dataset, day_of(now), is_known, later))


def current_days(dataset: PublicDataset, now: datetime) -> DayRange:
    """The days of a call for what is current: as many as one call may have, the last one as far ahead as may be."""
    end = day_of(now) + (1 + dataset.ahead_days) * ONE_DAY
    # A call that takes no days may bring an evening's file after midnight, which still begins with yesterday.
    start = day_of(now) - ONE_DAY if dataset.span_days is None else end - dataset.span_days * ONE_DAY
    return DayRange(max(start, dataset.oldest_day), end)


def history_days(dataset: PublicDataset, now: datetime) -> DayRange | None:
    """The days that no call for what is current brings any more, all of them."""
    if dataset.archive is not None:
        end = day_of(now) - dataset.archive.lag_days * ONE_DAY
    else:
        end = current_days(dataset, now).start
    return DayRange(dataset.oldest_day, end) if dataset.oldest_day < end else None


def newest_span(dataset: PublicDataset, missing: Collection[date]) -> DayRange:
    """The days of the next call for what lies further back: up to the newest day that is missing."""
    span_days = dataset.archive.span_days if dataset.archive is not None else dataset.span_days or 1
    end = max(missing) + ONE_DAY
    return DayRange(max(dataset.oldest_day, end - span_days * ONE_DAY), end)


def rest_after_failure(last_rest: timedelta, least: timedelta, longest: timedelta) -> timedelta:
    """How long a provider that failed is left alone: twice as long as the last time."""
    return min(max(least, 2 * last_rest), longest)


def next_day(now: datetime) -> datetime:
    """When the next day of Paris begins."""
    return day_start(day_of(now) + ONE_DAY)


def _moments(dataset: PublicDataset, day: date, is_known: KnownDay, later: timedelta) -> list[datetime]:
    times = dataset.read_at if is_known(day + ONE_DAY) else dataset.read_at + dataset.sought_at
    return [datetime.combine(day, each, PARIS).astimezone(UTC) + later for each in times]
