"""The days that a request names."""

from datetime import date

from shared.core.calendar import DayRange
from shared.core.errors import FieldError, ValidationFailed

# Ten years, and some.
MAX_DAYS = 4000


def check_days(start: date | None, end: date | None) -> DayRange:
    """The days that a series is read by. Raises `ValidationFailed`."""
    if start is None or end is None:
        lacking = [name for name, day in (("start", start), ("end", end)) if day is None]
        raise ValidationFailed(errors=[FieldError(name, "A series is read by its days.") for name in lacking])
    if end <= start:
        raise ValidationFailed(errors=[FieldError("end", "The end has to be after the start; it is not included.")])
    if (end - start).days > MAX_DAYS:
        raise ValidationFailed(errors=[FieldError("end", f"One request covers {MAX_DAYS} days at most.")])
    return DayRange(start, end)
