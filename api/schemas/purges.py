"""What a purge of stored readings did, on the wire."""

from datetime import date

from pydantic import Field

from api.schemas.fields import Document


class PurgeDocument(Document):
    """What is gone. Readings are stored in windows, days of a curve and months of daily values, which go whole."""

    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: str = Field(examples=["daily_consumption"])
    windows: int = Field(description="How many windows were erased.")
    start: date | None = Field(description="The first day of those; `null` for a record, and when there were none.")
    end: date | None = Field(description="The day after the last one of those.")
    jobs_cancelled: int = Field(description="How many jobs that were fetching the dataset were ended.")
