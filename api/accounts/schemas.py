"""Accounts on the wire."""

from datetime import date, datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from api.accounts.key_schemas import KeyDocument
from api.http.fields import Body, CreatedAt, Directions, Document, GrantedStatus, ShownAccountId, ShownPrm
from shared.accounts.daily_quota import Quota


class AccountRequest(Body):
    """What a new account is made with; all of it may be left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "somebody@example.org"}]})

    email: Annotated[
        str | None,
        StringConstraints(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$"),
        Field(
            description="For the operator to reach you. Kept encrypted, shown to this account and to the operator.",
            examples=["somebody@example.org"],
        ),
    ] = None
    invitation: Annotated[
        str | None,
        StringConstraints(max_length=100),
        Field(description="Needed where registration is by invitation.", examples=["rlvi_…"]),
    ] = None


class AccountDocument(Document):
    """An account."""

    id: ShownAccountId
    created_at: CreatedAt


class NewAccount(Document):
    """A new account and its key."""

    account: AccountDocument
    api_key: str = Field(
        description="Opens everything that will be stored for this account. Shown this once: nobody can show it again.",
        examples=["rlv_…"],
    )


class HeldUsagePoint(Document):
    """A usage point that an account holds, in short."""

    usage_point_id: ShownPrm
    directions: Directions
    consent_status: GrantedStatus
    expires_on: date | None = Field(description="The first day without a right to it; `null` when none was named.")


class QuotaDocument(Document):
    """How much of a quota is used up today."""

    quota: Quota = Field(description="`fetch`: requests that have something fetched. `read`: that the store serves.")
    limit: int = Field(description="Requests a day.", examples=[50])
    used: int = Field(description="Requests since midnight in Paris.", examples=[1])
    resets_at: datetime = Field(description="Midnight in Paris.")


class AccountDetails(AccountDocument):
    """An account and what it holds."""

    email: str | None = Field(description="That it left, if it did.", examples=["somebody@example.org"])
    key: KeyDocument = Field(description="The key that asked.")
    quotas: list[QuotaDocument] = Field(description="What is used of each today.")
    usage_points: list[HeldUsagePoint] = Field(description="Oldest first.")
