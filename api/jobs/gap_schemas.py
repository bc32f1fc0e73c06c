"""Response schema of missing days."""

from datetime import UTC, datetime

from pydantic import Field

from api.http.fields import Document, EndDay, FirstDay
from shared.readings.models import Gap, Reason


class MissingDays(Document):
    """Consecutive days that are missing or incomplete, with the reason. For a record: the day of the request."""

    start: FirstDay
    end: EndDay
    reason: Reason
    retryable: bool = Field(description="Whether a new request for these days may return data.")
    ask_again_at: datetime | None = Field(description="The earliest time at which a new request may return data.")

    @classmethod
    def of(cls, gap: Gap) -> "MissingDays":
        """Build the document of a gap."""
        return cls(
            start=gap.start,
            end=gap.end,
            reason=gap.reason,
            retryable=gap.reason is Reason.NOT_FETCHED or gap.ask_again_at is not None,
            ask_again_at=gap.ask_again_at and gap.ask_again_at.astimezone(UTC),
        )
