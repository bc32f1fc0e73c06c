"""Request and response schemas of usage points."""

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
    """The consent that grants a usage point."""

    id: ShownConsentId
    status: GrantedStatus
    active: bool = Field(description="Whether data can be fetched under this consent today.")
    expires_on: date | None = Field(description="First day after the consent ends; `null` if no end date is known.")


class UsagePointDocument(Document):
    """A usage point."""

    usage_point_id: ShownPrm
    directions: Directions
    label: str | None = Field(description="Display name.", examples=["Home"])
    refresh: bool = Field(description="Whether the nightly refresh is on.")
    refresh_datasets: list[str] | None = Field(
        description="Datasets that the nightly refresh fetches; `null`: the default datasets, and requested ones.",
        examples=[["consumption_load_curve"]],
    )
    created_at: CreatedAt
    consent: PointConsent


class UsagePointList(Document):
    """The usage points of the account."""

    usage_points: list[UsagePointDocument] = Field(description="Oldest first.")


class WindowCounts(Document):
    """Number of windows (days of a load curve, months of daily values, one per record) by state."""

    complete: int = Field(description="Complete windows.", examples=[89])
    partial: int = Field(description="Incomplete windows.", examples=[0])
    absent: int = Field(description="Windows for which the provider had no data.", examples=[1])


class DatasetCoverage(Document):
    """A summary of the stored data of a dataset."""

    dataset: ShownDataset
    start: date | None = Field(
        description="First day that was ever requested; `null` for a record.", examples=["2026-09-01"]
    )
    end: date | None = Field(
        description="Day after the last day that was ever requested; `null` for a record.", examples=["2026-10-01"]
    )
    last_fetched_at: datetime = Field(description="Time of the last fetch.")
    windows: WindowCounts


class UsagePointDetails(UsagePointDocument):
    """A usage point and its stored data."""

    coverage: list[DatasetCoverage] = Field(description="One entry per dataset that was ever fetched.")


class UsagePointChanges(Body):
    """The fields to change; omitted fields keep their values."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"label": "Home"}, {"refresh": False}]})

    label: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
        Field(description="Display name; `null` removes it. Stored encrypted.", examples=["Home"]),
    ] = None
    refresh: Annotated[
        StrictBool, Field(description="Whether the nightly refresh is on. `false`: data is fetched by jobs only.")
    ] = True
    refresh_datasets: Annotated[
        frozenset[DatasetName] | None,
        Field(
            min_length=1,
            description="Datasets that the nightly refresh fetches, including datasets that it does not fetch by "
            "default; `null`: the default datasets, and requested ones.",
            examples=[["consumption_load_curve"]],
        ),
    ] = None
