"""Consents on the wire."""

from datetime import date, datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.fields import AbsentDay, Body, Document, Prm
from shared.catalog import Direction
from shared.contract_proof import LEAST_FACTS, ContractProof
from shared.models import ConsentStatus


class ProofRequest(Body):
    """Facts of the contract, as they stand on a bill. At least two, all of them right."""

    subscribed_power: Annotated[
        float | None, Field(gt=0, le=100_000, description="In kVA.", examples=[6], allow_inf_nan=False)
    ] = None
    postal_code: Annotated[
        str | None, StringConstraints(pattern=r"^[0-9][0-9AB][0-9]{3}$"), Field(description="Of the meter.")
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

    id: str = Field(examples=["cons_0123456789abcdef01234567"])
    authorize_url: str = Field(
        description="Send the person there: a page of this gateway that says for whom the consent is and leads on to "
        "the provider. A program sends a POST and gets `provider_url`, and keeps the cookie."
    )
    state: str = Field(description="Comes back with the person, once; already part of `authorize_url`.")
    expires_at: datetime = Field(description="The person has to be back by then, in the browser that they began in.")
    hint: str = Field(description="What to tell the person about the one case in which the provider never comes back.")


class ConsentInvitation(Document):
    """What a consent link is for."""

    account_id: str = Field(description="The account that will be able to read.")
    account_created_at: datetime
    names_usage_point: bool = Field(description="Whether one usage point was announced; any other is refused then.")
    expires_at: datetime


class ProviderPage(Document):
    """Where a person gives the consent."""

    provider_url: str = Field(description="The provider's own page.")
    expires_at: datetime = Field(description="The person has to be back by then, with the cookie of this answer.")


class ConsentError(Document):
    """Why a consent failed, or waits."""

    code: str = Field(examples=["usage_point_taken"])
    title: str


class ConsentUsagePoint(Document):
    """A usage point that a consent opened."""

    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    directions: list[Direction]


class ConsentDocument(Document):
    """A consent and what became of it."""

    id: str = Field(examples=["cons_0123456789abcdef01234567"])
    status: ConsentStatus = Field(
        description="`awaiting`: another account holds the usage point, and an administrator has to approve. `lost`: "
        "the provider says that the right has ended. `revoked`: you ended it."
    )
    active: bool = Field(description="Whether data can be asked for on the strength of it, today.")
    created_at: datetime
    state_expires_at: datetime = Field(description="A pending consent can't be given any more after that.")
    granted_at: datetime | None
    approved_at: datetime | None = Field(description="When an administrator let it pass.")
    expires_on: date | None = Field(description="The first day without a right to it; `null` when none was named.")
    seen_on: date | None = Field(description="The last day on which the provider answered on the strength of it.")
    revoked_at: datetime | None
    usage_points: list[ConsentUsagePoint] = Field(description="What rests on it now; a renewed one has none left.")
    error: ConsentError | None
    hint: str | None = Field(description="What is left to do, if anything.")


class ConsentList(Document):
    """A page of an account's consents, newest first."""

    consents: list[ConsentDocument]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; `null`: this is the last.")


class CallbackUsagePoint(Document):
    """A usage point as it is shown to whoever comes back from the provider: not whole, that needs an API key."""

    ends_with: str = Field(description="The last four of its 14 digits.", examples=["1234"])
    directions: list[Direction]


class CallbackDocument(Document):
    """What became of a consent, told to a program that follows the provider's redirect."""

    status: ConsentStatus
    expires_on: date | None
    usage_points: list[CallbackUsagePoint]
