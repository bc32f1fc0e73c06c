"""Response schemas of EcoWatt."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from pydantic import Field

from api.http.fields import Document
from api.public_data.schemas import MissingPublicDays


class EcowattHour(Document):
    """The EcoWatt signal of an hour."""

    hour: int = Field(ge=0, le=23, description="Hour of the day, Europe/Paris.", examples=[19])
    level: int = Field(
        ge=0, le=3, description="0: low carbon, 1: normal, 2: tense, 3: very tense, cuts are likely.", examples=[2]
    )


class EcowattDay(Document):
    """The EcoWatt signal of a day."""

    day: date = Field(description="Europe/Paris.", examples=["2026-01-14"])
    level: int = Field(ge=1, le=3, description="1: normal, 2: tense, 3: very tense. The worst hour.", examples=[2])
    message: str = Field(description="Message of RTE, in French.", examples=["Aucune alerte."])
    hours: list[EcowattHour] = Field(description="The hours with a signal.")
    generated_at: datetime | None = Field(description="Time at which RTE generated the signal, if known.")


class EcowattDays(Document):
    """The EcoWatt signals of a period."""

    days: list[EcowattDay] = Field(description="The days with a signal, oldest first.")
    missing: list[MissingPublicDays] = Field(description="All other days, with the reason.")


def shown_day(day: date, document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored document as an `EcowattDay`, built without the model because there may be thousands."""
    return {
        "day": day,
        "level": document["level"],
        "message": document["message"],
        "hours": [{"hour": int(hour), "level": document["hours"][hour]} for hour in sorted(document["hours"], key=int)],
        "generated_at": document["generated_at"] and datetime.fromisoformat(document["generated_at"]).astimezone(UTC),
    }
