"""The catalogue on the wire."""

from datetime import date

from pydantic import Field

from api.http.fields import Document
from shared.core.datasets import Direction, WindowKind


class DatasetDocument(Document):
    """One kind of data."""

    name: str = Field(description="What it is asked for by.", examples=["consumption_load_curve"])
    title: str = Field(description="What it is, for people.", examples=["Mean power consumed over each step"])
    provider: str = Field(description="Where it comes from.", examples=["enedis"])
    available: bool = Field(description="Whether it can be asked for.")
    unit: str | None = Field(description="Of its values; `null` for a record.", examples=["W"])
    step: str | None = Field(description="Usual length of one reading, ISO 8601.", examples=["PT30M"])
    direction: Direction | None = Field(
        description="Which way the energy flows; `null` where that makes no difference."
    )
    window: WindowKind = Field(description="What is stored, and fetched anew, as a whole.")
    span_days: int = Field(description="The longest period of one provider call.", examples=[7])
    history_months: int = Field(description="How far back the provider keeps it: months …", examples=[24])
    history_days: int = Field(description="… and days, added together.", examples=[15])
    oldest_day: date | None = Field(description="The oldest day that can be asked for today; `null` for a record.")
    freshness_seconds: int = Field(
        description="How long a stored answer that may still change is good.", examples=[3600]
    )


class PublicDatasetDocument(Document):
    """One kind of data that is about nobody: it is read without a key, and fetched without being asked for."""

    name: str = Field(description="What it is called.", examples=["tempo"])
    title: str = Field(description="What it is, for people.", examples=["The colour of each day of the Tempo tariff"])
    provider: str = Field(description="Where it comes from.", examples=["rte"])
    available: bool = Field(description="Whether this gateway asks the provider for it.")
    oldest_day: date = Field(description="The first day that there is.", examples=["2014-09-01"])
    ahead_days: int = Field(description="How many days after today are known at most.", examples=[1])
    links: dict[str, str] = Field(description="Where it is read.", examples=[{"days": "/v1/tempo/days"}])


class DatasetList(Document):
    """The catalogue."""

    datasets: list[DatasetDocument] = Field(description="All of them, also those that can't be asked for yet.")
    public: list[PublicDatasetDocument] = Field(description="What is about nobody.")
