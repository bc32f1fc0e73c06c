"""Response schemas of coverage: the stored days, and the reason for each missing day."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from api.http.fields import Document, EndDay, FirstDay, ShownDataset, ShownPrm
from shared.readings.models import Reason

State = Literal["complete", "partial", "absent", "unknown"]


class CoveredDays(Document):
    """Consecutive days with the same state."""

    start: FirstDay
    end: EndDay
    days: int = Field(description="Number of days.", examples=[30])
    state: State = Field(
        description="`complete`: fully stored. `partial`: a part of each day is missing. `absent`: requested, but "
        "missing. `unknown`: never requested, not published yet, or too old to be requested."
    )
    origin: Literal["derived"] | None = Field(
        description="`derived`: computed from the stored load curve, without a provider call; `null` otherwise."
    )
    reason: Reason | None = Field(description="Why the days are missing or incomplete; `null` for complete days.")
    ask_again_at: datetime | None = Field(description="The earliest time at which a new request may return data.")


class CoverageDocument(Document):
    """The coverage of a time series in a period."""

    usage_point_id: ShownPrm
    dataset: ShownDataset
    start: FirstDay
    end: EndDay
    complete: int = Field(description="Number of complete days.", examples=[29])
    partial: int = Field(description="Number of incomplete days.", examples=[0])
    absent: int = Field(description="Number of days that were requested but are missing.", examples=[1])
    unknown: int = Field(description="Number of days with an unknown state.", examples=[0])
    ranges: list[CoveredDays] = Field(description="All days of the period, oldest first.")


class SeriesCoverage(Document):
    """A summary of the coverage of a dataset. Days that are only derived from a load curve are not counted."""

    dataset: ShownDataset
    start: date | None = Field(
        description="The first day that was ever requested; `null` if there is none, and for a record.",
        examples=["2026-09-01"],
    )
    end: date | None = Field(description="The day after the last day ever requested.", examples=["2026-10-01"])
    newest: date | None = Field(
        description="The latest day with stored data; `null` if there is none, and for a record.",
        examples=["2026-09-30"],
    )
    complete: int = Field(description="Number of complete days; 1 for a complete record.", examples=[90])
    partial: int = Field(description="Number of incomplete days.", examples=[0])
    absent: int = Field(description="Number of days that were requested but are missing.", examples=[1])
    fetched_at: datetime | None = Field(
        description="Time of the last fetch; `null` if it was never fetched.", examples=["2026-10-01T08:00:00Z"]
    )


class CoverageOverview(Document):
    """The coverage of every dataset of a usage point."""

    usage_point_id: ShownPrm
    datasets: list[SeriesCoverage] = Field(description="One entry per dataset.")
