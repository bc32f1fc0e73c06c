"""The schedule of the refresh: four waves a day, each gateway with its own delay. Pure.

Later waves request again the data that was not yet published at the first one.
"""

from datetime import UTC, date, datetime, time, timedelta

from shared.core.calendar import ONE_DAY, PARIS, day_of

WAVES = 4
PAUSE_HOURS = 3
"""From the start of a wave to that of the next."""
# The clock of the worker that starts a wave may be behind that of the process that sent it.
_EARLY = timedelta(minutes=5)


def first_wave(refresh_at: time, gateway: str, jitter_minutes: int) -> time:
    """The time of day in Paris at which a gateway begins: up to ``jitter_minutes`` after ``refresh_at``.

    ``gateway``: hexadecimal digits specific to the gateway, so that it always begins at the same time, and different
    gateways at different times.
    """
    late = timedelta(minutes=int(gateway, 16) % (jitter_minutes + 1))
    return (datetime.combine(date(2000, 1, 1), refresh_at) + late).time()


def wave_hours(first: time) -> list[int]:
    """The hours of the day at which waves begin, at the minute of the first one."""
    return [(first.hour + number * PAUSE_HOURS) % 24 for number in range(WAVES)]


def due_wave(now: datetime, first: time) -> str | None:
    """The wave that is due now, or has been overdue since the previous one: ``2026-11-23/1``.

    ``None`` when no wave is due.
    """
    for day in (day_of(now), day_of(now) - ONE_DAY):
        for number in range(WAVES, 0, -1):
            begin = _begin(day, number, first)
            if begin - _EARLY <= now < begin + timedelta(hours=PAUSE_HOURS):
                return f"{day}/{number}"
    return None


def next_wave_at(now: datetime, first: time) -> datetime:
    """When the next wave begins."""
    days = (day_of(now) + days * ONE_DAY for days in (-1, 0, 1))
    begins = (_begin(day, number, first) for day in days for number in range(1, WAVES + 1))
    return min(begin for begin in begins if begin > now)


def _begin(day: date, number: int, first: time) -> datetime:
    # Wall-clock hours, because waves are scheduled by wall-clock time.
    return (datetime.combine(day, first, PARIS) + timedelta(hours=PAUSE_HOURS * (number - 1))).astimezone(UTC)
