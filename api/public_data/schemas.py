"""What all public datasets say alike on the wire: days that are not there, and how their providers were asked."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import Field

from api.http.fields import Document, EndDay, FirstDay


class PublicReason(StrEnum):
    """Why a public day is not there."""

    NOT_PUBLISHED_YET = "not_published_yet"
    NOT_SAID = "not_said"
    NOT_FETCHED = "not_fetched"
    BEYOND_HISTORY = "beyond_history"
    NOT_OFFERED = "not_offered"


REASON_WORDS = (
    "`not_published_yet`: the provider will say it later. `not_said`: it was asked and does not say. `not_fetched`: it "
    "was not asked yet, or did not answer. `beyond_history`: older than anything that it has. `not_offered`: this "
    "gateway does not ask it."
)


class MissingPublicDays(Document):
    """Days in a row that are not there."""

    start: FirstDay
    end: EndDay
    reason: PublicReason = Field(description=REASON_WORDS)


class SourceState(Document):
    """How a provider was last asked."""

    asked_at: datetime | None = Field(description="When it was last asked.")
    succeeded_at: datetime | None = Field(description="When it last answered.")
    failure: str | None = Field(
        description="The code of what went wrong the last time; `null`: nothing.", examples=["provider_throttled"]
    )
    not_before: datetime | None = Field(description="It is left alone until then, at its own word or after a failure.")


class PublicSourceDocument(SourceState):
    """What is stored of a public dataset, and how its provider was last asked for what is current."""

    name: str = Field(description="Of the dataset.", examples=["tempo"])
    provider: str = Field(description="Where it comes from.", examples=["rte"])
    offered: bool = Field(description="Whether this gateway has what it takes to ask: credentials at the provider.")
    history: SourceState = Field(description="How the provider, or its archive, was last asked for what lies back.")
    day_count: int = Field(
        description="How many days are stored, those of which there is nothing included.", examples=[4467]
    )
    first_day: date | None = Field(description="The oldest of them.", examples=["2014-09-01"])
    last_day: date | None = Field(description="The newest of them.", examples=["2026-11-24"])


class PublicSourceList(Document):
    """How all public datasets stand."""

    datasets: list[PublicSourceDocument] = Field(description="Each there is.")
