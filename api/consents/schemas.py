"""Request and response schemas of consents."""

from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.http.fields import (
    AbsentDay,
    Body,
    CreatedAt,
    Directions,
    Document,
    GrantedStatus,
    Prm,
    ShownAccountId,
    ShownConsentId,
    ShownPrm,
)
from shared.consents.contract_proof import LEAST_FACTS, ContractProof

PAGE: dict[str, Any] = {"text/html": {"schema": {"type": "string", "examples": ["<!doctype html>…"]}}}
"""The response to browsers, in place of JSON."""


class ProofRequest(Body):
    """Details of the contract, as on a bill. At least two are required, and all must be correct."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"subscribed_power": 6, "postal_code": "75001", "activated_on": "2020-02-03"}]}
    )

    subscribed_power: Annotated[
        float | None, Field(gt=0, le=100_000, description="Subscribed power in kVA.", examples=[6], allow_inf_nan=False)
    ] = None
    postal_code: Annotated[
        str | None,
        StringConstraints(pattern=r"^[0-9][0-9AB][0-9]{3}$"),
        Field(description="Postal code of the meter.", examples=["75001"]),
    ] = None
    activated_on: Annotated[
        AbsentDay, Field(description="Day on which the supply was last activated for its holder.")
    ] = None

    @model_validator(mode="after")
    def _names_enough(self) -> Self:
        if self.as_proof().facts < LEAST_FACTS:
            raise PydanticCustomError("proof", "At least two details of the contract are required.")
        return self

    def as_proof(self) -> ContractProof:
        """The stored form, kept encrypted until the consent is granted or refused."""
        return ContractProof(self.subscribed_power, self.postal_code, self.activated_on)


class ConsentRequest(Body):
    """The properties of a new consent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"usage_point_id": "12345678901234"},
                {
                    "usage_point_id": "12345678901234",
                    "proof": {"subscribed_power": 6, "postal_code": "75001"},
                },
            ]
        }
    )

    usage_point_id: Annotated[
        Prm | None,
        Field(
            description="Expected usage point (14 digits). A consent for another one is refused.",
            examples=["12345678901234"],
        ),
    ] = None
    renew: Annotated[
        bool, Field(strict=True, description="Create the consent even if an active one exists for this usage point.")
    ] = False
    proof: Annotated[
        ProofRequest | None,
        Field(
            description="Required if another account of this gateway also holds the usage point; requires "
            "`usage_point_id`. It is compared with the provider's data and then deleted. Without it, an administrator "
            "must approve the consent."
        ),
    ] = None

    @model_validator(mode="after")
    def _proves_something(self) -> Self:
        if self.proof is not None and self.usage_point_id is None:
            raise PydanticCustomError("proof", "A proof requires `usage_point_id`.")
        return self


class StartedConsent(Document):
    """A new consent, which a person can now give."""

    id: ShownConsentId
    authorize_url: str = Field(
        description="Page of this gateway that names the requesting account and continues to the provider. Send the "
        "person to it. A program sends a POST to it to get `provider_url`, and keeps the cookie.",
        examples=["https://gateway.example/consent?state=…"],
    )
    state: str = Field(
        description="Returned once by the provider's redirect; already part of `authorize_url`.", examples=["…"]
    )
    expires_at: datetime = Field(description="Time by which the person must return, in the same browser.")
    hint: str = Field(
        description="Instructions for the person, for the one case in which the provider does not redirect back.",
        examples=["If the provider's page ends with an error and does not redirect back: …"],
    )


class ConsentInvitation(Document):
    """The content of a consent link."""

    account_id: ShownAccountId = Field(description="The account that requests access.")
    account_created_at: datetime = Field(description="Creation time of the account.")
    names_usage_point: bool = Field(description="Whether a usage point is expected; any other is refused.")
    expires_at: datetime = Field(description="Time by which the person must return.")


class ProviderPage(Document):
    """The provider's consent page."""

    provider_url: str = Field(
        description="URL of the provider's consent page.", examples=["https://provider.example/consent?state=…"]
    )
    expires_at: datetime = Field(description="Time by which the person must return, with the cookie of this response.")


class ConsentError(Document):
    """Why a consent failed or awaits approval."""

    code: str = Field(description="Error code.", examples=["usage_point_taken"])
    title: str = Field(
        description="Error message.", examples=["Another account of this gateway holds this usage point."]
    )


class ConsentUsagePoint(Document):
    """A usage point granted by a consent."""

    usage_point_id: ShownPrm
    directions: Directions


class ConsentDocument(Document):
    """A consent and its status."""

    id: ShownConsentId
    status: GrantedStatus = Field(
        description="`awaiting`: another account holds the usage point, and an administrator must approve. `lost`: "
        "the provider reports that the authorisation has ended. `revoked`: the account revoked it."
    )
    active: bool = Field(description="Whether data can be fetched under this consent today.")
    created_at: CreatedAt
    state_expires_at: datetime = Field(description="Time after which a pending consent can no longer be given.")
    granted_at: datetime | None = Field(
        description="Time at which the provider confirmed the consent.", examples=["2026-09-21T14:13:20Z"]
    )
    approved_at: datetime | None = Field(description="Time of the approval by an administrator.")
    expires_on: date | None = Field(description="First day after the consent ends; `null` if no end date is known.")
    seen_on: date | None = Field(description="Last day on which the provider accepted a call under this consent.")
    revoked_at: datetime | None = Field(description="Time at which it was revoked.")
    usage_points: list[ConsentUsagePoint] = Field(description="Its current usage points; empty once it is renewed.")
    error: ConsentError | None = Field(description="Why it failed or awaits approval; `null` otherwise.")
    hint: str | None = Field(description="Next step, if any.")


class ConsentList(Document):
    """A page of the account's consents."""

    consents: list[ConsentDocument] = Field(description="Newest first.")
    next_cursor: str | None = Field(
        description="Value of `cursor` for the next page; `null` on the last page.",
        examples=["cons_0123456789abcdef01234567"],
    )


class CallbackUsagePoint(Document):
    """A masked usage point: the callback is not authenticated by an API key, so the PRM is not returned in full."""

    ends_with: str = Field(description="Last four of the 14 digits.", examples=["1234"])
    directions: Directions


class CallbackDocument(Document):
    """The result of a consent, for programs that follow the provider's redirect."""

    status: GrantedStatus
    expires_on: date | None = Field(description="First day after the consent ends; `null` if no end date is known.")
    usage_points: list[CallbackUsagePoint] = Field(
        description="The granted usage points; empty while the exchange is in progress."
    )
