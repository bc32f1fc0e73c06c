"""Saying things to people: reasons, numbers, moments, days. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from shared.core.calendar import ONE_DAY, PARIS

# Why days are missing, in a person's words; an unknown reason is shown as it is.
_REASONS = {
    "not_fetched": "never fetched: `releve fetch` brings them",
    "not_published_yet": "Enedis has not published them yet",
    "no_measure": "Enedis has no measure",
    "incomplete": "Enedis has a part only",
    "before_activation": "the supply was not in service yet",
    "beyond_history": "older than what Enedis keeps",
    "curve_not_collected": "the load curve is not collected: its holder can allow it in the Enedis customer account",
    "wrong_direction": "this meter does not count in this direction",
    "consent_lost": "Enedis sees no consent any more: `releve consent` asks for a new one",
    "provider_error": "Enedis failed to answer",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_PRM = re.compile(r"(?<!\d)\d{10}(\d{4})(?!\d)")


def printable(text: str) -> str:
    """A text from elsewhere in one line, without what a terminal would obey."""
    return _CONTROL.sub(" ", text).strip()


def all_printable(found: Any) -> Any:
    """The same JSON document, each of its texts so."""
    if isinstance(found, str):
        return found if found.isprintable() else printable(found)
    if isinstance(found, list):
        return [all_printable(each) for each in found]
    if isinstance(found, dict):
        return {all_printable(name): all_printable(each) for name, each in found.items()}
    return found


def masked(text: str) -> str:
    """With only the last four digits of each usage point."""
    return _PRM.sub(r"…\1", text)


def reason_words(reason: str) -> str:
    """Why days are missing."""
    return _REASONS.get(reason, reason)


def missing_lines(missing: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each run of days that are missing."""
    return [f"{_span(gap)}: {reason_words(gap['reason'])}{_again(gap)}" for gap in missing]


def _span(gap: Mapping[str, Any]) -> str:
    start, end = date.fromisoformat(gap["start"]), date.fromisoformat(gap["end"])
    days = (end - start).days
    return f"{start}" if days == 1 else f"{start} to {end - ONE_DAY} ({days} days)"


def _again(gap: Mapping[str, Any]) -> str:
    return f"; worth asking again from {moment_words(gap['ask_again_at'])}" if gap.get("ask_again_at") else ""


def moment_words(text: str) -> str:
    """A moment of the API, to the minute, as a clock in Paris shows it."""
    return f"{datetime.fromisoformat(text).astimezone(PARIS):%Y-%m-%d %H:%M}"


def ago(text: str, now: datetime) -> str:
    """How long ago a moment of the API was."""
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
