"""Paris days as a French meter counts them: 23, 24 or 25 hours, divided into equal steps.

Pure. A *slot* is one step of a day. Arithmetic on instants is done in UTC, because adding to a Paris wall time skips or
repeats an hour twice a year. The simulator has its own small calendar code: it must stay independent of the program
under test.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
ONE_DAY = timedelta(days=1)


def paris_date(now: datetime) -> date:
    """The calendar day in Paris at the instant `now`."""
    return now.astimezone(PARIS).date()


def day_start(day: date) -> datetime:
    """The first instant of `day` in Paris, in UTC."""
    return datetime.combine(day, time(0), PARIS).astimezone(UTC)


@lru_cache(maxsize=8192)
def day_minutes(day: date) -> int:
    """Length of `day` in minutes: 1380, 1440 or 1500."""
    return int((day_start(day + ONE_DAY) - day_start(day)).total_seconds()) // 60


@lru_cache(maxsize=1024)
def slot_start_minutes(day: date, step_minutes: int) -> tuple[int, ...]:
    """For each slot of `day`, the wall-clock minute of the day at which it starts (02:30 twice in October)."""
    first = day_start(day)
    starts = (first + timedelta(minutes=at) for at in range(0, day_minutes(day), step_minutes))
    walls = (start.astimezone(PARIS) for start in starts)
    return tuple(wall.hour * 60 + wall.minute for wall in walls)


@lru_cache(maxsize=1024)
def slot_end_labels(day: date, step_minutes: int) -> tuple[str, ...]:
    """For each slot of `day`, Enedis's label: local time at the END of the slot, without offset.

    The last one carries the next day's date at 00:00:00. In October four half-hour labels come in two pairs.
    """
    first = day_start(day)
    ends = (first + timedelta(minutes=at + step_minutes) for at in range(0, day_minutes(day), step_minutes))
    return tuple(local_label(end) for end in ends)


def local_label(instant: datetime) -> str:
    """An instant in Enedis's notation: Paris wall time, seconds, no offset."""
    return instant.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S")


def days_between(start: date, end: date) -> Iterator[date]:
    """The days of the range `[start, end[`."""
    day = start
    while day < end:
        yield day
        day += ONE_DAY


def months_before(day: date, months: int) -> date:
    """`day` moved back by calendar months; the 31st becomes the month's last day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has a 28th")


def published_until(now: datetime, publication_hour: int) -> date:
    """The first day whose data is NOT published yet: yesterday before `publication_hour` in Paris, today after it."""
    local = now.astimezone(PARIS)
    return local.date() if local.hour >= publication_hour else local.date() - ONE_DAY
