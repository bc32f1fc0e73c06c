"""Parses period options into days of Europe/Paris. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cli.user.failures import WrongUse
from shared.core.calendar import ONE_DAY, DayRange, months_before, next_month

_LAST = re.compile(r"([1-9][0-9]{0,3})(d|w|m|y)")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_YEAR = re.compile(r"[0-9]{4}")


@dataclass(frozen=True)
class PeriodWords:
    """The period options: `--from` and `--to`, or `--last`, or `--on`, or none."""

    start: str | None = None
    end: str | None = None
    last: str | None = None
    on: str | None = None

    @property
    def are_silent(self) -> bool:
        """Whether no option was given."""
        return self == PeriodWords()


def parse_period(words: PeriodWords, today: date, default_days: int) -> DayRange:
    """The requested days; the end is exclusive, and defaults to today. Raises `WrongUse`."""
    ways = [words.last is not None, words.on is not None, words.start is not None or words.end is not None]
    if sum(ways) > 1:
        raise WrongUse("use either --from and --to, or --last, or --on")
    if words.on is not None:
        start, end = _on(words.on, today)
        # For a month that has not ended, the days up to now.
        end = max(min(end, today), start + ONE_DAY)
    elif words.start is not None:
        start, end = parse_day(words.start, today), parse_day(words.end, today) if words.end else today
    elif words.end is not None:
        raise WrongUse("--to requires --from")
    else:
        start, end = (_before(today, words.last) if words.last else today - default_days * ONE_DAY), today
    if start >= end:
        raise WrongUse(f"a period must end after it begins: {start} to {end} (the end is exclusive)")
    return DayRange(start, end)


def parse_days_of(
    dataset: Mapping[str, Any], words: PeriodWords, today: date, default_days: Mapping[str, int]
) -> DayRange | None:
    """The requested days of a dataset of the catalogue; ``None`` for a record, which has none. ``default_days``: by
    step, when no period is given. Raises `WrongUse`."""
    if dataset["step"] is not None:
        return parse_period(words, today, default_days.get(dataset["step"], default_days[""]))
    if not words.are_silent:
        raise WrongUse(f"{dataset['name']} is a record: it holds the current state only, and takes no period")
    return None


def parse_day(text: str, today: date) -> date:
    """`2026-10-25`, `today` or `yesterday`. Raises `WrongUse`."""
    if text in ("today", "yesterday"):
        return today - (text == "yesterday") * ONE_DAY
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongUse("a day is written 2026-10-25, today or yesterday") from None


def _before(today: date, last: str) -> date:
    found = _LAST.fullmatch(last)
    if not found:
        raise WrongUse("--last is written 30d, 4w, 6m or 2y")
    count, unit = int(found[1]), found[2]
    try:
        if unit in "dw":
            return today - timedelta(days=count if unit == "d" else 7 * count)
        return months_before(today, count if unit == "m" else 12 * count)
    except (OverflowError, ValueError):
        raise WrongUse("--last goes too far back") from None


def _on(text: str, today: date) -> tuple[date, date]:
    try:
        if _YEAR.fullmatch(text):
            return date(int(text), 1, 1), date(int(text) + 1, 1, 1)
        if found := _MONTH.fullmatch(text):
            first = date(int(found[1]), int(found[2]), 1)
            return first, next_month(first)
    except ValueError:
        raise WrongUse("--on is a day, a month or a year: 2026-10-25, 2026-10, 2026") from None
    day = parse_day(text, today)
    return day, day + ONE_DAY
