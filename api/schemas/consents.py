"""Consents on the wire."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from api.schemas.fields import Body, Document, Prm
from shared.catalog import Direction
from shared.models import ConsentStatus


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


class StartedConsent(Document):
    """A consent that a person can now give."""

    id: str = Field(examples=["cons_0123456789abcdef01234567"])
    authorize_url: str = Field(description="Send the person there: the provider's own page.")
    state: str = Field(description="Comes back with the person, once; already part of `authorize_url`.")
    expires_at: datetime = Field(description="The person has to be back by then.")
    hint: str = Field(description="What to tell the person about the one case in which the provider never comes back.")


class ConsentError(Document):
    """Why a consent failed."""

    code: str = Field(examples=["usage_point_taken"])
    title: str


class ConsentUsagePoint(Document):
    """A usage point that a consent opened."""

    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    directions: list[Direction]


class ConsentDocument(Document):
    """A consent and what became of it."""

    id: str = Field(examples=["cons_0123456789abcdef01234567"])
    status: ConsentStatus
    active: bool = Field(description="Whether data can be asked for on the strength of it, today.")
    created_at: datetime
    state_expires_at: datetime = Field(description="A pending consent can't be given any more after that.")
    granted_at: datetime | None
    expires_on: date | None = Field(description="The first day without a right to it; `null` when none was named.")
    usage_points: list[ConsentUsagePoint]
    error: ConsentError | None


class CallbackUsagePoint(Document):
    """A usage point as it is shown to whoever comes back from the provider: not whole, that needs an API key."""

    ends_with: str = Field(description="The last four of its 14 digits.", examples=["1234"])
    directions: list[Direction]


class CallbackDocument(Document):
    """What became of a consent, told to a program that follows the provider's redirect."""

    status: ConsentStatus
    expires_on: date | None
    usage_points: list[CallbackUsagePoint]
