"""Missing days on the wire."""

from datetime import UTC, datetime

from pydantic import Field

from api.http.fields import Document, EndDay, FirstDay
from shared.readings.models import Gap, Reason


class MissingDays(Document):
    """Days that are not there, or not whole, and why; of a record, the day on which it was asked for."""

    start: FirstDay
    end: EndDay
    reason: Reason
    retryable: bool = Field(description="Whether asking for these days again may bring something.")
    ask_again_at: datetime | None = Field(description="When it is worth asking again.")

    @classmethod
    def of(cls, gap: Gap) -> "MissingDays":
        """A gap as it is shown."""
        return cls(
            start=gap.start,
            end=gap.end,
            reason=gap.reason,
            retryable=gap.reason is Reason.NOT_FETCHED or gap.ask_again_at is not None,
            ask_again_at=gap.ask_again_at and gap.ask_again_at.astimezone(UTC),
        )
