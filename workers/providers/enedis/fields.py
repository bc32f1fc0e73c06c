"""Field values of Enedis's records, validated: of the right form, or ``None``. Pure; never raises."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from shared.core.calendar import PARIS

_LONGEST = 300
_POWER = re.compile(r"(\d{1,9}(?:[.,]\d{1,6})?)(?:\s*([A-Za-z]{1,5}))?", re.ASCII)
_POSTAL_CODE_AND_CITY = re.compile(r"(\d[\dA-Z]{4})(?:\s+(\S.*))?", re.ASCII)


def mapping_of(value: Any) -> Mapping[str, Any]:
    """The JSON object, or an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str | None:
    """A text or a code, whitespace trimmed; ``None`` for an empty value and for any other type."""
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, int) and abs(value) >= 10**20):
        return None
    # A lone surrogate is valid JSON but cannot be encoded.
    text = " ".join(str(value).encode(errors="replace").decode().split())[:_LONGEST]
    return None if text in ("", "null") else text


def day_of_stamp(value: Any) -> str | None:
    """The day in Paris of a timestamp, whose offset may lack its colon or its time of day."""
    if not isinstance(value, str):
        return None
    try:
        stamp = datetime.fromisoformat(value)
        return (stamp.astimezone(PARIS) if stamp.tzinfo else stamp).date().isoformat()
    except (ValueError, OverflowError):
        pass
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        return None


def power_of(value: Any) -> dict[str, Any] | None:
    """``{"unit": "kVA", "value": "12"}`` or ``"12 kVA"``, as a number and its unit."""
    given = mapping_of(value)
    written = _POWER.fullmatch(_written(given.get("value") if given else value))
    if written is None:
        return None
    number = float(written[1].replace(",", "."))
    return {"value": int(number) if number.is_integer() else number, "unit": written[2] or text_of(given.get("unit"))}


def _written(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)
    return text_of(value) or ""


def postal_code_and_city(text: str | None) -> tuple[str | None, str | None]:
    """Postal code and city out of one text; all of it is the city when it does not begin with a postal code."""
    found = _POSTAL_CODE_AND_CITY.fullmatch(text or "")
    return (found[1], found[2]) if found else (None, text)
