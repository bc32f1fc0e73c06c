"""A series in the form of Enedis v5 (the object that it calls ``meter_reading``), which older contracts hand on. Pure.

Only what is stored is told: a reading that lacks is not there, and what the gateway does not keep of a point (how
plausible it is) is left out. Values are texts. The label of a step of a curve is its **end** in Paris time, without an
offset, as Enedis has it: in October the labels of an hour come twice, and their order tells them apart.
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
# What v5 calls a quantity, and how its values come about.
_READING_TYPES = {
    Quantity.POWER: ("power", "average"),
    Quantity.ENERGY: ("energy", "sum"),
    Quantity.PEAK: ("power", "maximum"),
}


class ReadingType(Document):
    """What is measured."""

    unit: str = Field(description="`Wh`, `W` or `VA`.", examples=["W"])
    measurement_kind: str = Field(description="`energy` or `power`.", examples=["power"])
    aggregate: str = Field(
        description="`sum` over a day, `average` over a step, `maximum` of a day.", examples=["average"]
    )
    measuring_period: str | None = Field(
        None, description="Of daily values; not there for a curve, whose readings have a length.", examples=["P1D"]
    )


class IntervalReading(Document):
    """One value."""

    value: str = Field(description="A whole number.", examples=["540"])
    date: str = Field(
        description="The day; of a curve, the end of the step in Paris time; of a highest power, its moment.",
        examples=["2026-09-29 00:30:00"],
    )
    interval_length: str | None = Field(None, description="Of a curve: in minutes.", examples=["PT30M"])
    measure_type: str | None = Field(None, description="Of a curve: always `B`, raw.", examples=["B"])


class MeterReading(Document):
    """A series over some days, in the form of Enedis v5."""

    usage_point_id: ShownPrm
    start: str = Field(description="The first day.", examples=["2026-09-29"])
    end: str = Field(description="The day after the last one.", examples=["2026-10-01"])
    quality: str = Field(description="Always `BRUT`: as measured.", examples=[RAW])
    reading_type: ReadingType
    interval_reading: list[IntervalReading] = Field(description="Oldest first; what lacks is not there.")


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
    """A JSON array of what ``rows`` makes of each batch: only text is kept of a batch when the next one comes."""
    parts = [orjson.dumps(rows(columns))[1:-1] async for columns in batches]
    return orjson.Fragment(b"[" + b",".join(part for part in parts if part) + b"]")


def labels(columns: Columns, dataset: Dataset) -> list[str]:
    """The label of each reading as Enedis writes it, in both of its generations."""
    match _quantity(dataset):
        case Quantity.POWER:
            # They are ten thousands: what is the same for all of them is found once.
            seconds = {step: step_seconds(step) for step in set(columns.steps)}
            steps = zip(columns.starts, columns.steps, strict=True)
            return [_wall_time(start + seconds[step]) for start, step in steps]
        case Quantity.PEAK:
            # Of a peak whose moment could not be told, its day is known.
            moments = zip(columns.starts, columns.peaks, strict=True)
            return [_wall_time(start if peak is None else peak) for start, peak in moments]
        case _:
            return [day_of(datetime.fromtimestamp(start, PARIS)).isoformat() for start in columns.starts]


def in_minutes(columns: Columns) -> dict[str, str]:
    """The steps of a curve as Enedis writes them, and as clients look for them: in minutes, also an hour."""
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
