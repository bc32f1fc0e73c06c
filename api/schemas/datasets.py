"""The catalogue on the wire."""

from datetime import date

from pydantic import Field

from api.schemas.fields import Document
from shared.catalog import Direction, WindowKind


class DatasetDocument(Document):
    """One kind of data."""

    name: str = Field(examples=["consumption_load_curve"])
    title: str
    provider: str = Field(examples=["enedis"])
    available: bool = Field(description="Whether it can be asked for.")
    unit: str | None = Field(description="Of its values; `null` for a record.", examples=["W"])
    step: str | None = Field(description="Usual length of one reading, ISO 8601.", examples=["PT30M"])
    direction: Direction | None
    window: WindowKind = Field(description="What is stored, and fetched anew, as a whole.")
    span_days: int = Field(description="The longest period of one provider call.")
    history_months: int = Field(description="How far back the provider keeps it: months …")
    history_days: int = Field(description="… and days, added together.")
    oldest_day: date | None = Field(description="The oldest day that can be asked for today; `null` for a record.")
    freshness_seconds: int = Field(description="How long a stored answer that may still change is good.")


class DatasetList(Document):
    """The catalogue."""

    datasets: list[DatasetDocument]
