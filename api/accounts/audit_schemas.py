"""Response schemas of the audit log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from api.http.fields import Document
from shared.storage.audit_log import AuditEvent


class AuditEventDocument(Document):
    """An audit event. It contains ids and codes, never a reading, a PRM or a name."""

    number: int = Field(description="Sequence number within the log, without gaps.", examples=[12])
    at: datetime = Field(description="Time of the action.")
    actor: str = Field(
        description="A key id, `admin`, `system` for automatic actions, or `account` for an account that deleted "
        "itself.",
        examples=["key_0123456789abcdef"],
    )
    action: str = Field(description="The action.", examples=["key.created"])
    details: Mapping[str, Any] = Field(
        description="The object of the action; the fields depend on the action.",
        examples=[{"key_id": "key_0123456789abcdef"}],
    )

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        """Build the document of an event."""
        return cls(number=event.number, at=event.at, actor=event.actor, action=event.action, details=event.details)


class AuditPage(Document):
    """A page of an audit log."""

    events: list[AuditEventDocument] = Field(description="Newest first.")
    intact: bool | None = Field(
        description="Whether the whole log is intact: no event was changed, and none was removed from the middle. "
        "Returned with the first page only; `null` on later pages.",
        examples=[True],
    )
    next_before: int | None = Field(
        description="Value of `before` for the next page; `null` on the last page.", examples=[12]
    )
