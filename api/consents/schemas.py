"""Consents on the wire."""

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
"""What a browser gets in place of JSON."""


class ProofRequest(Body):
    """Facts of the contract, as they stand on a bill. At least two, all of them right."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"subscribed_power": 6, "postal_code": "75001", "activated_on": "2020-02-03"}]}
    )

    subscribed_power: Annotated[
        float | None, Field(gt=0, le=100_000, description="In kVA.", examples=[6], allow_inf_nan=False)
    ] = None
    postal_code: Annotated[
        str | None,
        StringConstraints(pattern=r"^[0-9][0-9AB][0-9]{3}$"),
        Field(description="Of the meter.", examples=["75001"]),
    ] = None
    activated_on: Annotated[
        AbsentDay, Field(description="The day on which the supply was last put into service for its holder.")
    ] = None

    @model_validator(mode="after")
    def _names_enough(self) -> Self:
        if self.as_proof().facts < LEAST_FACTS:
            raise PydanticCustomError("proof", "At least two facts of the contract are needed.")
        return self

    def as_proof(self) -> ContractProof:
        """What is kept of it, encrypted, until the consent is decided."""
        return ContractProof(self.subscribed_power, self.postal_code, self.activated_on)


class ConsentRequest(Body):
    """What a consent is asked for."""

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
            description="The usage point that you expect, 14 digits: a consent for another one is refused then.",
            examples=["12345678901234"],
        ),
    ] = None
    renew: Annotated[
        bool,
        Field(strict=True, description="Ask for a new consent though you hold an active one for this usage point."),
    ] = False
    proof: Annotated[
        ProofRequest | None,
        Field(
            description="Needed when another account of this gateway holds the usage point as well, together with "
            "`usage_point_id`: compared with what the provider says, then forgotten. Without it an administrator has "
            "to approve."
        ),
    ] = None

    @model_validator(mode="after")
    def _proves_something(self) -> Self:
        if self.proof is not None and self.usage_point_id is None:
            raise PydanticCustomError("proof", "A proof is about a usage point: name it in `usage_point_id`.")
        return self


class StartedConsent(Document):
    """A consent that a person can now give."""

    id: ShownConsentId
    authorize_url: str = Field(
        description="Send the person there: a page of this gateway that says for whom the consent is and leads on to "
        "the provider. A program sends a POST and gets `provider_url`, and keeps the cookie.",
        examples=["https://gateway.example/consent?state=…"],
    )
    state: str = Field(description="Comes back with the person, once; already part of `authorize_url`.", examples=["…"])
    expires_at: datetime = Field(description="The person has to be back by then, in the browser that they began in.")
    hint: str = Field(
        description="What to tell the person about the one case in which the provider never comes back.",
        examples=["If the provider's page ends with an error and never comes back here: …"],
    )


class ConsentInvitation(Document):
    """What a consent link is for."""

    account_id: ShownAccountId = Field(description="The account that will be able to read.")
    account_created_at: datetime = Field(description="When that account was made.")
    names_usage_point: bool = Field(description="Whether one usage point was announced; any other is refused then.")
    expires_at: datetime = Field(description="The person has to be back by then.")


class ProviderPage(Document):
    """Where a person gives the consent."""

    provider_url: str = Field(
        description="The provider's own page.", examples=["https://provider.example/consent?state=…"]
    )
    expires_at: datetime = Field(description="The person has to be back by then, with the cookie of this answer.")


class ConsentError(Document):
    """Why a consent failed, or waits."""

    code: str = Field(description="The kind of problem, for programs.", examples=["usage_point_taken"])
    title: str = Field(
        description="The same for people.", examples=["Another account of this gateway holds this usage point."]
    )


class ConsentUsagePoint(Document):
    """A usage point that a consent opened."""

    usage_point_id: ShownPrm
    directions: Directions


class ConsentDocument(Document):
    """A consent and what became of it."""

    id: ShownConsentId
    status: GrantedStatus = Field(
        description="`awaiting`: another account holds the usage point, and an administrator has to approve. `lost`: "
        "the provider says that the right has ended. `revoked`: you ended it."
    )
    active: bool = Field(description="Whether data can be asked for on the strength of it, today.")
    created_at: CreatedAt
    state_expires_at: datetime = Field(description="A pending consent can't be given any more after that.")
    granted_at: datetime | None = Field(
        description="When the provider said that it was given.", examples=["2026-09-21T14:13:20Z"]
    )
    approved_at: datetime | None = Field(description="When an administrator let it pass.")
    expires_on: date | None = Field(description="The first day without a right to it; `null` when none was named.")
    seen_on: date | None = Field(description="The last day on which the provider answered on the strength of it.")
    revoked_at: datetime | None = Field(description="When it was ended here.")
    usage_points: list[ConsentUsagePoint] = Field(description="What rests on it now; a renewed one has none left.")
    error: ConsentError | None = Field(description="Why it failed, or waits; `null` otherwise.")
    hint: str | None = Field(description="What is left to do, if anything.")


class ConsentList(Document):
    """A page of an account's consents, newest first."""

    consents: list[ConsentDocument] = Field(description="Newest first.")
    next_cursor: str | None = Field(
        description="Send it as `cursor` for the next page; `null`: this is the last.",
        examples=["cons_0123456789abcdef01234567"],
    )


class CallbackUsagePoint(Document):
    """A usage point as it is shown to whoever comes back from the provider: not whole, that needs an API key."""

    ends_with: str = Field(description="The last four of its 14 digits.", examples=["1234"])
    directions: Directions


class CallbackDocument(Document):
    """What became of a consent, told to a program that follows the provider's redirect."""

    status: GrantedStatus
    expires_on: date | None = Field(description="The first day without a right to it; `null` when none was named.")
    usage_points: list[CallbackUsagePoint] = Field(description="What it opened; empty while that is being asked for.")
