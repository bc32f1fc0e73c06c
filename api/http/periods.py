"""Validation of the period of a request."""

from datetime import date

from shared.core.calendar import DayRange
from shared.core.errors import FieldError, ValidationFailed

# A little more than ten years.
MAX_DAYS = 4000


def check_days(start: date | None, end: date | None) -> DayRange:
    """The period of a time series. Raises `ValidationFailed`."""
    if start is None or end is None:
        lacking = [name for name, day in (("start", start), ("end", end)) if day is None]
        raise ValidationFailed(errors=[FieldError(name, "A time series requires a period.") for name in lacking])
    if end <= start:
        raise ValidationFailed(errors=[FieldError("end", "The end must be after the start; it is not included.")])
    if (end - start).days > MAX_DAYS:
        raise ValidationFailed(errors=[FieldError("end", f"A request covers at most {MAX_DAYS} days.")])
    return DayRange(start, end)
