"""Readings on the wire.

Only described here: the route writes them without these models, because a model for each reading would cost more
than everything else together.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.fields import Document
from api.schemas.gaps import MissingDays


class ReadingDocument(Document):
    """One value over one interval."""

    start: datetime = Field(
        description="Start of the interval with the offset of Paris.", examples=["2026-10-25T02:00:00+02:00"]
    )
    step: str = Field(description="Length of the interval, ISO 8601.", examples=["PT30M"])
    value: int = Field(description="In the dataset's unit.", examples=[540])
    quality: Literal["raw"] = Field(description="`raw`: as the provider gave it.")
    at: datetime | None = Field(None, description="When within the interval, for a peak; absent otherwise.")


class ReadingsDocument(Document):
    """The stored readings of some days. A gap is a gap, not a zero."""

    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: str = Field(examples=["consumption_load_curve"])
    unit: str = Field(examples=["W"])
    timezone: Literal["Europe/Paris"]
    readings: list[ReadingDocument] = Field(description="Oldest first.")
    missing: list[MissingDays] = Field(description="The days that are not stored whole, and why.")
