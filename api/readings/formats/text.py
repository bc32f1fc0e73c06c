"""Text formats of readings: JSON, JSON lines, CSV."""

import csv
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from io import StringIO
from typing import Any, ClassVar

import orjson

from api.readings.formats.request import TIMEZONE, About
from shared.core.calendar import PARIS
from shared.readings.column_batch import Columns


class Json:
    """One document, `ReadingsDocument`; the missing days follow the readings."""

    media_type: ClassVar[str] = "application/json"
    extension: ClassVar[str | None] = None

    def __init__(self, about: About) -> None:
        """``about``: the parameters of the response."""
        self._about = about
        self._before = b""

    def begin(self) -> bytes:
        """All members that are known before a blob is decrypted, except the missing days."""
        about = self._about
        head = {
            "usage_point_id": about.usage_point_id,
            "dataset": about.dataset.name,
            "unit": about.unit,
            "timezone": TIMEZONE,
            **({} if about.resolution is None else {"resolution": about.resolution}),
        }
        return orjson.dumps(head)[:-1] + b',"readings":['

    def rows(self, columns: Columns) -> bytes:
        """The elements of the array."""
        if not len(columns):
            return b""
        before, self._before = self._before, b","
        return before + orjson.dumps(_rows(columns, self._about))[1:-1]

    def end(self) -> bytes:
        """The missing days and the end of the document."""
        tail = {"missing": self._about.missing, **self._about.more}
        return b"]," + orjson.dumps(tail, option=orjson.OPT_UTC_Z)[1:]


class JsonLines:
    """One reading per line, each with its unit, because there is no enclosing document."""

    media_type: ClassVar[str] = "application/x-ndjson"
    extension: ClassVar[str | None] = None

    def __init__(self, about: About) -> None:
        """``about``: the parameters of the response."""
        self._about = about

    def begin(self) -> bytes:
        """Empty."""
        return b""

    def rows(self, columns: Columns) -> bytes:
        """One line per reading."""
        unit = {"unit": self._about.unit}
        lines = (orjson.dumps({**row, **unit}, option=orjson.OPT_APPEND_NEWLINE) for row in _rows(columns, self._about))
        return b"".join(lines)

    def end(self) -> bytes:
        """Empty."""
        return b""


class Csv:
    """RFC 4180 with a header, one reading per row. Columns depend on the dataset and the request, never on the data.

    No cell can be interpreted as a formula: all start with a digit, a minus before digits, a fixed word or a brace.
    """

    media_type: ClassVar[str] = "text/csv"
    extension: ClassVar[str | None] = "csv"

    def __init__(self, about: About) -> None:
        """``about``: the parameters of the response."""
        self._about = about
        self._names = ["start", "step", "value", "unit", "quality", *about.columns]

    def begin(self) -> bytes:
        """The header row."""
        return _csv([self._names])

    def rows(self, columns: Columns) -> bytes:
        """One row per reading."""
        unit = {"unit": self._about.unit}
        rows = ({**row, **unit} for row in _rows(columns, self._about))
        return _csv([_cell(row.get(name)) for name in self._names] for row in rows)

    def end(self) -> bytes:
        """Empty."""
        return b""


@lru_cache(maxsize=16_384)
def moment_text(epoch_seconds: int) -> str:
    """A time in Paris with its UTC offset (ISO 8601). Cached, because the same times are formatted often."""
    return datetime.fromtimestamp(epoch_seconds, PARIS).isoformat()


def _rows(columns: Columns, about: About) -> list[dict[str, Any]]:
    """The content of `ReadingDocument` per reading."""
    quality = about.quality
    rows: list[dict[str, Any]] = [
        {"start": moment_text(start), "step": step, "value": value, "quality": quality}
        for start, step, value in zip(columns.starts, columns.steps, columns.values, strict=True)
    ]
    for name in about.columns:
        column: Iterable[Any]
        match name:
            case "origin":
                column = ["derived" if derived else None for derived in columns.derived]
            case "at":
                column = [None if peak is None else moment_text(peak) for peak in columns.peaks]
            case "registers":
                column = columns.registers
            case _:
                column = columns.coverage
        for row, value in zip(rows, column, strict=True):
            if value is not None:
                row[name] = value
    return rows


def _cell(value: Any) -> Any:
    # Register names are chosen by the provider: JSON makes the cell start with a brace, whatever they are.
    return orjson.dumps(value).decode() if isinstance(value, dict) else value


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
