"""Audit events on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from api.http.fields import Document
from shared.storage.audit_log import AuditEvent


class AuditEventDocument(Document):
    """Something that was done: ids and codes, never a reading, a usage point's number or a name."""

    number: int = Field(description="Counts up within the chain, without a gap.", examples=[12])
    at: datetime = Field(description="When it was done.")
    actor: str = Field(
        description="A key's id, `admin`, `system` for what nobody asked for, `account` for one that erased itself.",
        examples=["key_0123456789abcdef"],
    )
    action: str = Field(description="What was done.", examples=["key.created"])
    details: Mapping[str, Any] = Field(
        description="To what, depending on the action.", examples=[{"key_id": "key_0123456789abcdef"}]
    )

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        """What is shown of an event."""
        return cls(number=event.number, at=event.at, actor=event.actor, action=event.action, details=event.details)


class AuditPage(Document):
    """A page of a chain of events, newest first."""

    events: list[AuditEventDocument] = Field(description="Newest first.")
    intact: bool | None = Field(
        description="Whether no event of the whole chain was changed, and none taken out of its middle. "
        "`null` on later pages: it is said with the first one.",
        examples=[True],
    )
    next_before: int | None = Field(
        description="What to send as `before` for the page that follows; `null` at the end.", examples=[12]
    )
