"""Response schema of a deletion of stored readings."""

from datetime import date

from pydantic import Field

from api.http.fields import Document, ShownDataset, ShownPrm


class PurgeDocument(Document):
    """The deleted data. Readings are deleted in whole windows: days of a load curve, months of daily values."""

    usage_point_id: ShownPrm
    dataset: ShownDataset
    windows: int = Field(description="Number of deleted windows.", examples=[30])
    start: date | None = Field(
        description="First deleted day; `null` for a record, and if nothing was deleted.", examples=["2026-09-01"]
    )
    end: date | None = Field(description="Day after the last deleted day.", examples=["2026-10-01"])
    jobs_cancelled: int = Field(description="Number of cancelled jobs that were fetching the dataset.", examples=[0])
