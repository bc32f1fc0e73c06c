"""The polling schedule of public datasets: when they are due, and for which days. Pure: no clock, no store, no call.

Current data is requested at the times in the catalogue, plus a delay specific to the gateway; history is requested
once, newest first. Minimum pauses between calls to a provider are enforced elsewhere.
"""

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta

from shared.core.calendar import ONE_DAY, PARIS, DayRange, day_of, day_start
from shared.core.public_datasets import PublicDataset

MOST_LATER_SECONDS = 10 * 60
"""The upper bound of a gateway's delay after the times of the catalogue."""
MISTAKEN_CLOCK = timedelta(days=2)
"""A recorded time further in the future is due to a wrong clock and is ignored."""
LONGEST_REST = timedelta(hours=2)
LONGEST_REST_OF_HISTORY = timedelta(days=1)
"""The longest pauses after failures of a provider: current data is retried more often than history."""

KnownDay = Callable[[date], bool]


def is_due(
    dataset: PublicDataset, succeeded_at: datetime | None, is_known: KnownDay, later: timedelta, now: datetime
) -> bool:
    """Whether current data is due, last requested successfully at ``succeeded_at``.

    ``is_known``: whether the document of a day contains data. ``later``: the delay of this gateway.
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
    """Whether current data may become due within the minimum pause after another request to the provider now."""
    if dataset.every_seconds is not None:
        return True
    again = now + timedelta(seconds=dataset.least_pause_seconds)
    return any(now < moment <= again for moment in _moments(dataset, day_of(now), is_known, later))


def current_days(dataset: PublicDataset, now: datetime) -> DayRange:
    """The days of a call for current data: the maximum span of one call, up to the last day available ahead."""
    end = day_of(now) + (1 + dataset.ahead_days) * ONE_DAY
    # A call without days may return the previous evening's file after midnight, which still begins with yesterday.
    start = day_of(now) - ONE_DAY if dataset.span_days is None else end - dataset.span_days * ONE_DAY
    return DayRange(max(start, dataset.oldest_day), end)


def history_days(dataset: PublicDataset, now: datetime) -> DayRange | None:
    """The days before those that a call for current data returns."""
    if dataset.archive is not None:
        end = day_of(now) - dataset.archive.lag_days * ONE_DAY
    else:
        end = current_days(dataset, now).start
    return DayRange(dataset.oldest_day, end) if dataset.oldest_day < end else None


def newest_span(dataset: PublicDataset, missing: Collection[date]) -> DayRange:
    """The days of the next call for history: up to the newest missing day."""
    span_days = dataset.archive.span_days if dataset.archive is not None else dataset.span_days or 1
    end = max(missing) + ONE_DAY
    return DayRange(max(dataset.oldest_day, end - span_days * ONE_DAY), end)


def rest_after_failure(last_rest: timedelta, least: timedelta, longest: timedelta) -> timedelta:
    """The pause after a failure of a provider: twice the previous one, within the limits."""
    return min(max(least, 2 * last_rest), longest)


def next_day(now: datetime) -> datetime:
    """The start of the next day in Paris."""
    return day_start(day_of(now) + ONE_DAY)


def _moments(dataset: PublicDataset, day: date, is_known: KnownDay, later: timedelta) -> list[datetime]:
    times = dataset.read_at if is_known(day + ONE_DAY) else dataset.read_at + dataset.sought_at
    return [datetime.combine(day, each, PARIS).astimezone(UTC) + later for each in times]
