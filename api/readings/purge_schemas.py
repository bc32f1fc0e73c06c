"""What a purge of stored readings did, on the wire."""

from datetime import date

from pydantic import Field

from api.http.fields import Document, ShownDataset, ShownPrm


class PurgeDocument(Document):
    """What is gone. Readings are stored in windows, days of a curve and months of daily values, which go whole."""

    usage_point_id: ShownPrm
    dataset: ShownDataset
    windows: int = Field(description="How many windows were erased.", examples=[30])
    start: date | None = Field(
        description="The first day of those; `null` for a record, and when there were none.", examples=["2026-09-01"]
    )
    end: date | None = Field(description="The day after the last one of those.", examples=["2026-10-01"])
    jobs_cancelled: int = Field(description="How many jobs that were fetching the dataset were ended.", examples=[0])
