"""Formats values for users: reasons, numbers, times, days. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from shared.core.calendar import ONE_DAY, PARIS

# Why days are missing, as text for users; an unknown reason is shown unchanged.
_REASONS = {
    "not_fetched": "never fetched: `releve fetch` requests them",
    "not_published_yet": "Enedis has not published them yet",
    "no_measure": "Enedis has no measure",
    "incomplete": "Enedis has only part of the data",
    "before_activation": "the supply was not yet in service",
    "beyond_history": "older than what Enedis keeps",
    "curve_not_collected": "the load curve is not collected: its holder can allow it in the Enedis customer account",
    "wrong_direction": "this meter does not count in this direction",
    "consent_lost": "Enedis reports no valid consent: `releve consent` requests a new one",
    "provider_error": "Enedis failed to respond",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_PRM = re.compile(r"(?<!\d)\d{10}(\d{4})(?!\d)")


def printable(text: str) -> str:
    """An external text in one line, without terminal control characters."""
    return _CONTROL.sub(" ", text).strip()


def all_printable(found: Any) -> Any:
    """The same JSON document, with every text made printable."""
    if isinstance(found, str):
        return found if found.isprintable() else printable(found)
    if isinstance(found, list):
        return [all_printable(each) for each in found]
    if isinstance(found, dict):
        return {all_printable(name): all_printable(each) for name, each in found.items()}
    return found


def masked(text: str) -> str:
    """The text with only the last four digits of each usage point."""
    return _PRM.sub(r"…\1", text)


def reason_words(reason: str) -> str:
    """The text for a reason."""
    return _REASONS.get(reason, reason)


def missing_lines(missing: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line per run of missing days."""
    return [f"{_span(gap)}: {reason_words(gap['reason'])}{_again(gap)}" for gap in missing]


def _span(gap: Mapping[str, Any]) -> str:
    start, end = date.fromisoformat(gap["start"]), date.fromisoformat(gap["end"])
    days = (end - start).days
    return f"{start}" if days == 1 else f"{start} to {end - ONE_DAY} ({days} days)"


def _again(gap: Mapping[str, Any]) -> str:
    return f"; retry from {moment_words(gap['ask_again_at'])}" if gap.get("ask_again_at") else ""


def moment_words(text: str) -> str:
    """A time from the API, to the minute, in Paris time."""
    return f"{datetime.fromisoformat(text).astimezone(PARIS):%Y-%m-%d %H:%M}"


def ago(text: str, now: datetime) -> str:
    """The time elapsed since a time from the API."""
    passed = max(timedelta(), now - datetime.fromisoformat(text))
    for seconds, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if passed.total_seconds() >= seconds:
            return counted(int(passed.total_seconds() // seconds), unit) + " ago"
    return "just now"


def counted(count: int, thing: str) -> str:
    """`1 day`, `2 days`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def size_words(byte_count: int) -> str:
    """A size, in decimal units."""
    size, unit = float(byte_count), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
