"""Coverage on the wire: which days are there, and why the others are not."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from api.schemas.fields import Document
from shared.models import Reason

State = Literal["complete", "partial", "absent", "unknown"]


class CoveredDays(Document):
    """Days in a row of which the same is known."""

    start: date
    end: date = Field(description="Not included.")
    days: int
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

    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: str = Field(examples=["consumption_load_curve"])
    start: date
    end: date = Field(description="Not included.")
    complete: int = Field(description="How many of the days are in this state.")
    partial: int
    absent: int
    unknown: int
    ranges: list[CoveredDays] = Field(description="All of the days, oldest first.")


class SeriesCoverage(Document):
    """What is known of a whole dataset, in short. Days that only a load curve gives don't count here."""

    dataset: str = Field(examples=["consumption_load_curve"])
    start: date | None = Field(description="The first day that was ever asked for; `null`: none, or a record.")
    end: date | None = Field(description="The day after the last one that was ever asked for.")
    newest: date | None = Field(description="The newest day of which something is stored; `null`: none, or a record.")
    complete: int = Field(description="How many days are stored whole; of a record 1 when it is.")
    partial: int = Field(description="Of how many days something is missing.")
    absent: int = Field(description="How many days were asked for and are not there.")
    fetched_at: datetime | None = Field(description="When the provider was last asked; `null`: never.")


class CoverageOverview(Document):
    """What is known of every dataset of a usage point."""

    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    datasets: list[SeriesCoverage]
