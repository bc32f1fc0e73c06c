"""Parses RTE's responses into documents per day, whose forms `shared.public_data.store` defines. Pure.

A response of another form is rejected as a whole. A day that cannot be parsed is skipped and counted; the other days of
the response remain valid. Positions carry no meaning: neither a day nor an hour is derived from its position in a list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from shared.core.calendar import day_of
from shared.core.errors import ProviderGarbage

COLOURS = frozenset({"BLUE", "WHITE", "RED"})
_LEVELS = {"vert": 1, "orange": 2, "rouge": 3}
# The lowest level of a day, and of an hour, which may also be low-carbon (0); the highest of both.
_LEAST_LEVEL, _LEAST_HOUR, _HIGHEST = 1, 0, 3
_LONGEST_MESSAGE = 1000
_MALFORMED = (AttributeError, KeyError, TypeError, ValueError, OverflowError)


@dataclass(slots=True)
class Days:
    """The documents of a response, and the number of its days that could not be parsed."""

    documents: dict[date, Mapping[str, Any]] = field(default_factory=dict)
    refused: int = 0


def parse_tempo(body: Any) -> Days:
    """The colours in a ``tempo_like_calendars`` response, one object or several; a day may have none.

    Raises `ProviderGarbage`.
    """
    calendars = body.get("tempo_like_calendars") if isinstance(body, dict) else None
    several = calendars if isinstance(calendars, list) else [calendars]
    values = [each for calendar in several for each in _listed(calendar, "values")]
    return _parse(values, _colour)


def parse_ecowatt(body: Any) -> Days:
    """The days of an EcoWatt ``signals`` response. Raises `ProviderGarbage`."""
    return _parse(_listed(body, "signals"), _signal)


def parse_open_data(body: Any) -> Days:
    """The EcoWatt days in records of RTE's open data. Raises `ProviderGarbage`."""
    return _parse(_listed(body, "results"), _record)


def _listed(body: Any, name: str) -> list[Any]:
    if not isinstance(body, dict) or not isinstance(body.get(name), list):
        raise ProviderGarbage
    found: list[Any] = body[name]
    return found


def _parse(entries: Iterable[Any], parse: Any) -> Days:
    days = Days()
    for entry in entries:
        try:
            day, document = parse(entry)
        except _MALFORMED:
            days.refused += 1
        else:
            days.documents[day] = document
    return days


def _colour(entry: Mapping[str, Any]) -> tuple[date, Mapping[str, Any]]:
    colour = entry.get("value")
    if colour is not None and colour not in COLOURS:
        raise ValueError("not a colour")
    return _written_day(entry["start_date"]), {"colour": colour, "updated_at": _instant(entry.get("updated_date"))}


def _signal(entry: Mapping[str, Any]) -> tuple[date, Mapping[str, Any]]:
    hours: dict[str, int] = {}
    for value in entry["values"]:
        hour, level = value["pas"], _level(value["hvalue"], _LEAST_HOUR)
        # The format of a 25-hour day is not documented: a repeated hour gets the worse of its levels.
        if type(hour) is int and 0 <= hour <= 23 and level is not None:
            hours[str(hour)] = max(level, hours.get(str(hour), level))
    return _written_day(entry["jour"]), _ecowatt(
        entry["dvalue"], entry, hours, _instant(entry.get("GenerationFichier"))
    )


def _record(entry: Mapping[str, Any]) -> tuple[date, Mapping[str, Any]]:
    levels = {str(hour): _level(entry.get(f"h{hour}"), _LEAST_HOUR) for hour in range(24)}
    hours = {hour: level for hour, level in levels.items() if level is not None}
    entry = {**entry, "message": _mended(entry.get("message"))}
    return _written_day(entry["date"]), _ecowatt(entry["couleur_du_jour"], entry, hours, None)


def _mended(text: Any) -> Any:
    """Repairs a UTF-8 text that was decoded as Windows-1252; returns any other text unchanged."""
    try:
        return text.encode("cp1252").decode()
    except (AttributeError, UnicodeError):
        return text


def _ecowatt(
    level: Any, entry: Mapping[str, Any], hours: Mapping[str, int], generated_at: str | None
) -> Mapping[str, Any]:
    known = _level(level, _LEAST_LEVEL)
    if known is None:
        raise ValueError("not a level of a day")
    message = entry.get("message")
    text = message.strip()[:_LONGEST_MESSAGE] if isinstance(message, str) else ""
    return {
        "level": known,
        "message": text,
        "hours": {hour: hours[hour] for hour in sorted(hours, key=int)},
        "generated_at": generated_at,
    }


def _level(value: Any, least: int) -> int | None:
    """A level, which the open data may also write as a text or a word; ``None`` for any other value."""
    if isinstance(value, str):
        text = value.strip().lower()
        value = _LEVELS.get(text, int(text) if text in {"0", "1", "2", "3"} else None)
    return value if type(value) is int and least <= value <= _HIGHEST else None


def _written_day(text: str) -> date:
    """The day of a bare date, of midnight as written, or the day in Paris of any other time with an offset."""
    moment = datetime.fromisoformat(text)
    if moment.time() == time():
        # A wrong offset on a day of a clock change must not shift the day.
        return moment.date()
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return day_of(moment)


def _instant(text: Any) -> str | None:
    """The same instant in UTC; ``None`` for an invalid one."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment.astimezone(UTC).isoformat() if moment.tzinfo is not None else None
