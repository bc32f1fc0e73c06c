"""EcoWatt on the wire."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from pydantic import Field

from api.http.fields import Document
from api.public_data.schemas import MissingPublicDays


class EcowattHour(Document):
    """An hour."""

    hour: int = Field(ge=0, le=23, description="Of the clock in Paris.", examples=[19])
    level: int = Field(
        ge=0, le=3, description="0: little carbon, 1: normal, 2: tense, 3: very tense, cuts are likely.", examples=[2]
    )


class EcowattDay(Document):
    """How tense the electricity system is on a day."""

    day: date = Field(description="Europe/Paris.", examples=["2026-01-14"])
    level: int = Field(ge=1, le=3, description="1: normal, 2: tense, 3: very tense. As its worst hour.", examples=[2])
    message: str = Field(description="RTE's own words, in French.", examples=["Aucune alerte."])
    hours: list[EcowattHour] = Field(description="Those of which RTE says something.")
    generated_at: datetime | None = Field(description="When RTE made it, where that is known.")


class EcowattDays(Document):
    """How tense the electricity system is on some days."""

    days: list[EcowattDay] = Field(description="Those of which something is known, oldest first.")
    missing: list[MissingPublicDays] = Field(description="All others, and why.")


def shown_day(day: date, document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored document as an `EcowattDay`: not made through the model, for there may be thousands."""
    return {
        "day": day,
        "level": document["level"],
        "message": document["message"],
        "hours": [{"hour": int(hour), "level": document["hours"][hour]} for hour in sorted(document["hours"], key=int)],
        "generated_at": document["generated_at"] and datetime.fromisoformat(document["generated_at"]).astimezone(UTC),
    }
