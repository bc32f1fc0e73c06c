"""A time series in the format of Enedis v5 (its object ``meter_reading``), which older compatible APIs pass on. Pure.

Only stored data is returned: missing readings are omitted, and so is the plausibility of a point, which the gateway
does not store. Values are strings. The label of a step of a load curve is its **end** in Paris time without an offset,
as Enedis has it: in October the labels of one hour occur twice, and their order distinguishes them.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import orjson
from pydantic import Field

from api.http.fields import Document, ShownPrm
from shared.core.calendar import PARIS, DayRange, day_of
from shared.core.datasets import Dataset, Quantity
from shared.readings.column_batch import Columns
from shared.readings.encoding import step_seconds

RAW = "BRUT"
# The names of v5 for a quantity and its aggregation.
_READING_TYPES = {
    Quantity.POWER: ("power", "average"),
    Quantity.ENERGY: ("energy", "sum"),
    Quantity.PEAK: ("power", "maximum"),
}


class ReadingType(Document):
    """The measured quantity."""

    unit: str = Field(description="`Wh`, `W` or `VA`.", examples=["W"])
    measurement_kind: str = Field(description="`energy` or `power`.", examples=["power"])
    aggregate: str = Field(
        description="`sum` over a day, `average` over a step, `maximum` of a day.", examples=["average"]
    )
    measuring_period: str | None = Field(
        None, description="Daily values only; the readings of a load curve have a length each.", examples=["P1D"]
    )


class IntervalReading(Document):
    """One value."""

    value: str = Field(description="A whole number.", examples=["540"])
    date: str = Field(
        description="The day; for a load curve, the end of the step in Paris time; for a maximum power, its time.",
        examples=["2026-09-29 00:30:00"],
    )
    interval_length: str | None = Field(
        None, description="Load curves only: length of the step, in minutes.", examples=["PT30M"]
    )
    measure_type: str | None = Field(None, description="Load curves only: always `B`, raw.", examples=["B"])


class MeterReading(Document):
    """A time series in a period, in the format of Enedis v5."""

    usage_point_id: ShownPrm
    start: str = Field(description="First day.", examples=["2026-09-29"])
    end: str = Field(description="Day after the last day.", examples=["2026-10-01"])
    quality: str = Field(description="Always `BRUT`: as measured.", examples=[RAW])
    reading_type: ReadingType
    interval_reading: list[IntervalReading] = Field(description="Oldest first; missing values are omitted.")


async def meter_reading(prm: str, dataset: Dataset, days: DayRange, batches: AsyncIterator[Columns]) -> bytes:
    """A `MeterReading` as JSON; ``batches``: the readings of these days, oldest first."""
    kind, aggregate = _READING_TYPES[_quantity(dataset)]
    period = {} if dataset.quantity is Quantity.POWER else {"measuring_period": dataset.step}
    head = {
        "usage_point_id": prm,
        "start": days.start,
        "end": days.end,
        "quality": RAW,
        "reading_type": {"unit": dataset.unit, "measurement_kind": kind, "aggregate": aggregate, **period},
    }
    return orjson.dumps(head | {"interval_reading": await json_list(batches, _rows_of(dataset))})


async def json_list(
    batches: AsyncIterator[Columns], rows: Callable[[Columns], list[dict[str, Any]]]
) -> orjson.Fragment:
    """A JSON array of the ``rows`` of all batches; of earlier batches, only the serialised text is kept."""
    parts = [orjson.dumps(rows(columns))[1:-1] async for columns in batches]
    return orjson.Fragment(b"[" + b",".join(part for part in parts if part) + b"]")


def labels(columns: Columns, dataset: Dataset) -> list[str]:
    """The label of each reading in the format of Enedis, the same in both generations."""
    match _quantity(dataset):
        case Quantity.POWER:
            # There are tens of thousands of readings: the length of each distinct step is computed once.
            seconds = {step: step_seconds(step) for step in set(columns.steps)}
            steps = zip(columns.starts, columns.steps, strict=True)
            return [_wall_time(start + seconds[step]) for start, step in steps]
        case Quantity.PEAK:
            # If the time of a peak is unknown, its day is used.
            moments = zip(columns.starts, columns.peaks, strict=True)
            return [_wall_time(start if peak is None else peak) for start, peak in moments]
        case _:
            return [day_of(datetime.fromtimestamp(start, PARIS)).isoformat() for start in columns.starts]


def in_minutes(columns: Columns) -> dict[str, str]:
    """The steps of a load curve as Enedis writes them and clients expect them: in minutes, even for an hour."""
    return {step: f"PT{step_seconds(step) // 60}M" for step in set(columns.steps)}


def _rows_of(dataset: Dataset) -> Callable[[Columns], list[dict[str, Any]]]:
    def rows(columns: Columns) -> list[dict[str, Any]]:
        dated = zip(columns.values, labels(columns, dataset), columns.steps, strict=True)
        if dataset.quantity is not Quantity.POWER:
            return [{"value": str(value), "date": label} for value, label, _ in dated]
        lengths = in_minutes(columns)
        return [
            {"value": str(value), "date": label, "interval_length": lengths[step], "measure_type": "B"}
            for value, label, step in dated
        ]

    return rows


def _quantity(dataset: Dataset) -> Quantity:
    if dataset.quantity not in _READING_TYPES:
        raise ValueError(f"{dataset.name} has no form of Enedis v5.")
    return dataset.quantity


def _wall_time(instant: int) -> str:
    # Without the offset behind it.
    return datetime.fromtimestamp(instant, PARIS).isoformat(" ")[: len("YYYY-MM-DD HH:MM:SS")]
