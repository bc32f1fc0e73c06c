"""Response schemas that all public datasets share: missing days, and the requests to their providers."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import Field

from api.http.fields import Document, EndDay, FirstDay


class PublicReason(StrEnum):
    """Why a day of a public dataset is missing."""

    NOT_PUBLISHED_YET = "not_published_yet"
    NOT_SAID = "not_said"
    NOT_FETCHED = "not_fetched"
    BEYOND_HISTORY = "beyond_history"
    NOT_OFFERED = "not_offered"


REASON_WORDS = (
    "`not_published_yet`: the provider will publish it later. `not_said`: the provider's response does not contain it. "
    "`not_fetched`: it was not requested yet, or the provider did not respond. `beyond_history`: older than the "
    "provider's data. `not_offered`: this gateway does not fetch it."
)


class MissingPublicDays(Document):
    """Consecutive missing days."""

    start: FirstDay
    end: EndDay
    reason: PublicReason = Field(description=REASON_WORDS)


class SourceState(Document):
    """The last request to a provider."""

    asked_at: datetime | None = Field(description="Time of the last request.")
    succeeded_at: datetime | None = Field(description="Time of the last successful request.")
    failure: str | None = Field(
        description="Error code of the last request; `null` if it succeeded.", examples=["provider_throttled"]
    )
    not_before: datetime | None = Field(
        description="Time before which no request is made, as required by the provider or after a failure."
    )


class PublicSourceDocument(SourceState):
    """The stored data of a public dataset, and the last request for its current data."""

    name: str = Field(description="Name of the dataset.", examples=["tempo"])
    provider: str = Field(description="Provider of the data.", examples=["rte"])
    offered: bool = Field(description="Whether this gateway has credentials for the provider.")
    history: SourceState = Field(description="The last request for past data, to the provider or its archive.")
    day_count: int = Field(description="Number of stored days, including days without data.", examples=[4467])
    first_day: date | None = Field(description="Oldest stored day.", examples=["2014-09-01"])
    last_day: date | None = Field(description="Newest stored day.", examples=["2026-11-24"])


class PublicSourceList(Document):
    """The state of all public datasets."""

    datasets: list[PublicSourceDocument] = Field(description="One entry per public dataset.")
