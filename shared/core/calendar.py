"""Days in Europe/Paris, the only calendar of French meters. Pure: reads no clock, ``now`` is an argument.

A *day* is a calendar day in Paris: 23, 24 or 25 hours, so 46, 48 or 50 half-hours. Its bounds are instants; arithmetic
with them uses UTC, because adding to a Paris wall time skips or repeats an hour twice a year.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class DayRange:
    """The days from ``start`` (included) to ``end`` (excluded). Never empty."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError("a range of days ends after it starts")

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.end - self.start).days

    def clipped(self, start: date, end: date) -> "DayRange | None":
        """The part between two days, ``None`` when it is empty."""
        first, last = max(self.start, start), min(self.end, end)
        return DayRange(first, last) if first < last else None


PARIS = ZoneInfo("Europe/Paris")
ONE_DAY = timedelta(days=1)


def day_start(day: date) -> datetime:
    """The first instant of a day, aware, in UTC."""
    return datetime.combine(day, time(), PARIS).astimezone(UTC)


def day_seconds(day: date) -> int:
    """The length of a day in seconds: 82,800, 86,400 or 90,000."""
    return int((day_start(day + ONE_DAY) - day_start(day)).total_seconds())


def day_of(instant: datetime) -> date:
    """The day that contains an instant; midnight belongs to the day that begins."""
    return instant.astimezone(PARIS).date()


def days_between(start: date, end: date) -> Iterator[date]:
    """Each day from ``start`` (included) to ``end`` (excluded)."""
    for ordinal in range(start.toordinal(), end.toordinal()):
        yield date.fromordinal(ordinal)


def month_start(day: date) -> date:
    """The first day of the month of ``day``."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after that of ``day``."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def months_before(day: date, months: int) -> date:
    """The same day of the month ``months`` earlier, or that month's last day where it is shorter."""
    index = day.year * 12 + day.month - 1 - months
    first = date(index // 12, index % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), next_month(first) - ONE_DAY)
