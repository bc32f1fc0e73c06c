"""Request and response schemas of accounts."""

from datetime import date, datetime
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from api.accounts.key_schemas import KeyDocument
from api.http.fields import Body, CreatedAt, Directions, Document, GrantedStatus, ShownAccountId, ShownPrm
from shared.accounts.daily_quota import Quota


class AccountRequest(Body):
    """The properties of a new account; all are optional."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "user@example.org"}]})

    email: Annotated[
        str | None,
        StringConstraints(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$"),
        Field(
            description="Contact address for the operator. Stored encrypted; visible to this account and the operator.",
            examples=["user@example.org"],
        ),
    ] = None
    invitation: Annotated[
        str | None,
        StringConstraints(max_length=100),
        Field(description="Invitation code. Required if registration is by invitation.", examples=["rlvi_…"]),
    ] = None


class AccountDocument(Document):
    """An account."""

    id: ShownAccountId
    created_at: CreatedAt


class NewAccount(Document):
    """A new account and its first API key."""

    account: AccountDocument
    api_key: str = Field(
        description="Decrypts all data of this account. Returned only in this response.",
        examples=["rlv_…"],
    )


class HeldUsagePoint(Document):
    """A summary of a usage point of the account."""

    usage_point_id: ShownPrm
    directions: Directions
    consent_status: GrantedStatus
    expires_on: date | None = Field(description="First day after the consent ends; `null` if no end date is known.")


class QuotaDocument(Document):
    """The use of a daily quota."""

    quota: Quota = Field(description="`fetch`: requests that fetch data. `read`: requests served from stored data.")
    limit: int = Field(description="Requests per day.", examples=[50])
    used: int = Field(description="Requests since midnight in Paris.", examples=[1])
    resets_at: datetime = Field(description="Next midnight in Paris.")


class AccountDetails(AccountDocument):
    """An account, its quotas and its usage points."""

    email: str | None = Field(description="Contact address, if one was given.", examples=["user@example.org"])
    key: KeyDocument = Field(description="The API key of this request.")
    quotas: list[QuotaDocument] = Field(description="Today's use of each quota.")
    usage_points: list[HeldUsagePoint] = Field(description="Oldest first.")
