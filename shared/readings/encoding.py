"""The compact plaintext of one window, before encryption: its readings, or a record. Pure.

JSON, a list of runs. A run of equal steps is ``[step, first, values]``: ``first`` is epoch seconds of the first
interval's start, or the first day for daily values; ``values`` holds ``null`` where an interval has none. A run with
peaks has a fourth item, the peaks' epoch seconds. A run with registers has a fifth, ``{name: values}``, and ``null`` in
place of missing peaks. A half-hourly day takes about 200 bytes, a daily month about 180.

A record is a JSON object.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, cast

from shared.core.calendar import day_of, day_start
from shared.readings.column_batch import Columns
from shared.readings.models import Reading

DAY_STEP = "P1D"


def step_seconds(step: str) -> int:
    """Seconds of an ISO 8601 step below a day (``PT30M`` → 1800). Raises `ValueError` for anything else."""
    if not step.startswith("PT") or step[-1] not in "HM" or not step[2:-1].isdecimal() or len(step) > 6:
        raise ValueError("a step is whole minutes or hours")
    seconds = int(step[2:-1]) * (3600 if step[-1] == "H" else 60)
    if not 0 < seconds <= 86_400:
        raise ValueError("a step is longer than nothing and no longer than a day")
    return seconds


def pack_readings(readings: Iterable[Reading]) -> bytes:
    """The plaintext of some readings of one window, sorted by time.

    Raises `ValueError` for a reading whose step is neither a day nor accepted by `step_seconds`.
    """
    ordered = sorted(readings, key=lambda each: each.start)
    runs: list[list[Any]] = []
    for reading in ordered:
        position = _position(runs[-1], reading) if runs and runs[-1][0] == reading.step else None
        if position is None:
            runs.append([reading.step, _first(reading), [], [], []])
            position = 0
        _, _, values, peaks, registers = runs[-1]
        padding = [None] * (position - len(values))
        values += [*padding, reading.value]
        peaks += [*padding, int(reading.at.timestamp()) if reading.at else None]
        registers += [*padding, reading.registers]
    return _json([_slim(*run) for run in runs])


def unpack_readings(text: bytes) -> Iterator[Reading]:
    """The readings of one window, oldest first; gaps are preserved."""
    found = Columns()
    unpack_columns(text, found)
    for start, step, value, peak, row in zip(
        found.starts, found.steps, found.values, found.peaks, found.registers, strict=True
    ):
        at = None if peak is None else datetime.fromtimestamp(peak, UTC)
        yield Reading(
            datetime.fromtimestamp(start, UTC), step, cast(int, value), at, cast("dict[str, int] | None", row)
        )


def unpack_columns(text: bytes, columns: Columns) -> None:
    """Append the readings of one window, oldest first; gaps are preserved."""
    for step, first, values, *rest in json.loads(text):
        peaks, registers = (*rest, None, None)[:2]
        starts = _starts(step, first, len(values))
        rows = registers and [_row(registers, index) for index in range(len(values))]
        run: tuple[Any, ...] = (starts, values, peaks, rows)
        if None in values:
            there = [index for index, value in enumerate(values) if value is not None]
            run = tuple(column and [column[index] for index in there] for column in run)
        columns.add(step, *run)


def pack_record(record: Mapping[str, Any]) -> bytes:
    """The plaintext of a record of JSON types. Raises `TypeError` for anything else."""
    return _json(dict(record))


def unpack_record(text: bytes) -> dict[str, Any]:
    """Decode the output of `pack_record`."""
    record: dict[str, Any] = json.loads(text)
    return record


def _json(value: object) -> bytes:
    # A lone surrogate, which a provider's escapes can contain, is not a character and can't be encoded.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _slim(
    step: str,
    first: int | str,
    values: list[int | None],
    peaks: list[int | None],
    registers: Sequence[Mapping[str, int] | None],
) -> list[Any]:
    """A run without the columns that are empty; registers by name, each name once."""
    run: list[Any] = [step, first, values]
    has_peaks = any(peak is not None for peak in peaks)
    names = sorted({name for row in registers for name in row or ()})
    if has_peaks or names:
        run.append(peaks if has_peaks else None)
    if names:
        run.append({name: [(row or {}).get(name) for row in registers] for name in names})
    return run


def _row(registers: Mapping[str, Sequence[int | None]], index: int) -> dict[str, int] | None:
    return {name: shown for name, column in registers.items() if (shown := column[index]) is not None} or None


def _first(reading: Reading) -> int | str:
    if reading.step == DAY_STEP:
        return day_of(reading.start).isoformat()
    # Reject now what could not be unpacked: after encryption the error would appear only when reading.
    step_seconds(reading.step)
    return int(reading.start.timestamp())


def _position(run: list[Any], reading: Reading) -> int | None:
    """The index of a reading in a run, ``None`` when it does not fit the step (a new run then begins)."""
    step, first, values, *_ = run
    if step == DAY_STEP:
        position = (day_of(reading.start) - date.fromisoformat(first)).days
    else:
        position, off_beat = divmod(int(reading.start.timestamp()) - first, step_seconds(step))
        if off_beat:
            return None
    return position if position >= len(values) else None


def _starts(step: str, first: int | str, count: int) -> Sequence[int]:
    if isinstance(first, str):
        ordinal = date.fromisoformat(first).toordinal()
        return [_day_start(each) for each in range(ordinal, ordinal + count)]
    seconds = step_seconds(step)
    return range(first, first + count * seconds, seconds)


@lru_cache(maxsize=4096)
def _day_start(ordinal: int) -> int:
    return int(day_start(date.fromordinal(ordinal)).timestamp())
