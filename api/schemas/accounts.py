"""Accounts on the wire."""

from datetime import date, datetime

from pydantic import Field

from api.schemas.fields import Document
from shared.catalog import Direction
from shared.models import ConsentStatus


class AccountDocument(Document):
    """An account."""

    id: str = Field(examples=["acct_0123456789abcdef01234567"])
    created_at: datetime


class NewAccount(Document):
    """A new account and its key."""

    account: AccountDocument
    api_key: str = Field(
        description="Opens everything that will be stored for this account. Shown this once: nobody can show it again."
    )


class HeldUsagePoint(Document):
    """A usage point that an account holds, in short."""

    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    directions: list[Direction]
    consent_status: ConsentStatus
    expires_on: date | None = Field(description="The first day without a right to it; `null` when none was named.")


class AccountDetails(AccountDocument):
    """An account and what it holds."""

    usage_points: list[HeldUsagePoint]
