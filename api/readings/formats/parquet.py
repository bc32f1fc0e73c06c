"""Readings as Parquet: typed columns, timestamps with a time zone, a description of the response as metadata.

The file is written while it is sent, one row group at a time; no part of it is kept.
"""

import io
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from api.readings.formats.request import TIMEZONE, About
from shared.readings.aggregation import interval_seconds
from shared.readings.column_batch import Columns

# Each row group adds a cost for readers of the file: this one holds about a year of half-hours.
_ROWS_AT_ONCE = 16_384
_MOMENT = pa.timestamp("ms", tz=TIMEZONE)
_WORD = pa.dictionary(pa.int8(), pa.string())


class Parquet:
    """One file."""

    media_type: ClassVar[str] = "application/vnd.apache.parquet"
    extension: ClassVar[str | None] = "parquet"

    def __init__(self, about: About) -> None:
        """``about``: the parameters of the response."""
        self._about = about
        self._schema = _schema(about)
        self._sink = _Sink()
        self._kept = Columns()
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd")

    def begin(self) -> bytes:
        """The first bytes of the file."""
        return self._sink.take()

    def rows(self, columns: Columns) -> bytes:
        """Nothing until a row group is full."""
        self._kept.extend(columns)
        if len(self._kept) >= _ROWS_AT_ONCE:
            self._write_kept()
        return self._sink.take()

    def end(self) -> bytes:
        """The last row group and the footer, without which the file is not valid."""
        self._write_kept()
        self._writer.close()
        return self._sink.take()

    def _write_kept(self) -> None:
        kept, self._kept = self._kept, Columns()
        if not len(kept):
            return
        length = len(kept)
        columns = {
            "start": [each * 1000 for each in kept.starts],
            "step_seconds": [interval_seconds(*each) for each in zip(kept.steps, kept.starts, strict=True)],
            "value": kept.values,
            "quality": [self._about.quality] * length,
            "origin": ["derived" if derived else None for derived in kept.derived],
            "at": [None if peak is None else peak * 1000 for peak in kept.peaks],
            "registers": [None if row is None else list(row.items()) for row in kept.registers],
            "coverage": kept.coverage,
        }
        arrays = [pa.array(columns[field.name], field.type) for field in self._schema]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=length)


class _Sink(io.RawIOBase):
    """The buffer between the Parquet writer and the response."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        """The bytes that were written since the last call."""
        taken, self._written = bytes(self._written), bytearray()
        return taken


def _schema(about: About) -> pa.Schema:
    number = pa.float64() if about.has_decimals else pa.int64()
    types = {
        "start": _MOMENT,
        "step_seconds": pa.int32(),
        "value": number,
        "quality": _WORD,
        "origin": _WORD,
        "at": _MOMENT,
        "registers": pa.map_(pa.string(), number),
        "coverage": pa.float64(),
    }
    names = ["start", "step_seconds", "value", "quality", *about.columns]
    optional = set(about.columns) - {"coverage"}
    fields = [pa.field(name, types[name], nullable=name in optional) for name in names]
    return pa.schema(fields, metadata=_metadata(about))


def _metadata(about: About) -> Mapping[str, str]:
    return {
        "usage_point_id": about.usage_point_id,
        "dataset": about.dataset.name,
        "unit": about.unit,
        "timezone": TIMEZONE,
        **({} if about.resolution is None else {"resolution": str(about.resolution)}),
        "missing": orjson.dumps(about.missing, option=orjson.OPT_UTC_Z).decode(),
    }
