"""Response schemas of the list of datasets."""

from datetime import date

from pydantic import Field

from api.http.fields import Document
from shared.core.datasets import Direction, WindowKind


class DatasetDocument(Document):
    """A dataset of usage points."""

    name: str = Field(description="Name of the dataset.", examples=["consumption_load_curve"])
    title: str = Field(description="Short description.", examples=["Mean power consumed over each step"])
    provider: str = Field(description="Provider of the data.", examples=["enedis"])
    available: bool = Field(description="Whether it can be fetched.")
    unit: str | None = Field(description="Unit of the values; `null` for a record.", examples=["W"])
    step: str | None = Field(description="Usual length of a reading (ISO 8601 duration).", examples=["PT30M"])
    direction: Direction | None = Field(description="Direction of the energy; `null` if not applicable.")
    window: WindowKind = Field(description="Storage window: the unit in which data is stored and fetched again.")
    span_days: int = Field(description="Longest period of one provider call, in days.", examples=[7])
    history_months: int = Field(
        description="Length of the provider's history in months, in addition to `history_days`.", examples=[24]
    )
    history_days: int = Field(
        description="Length of the provider's history in days, in addition to `history_months`.", examples=[15]
    )
    oldest_day: date | None = Field(description="Oldest day that can be fetched today; `null` for a record.")
    freshness_seconds: int = Field(
        description="How long stored data that may still change is considered fresh.", examples=[3600]
    )


class PublicDatasetDocument(Document):
    """A public dataset: it contains no personal data, needs no API key, and is fetched automatically."""

    name: str = Field(description="Name of the dataset.", examples=["tempo"])
    title: str = Field(description="Short description.", examples=["The colour of each day of the Tempo tariff"])
    provider: str = Field(description="Provider of the data.", examples=["rte"])
    available: bool = Field(description="Whether this gateway fetches it.")
    oldest_day: date = Field(description="First day of the dataset.", examples=["2014-09-01"])
    ahead_days: int = Field(description="Maximum number of days after today that are published.", examples=[1])
    links: dict[str, str] = Field(description="Paths of its resources.", examples=[{"days": "/v1/tempo/days"}])


class DatasetList(Document):
    """The datasets."""

    datasets: list[DatasetDocument] = Field(description="All datasets, including those that are not available yet.")
    public: list[PublicDatasetDocument] = Field(description="Public datasets.")
