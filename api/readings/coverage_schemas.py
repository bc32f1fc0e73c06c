"""Coverage on the wire: which days are there, and why the others are not."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from api.http.fields import Document, EndDay, FirstDay, ShownDataset, ShownPrm
from shared.readings.models import Reason

State = Literal["complete", "partial", "absent", "unknown"]


class CoveredDays(Document):
    """Days in a row of which the same is known."""

    start: FirstDay
    end: EndDay
    days: int = Field(description="How many there are.", examples=[30])
    state: State = Field(
        description="`complete`: stored whole. `partial`: something of each day is missing. `absent`: asked for, not "
        "there. `unknown`: never asked for, not published yet, or too old to be asked for."
    )
    origin: Literal["derived"] | None = Field(
        description="`derived`: the stored load curve gives these days, no call was needed; `null` otherwise."
    )
    reason: Reason | None = Field(description="Why they are not whole; `null` of complete ones.")
    ask_again_at: datetime | None = Field(description="When it is worth asking again.")


class CoverageDocument(Document):
    """What is known of some days of a series; nothing was opened for it."""

    usage_point_id: ShownPrm
    dataset: ShownDataset
    start: FirstDay
    end: EndDay
    complete: int = Field(description="How many of the days are stored whole.", examples=[29])
    partial: int = Field(description="Of how many something is missing.", examples=[0])
    absent: int = Field(description="How many were asked for and are not there.", examples=[1])
    unknown: int = Field(description="Of how many nothing is known.", examples=[0])
    ranges: list[CoveredDays] = Field(description="All of the days, oldest first.")


class SeriesCoverage(Document):
    """What is known of a whole dataset, in short. Days that only a load curve gives don't count here."""

    dataset: ShownDataset
    start: date | None = Field(
        description="The first day that was ever asked for; `null`: none, or a record.", examples=["2026-09-01"]
    )
    end: date | None = Field(description="The day after the last one that was ever asked for.", examples=["2026-10-01"])
    newest: date | None = Field(
        description="The newest day of which something is stored; `null`: none, or a record.", examples=["2026-09-30"]
    )
    complete: int = Field(description="How many days are stored whole; of a record 1 when it is.", examples=[90])
    partial: int = Field(description="Of how many days something is missing.", examples=[0])
    absent: int = Field(description="How many days were asked for and are not there.", examples=[1])
    fetched_at: datetime | None = Field(
        description="When the provider was last asked; `null`: never.", examples=["2026-10-01T08:00:00Z"]
    )


class CoverageOverview(Document):
    """What is known of every dataset of a usage point."""

    usage_point_id: ShownPrm
    datasets: list[SeriesCoverage] = Field(description="One entry for each dataset there is.")
