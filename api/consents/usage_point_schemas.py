"""Usage points on the wire."""

from datetime import date, datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool, StringConstraints

from api.http.fields import (
    Body,
    CreatedAt,
    DatasetName,
    Directions,
    Document,
    GrantedStatus,
    ShownConsentId,
    ShownDataset,
    ShownPrm,
)


class PointConsent(Document):
    """The consent that a usage point rests on."""

    id: ShownConsentId
    status: GrantedStatus
    active: bool = Field(description="Whether data can be asked for on the strength of it, today.")
    expires_on: date | None = Field(description="The first day without a right to it; `null` when none was named.")


class UsagePointDocument(Document):
    """A usage point."""

    usage_point_id: ShownPrm
    directions: Directions
    label: str | None = Field(description="What its owner calls it.", examples=["Home"])
    refresh: bool = Field(description="Whether the nightly refresh comes by.")
    refresh_datasets: list[str] | None = Field(
        description="The datasets that the refresh looks after; `null`: its own choice, and what was asked for.",
        examples=[["consumption_load_curve"]],
    )
    created_at: CreatedAt
    consent: PointConsent


class UsagePointList(Document):
    """All the usage points of an account."""

    usage_points: list[UsagePointDocument] = Field(description="Oldest first.")


class WindowCounts(Document):
    """How many windows (days of a load curve, months of daily values, the one of a record) are in which state."""

    complete: int = Field(description="Nothing of it is missing.", examples=[89])
    partial: int = Field(description="Something of it is missing.", examples=[0])
    absent: int = Field(description="The provider had nothing.", examples=[1])


class DatasetCoverage(Document):
    """What is stored of one dataset, in short."""

    dataset: ShownDataset
    start: date | None = Field(
        description="The first day that was ever asked for; `null` for a record.", examples=["2026-09-01"]
    )
    end: date | None = Field(
        description="The day after the last one that was ever asked for; `null` for a record.", examples=["2026-10-01"]
    )
    last_fetched_at: datetime = Field(description="When the provider was last asked.")
    windows: WindowCounts


class UsagePointDetails(UsagePointDocument):
    """A usage point and what is stored of it."""

    coverage: list[DatasetCoverage] = Field(description="One entry for each dataset that was ever fetched.")


class UsagePointChanges(Body):
    """What to change of a usage point; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"label": "Home"}, {"refresh": False}]})

    label: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
        Field(description="What you call it; `null` takes it away. Kept encrypted.", examples=["Home"]),
    ] = None
    refresh: Annotated[
        StrictBool, Field(description="Whether the nightly refresh comes by. `false`: only jobs fetch anything.")
    ] = True
    refresh_datasets: Annotated[
        frozenset[DatasetName] | None,
        Field(
            min_length=1,
            description="The datasets that the refresh looks after, also such as it would not begin by itself; `null`: "
            "those it begins by itself, and what was asked for.",
            examples=[["consumption_load_curve"]],
        ),
    ] = None
