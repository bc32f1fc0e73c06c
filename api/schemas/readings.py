"""Readings and records on the wire.

The models only describe: readings are written without them, because a model for each would cost more than everything
else together.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, RootModel

from api.schemas.fields import Document
from api.schemas.gaps import MissingDays
from shared.calendar import PARIS
from shared.models import Reading


class ReadingDocument(Document):
    """One value over one interval."""

    start: datetime = Field(
        description="Start of the interval with the offset of Paris.", examples=["2026-10-25T02:00:00+02:00"]
    )
    step: str = Field(description="Length of the interval, ISO 8601.", examples=["PT30M"])
    value: int = Field(description="In the dataset's unit.", examples=[540])
    quality: Literal["raw"] = Field(description="`raw`: as the provider gave it.")
    origin: Literal["derived"] | None = Field(
        None, description="`derived`: the sum of the day's whole load curve; absent when it was measured."
    )
    at: datetime | None = Field(None, description="When within the interval, for a peak; absent otherwise.")
    registers: dict[str, int] | None = Field(
        None,
        description="For an index, what each time-class register of the meter shows (Wh); absent otherwise.",
        examples=[{"HCB": 5_211_043, "HPB": 9_874_120}],
    )


def shown_reading(reading: Reading) -> dict[str, Any]:
    """What `ReadingDocument` describes."""
    shown: dict[str, Any] = {
        "start": reading.start.astimezone(PARIS),
        "step": reading.step,
        "value": reading.value,
        "quality": "raw",
    }
    if reading.at is not None:
        shown["at"] = reading.at.astimezone(PARIS)
    if reading.registers is not None:
        shown["registers"] = reading.registers
    return shown


class ReadingsDocument(Document):
    """The stored readings of some days. A gap is a gap, not a zero."""

    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: str = Field(examples=["consumption_load_curve"])
    unit: str = Field(examples=["W"])
    timezone: Literal["Europe/Paris"]
    readings: list[ReadingDocument] = Field(description="Oldest first.")
    missing: list[MissingDays] = Field(description="The days that are not stored whole, and why.")


class RecordDocument(Document):
    """A stored record: what the provider knew when it was last asked."""

    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: str = Field(examples=["contract"])
    record: dict[str, Any] | None = Field(description="`null` while nothing of it is stored.")
    fetched_at: datetime | None = Field(description="When the provider was last asked; `null`: never.")
    missing: list[MissingDays] = Field(description="Why it is not there, or not whole; empty when it is.")


def _one_of(schema: dict[str, Any]) -> None:
    schema["oneOf"] = schema.pop("anyOf")
    schema["examples"] = [_READINGS_EXAMPLE, _RECORD_EXAMPLE]


_READINGS_EXAMPLE = {
    "usage_point_id": "12345678901234",
    "dataset": "consumption_load_curve",
    "unit": "W",
    "timezone": "Europe/Paris",
    "readings": [{"start": "2026-10-25T02:00:00+02:00", "step": "PT30M", "value": 540, "quality": "raw"}],
    "missing": [],
}
_RECORD_EXAMPLE = {
    "usage_point_id": "12345678901234",
    "dataset": "contract",
    "record": {"segment": "C5", "subscribed_power": {"value": 6, "unit": "kVA"}},
    "fetched_at": "2026-10-20T10:00:00Z",
    "missing": [],
}


class StoredDocument(RootModel[ReadingsDocument | RecordDocument]):
    """What is stored of a dataset: readings of a series, or a record."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_one_of)
