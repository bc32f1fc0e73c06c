"""What all routes of the MyElectricalData v1 contract share: how a key is shown, whose a usage point is, and how a
failure looks.

A failure is ``{"detail": "…"}`` with a text of our own, the same for every occurrence: nothing of what was sent, of the
provider or of our inside is in it. The statuses are those that the clients of the contract act on: they stop for the
day at 403 and 409 and try again at others.
"""

from datetime import UTC, datetime
from typing import Annotated

import orjson
from fastapi import Depends, Request, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from api.compat.errors import NO_CONSENT, NOT_MEASURED, NOTHING_THERE, CompatRoute, FailureForms, failure_headers
from api.http.credentials import shown_bare_key
from api.http.dependencies import Now, ResourcesDep, UsagePointId, current_caller
from api.http.fields import Document
from shared.accounts.api_keys import Scope
from shared.accounts.store import Caller
from shared.consents.models import UsagePoint
from shared.core.errors import (
    AccountSuspended,
    AppError,
    ConsentLost,
    ConsentMissing,
    DatasetNotAvailable,
    Forbidden,
    LimitReached,
    NotFound,
    ProviderDown,
    ProviderUnavailable,
    QuotaExceeded,
    ServiceUnavailable,
    StillFetching,
    TooManyRequests,
    Unauthenticated,
    Unreadable,
    ValidationFailed,
)

V1_TAG = "MyElectricalData v1"
V1_REFUSALS: tuple[type[AppError], ...] = (
    Unauthenticated,
    AccountSuspended,
    TooManyRequests,
    Forbidden,
    ValidationFailed,
    ServiceUnavailable,
)
"""What every route can answer with that takes a key and a usage point."""
V1_FETCH_REFUSALS: tuple[type[AppError], ...] = (
    *V1_REFUSALS,
    ConsentMissing,
    ConsentLost,
    DatasetNotAvailable,
    NotFound,
    QuotaExceeded,
    StillFetching,
    ProviderDown,
    ProviderUnavailable,
    Unreadable,
)
"""And one that may have something fetched."""

# Whose a usage point is must not be found out by asking for it: a wrong key and a foreign point get the same words.
_NOT_YOURS = "Accès refusé : ce jeton n'est pas valable ou ne donne pas accès à ce point de livraison."
_NOT_AGREED = (
    "Accès refusé : il n'y a pas de consentement en cours pour ce point de livraison. Il faut le donner de nouveau."
)
_NOT_MEASURED = "Enedis ne fournit pas ces mesures pour ce point de livraison, ou le consentement ne les couvre pas."
_NOTHING = "Aucune donnée n'est disponible pour cette demande."
_AWAY = "Le service est momentanément indisponible. Veuillez réessayer plus tard."
_WRONG = (
    "Demande incorrecte : un point de livraison s'écrit avec 14 chiffres, une date AAAA-MM-JJ, et le début vient avant "
    "la fin."
)
_FRAMEWORK_TEXTS = {413: "Demande trop grande.", 400: "Demande illisible."}


class V1Failure(Document):
    """What every failure of MyElectricalData v1 is answered with."""

    detail: str = Field(description="What happened, in French, for people.", examples=[_NOTHING])


V1_FAILURES = FailureForms(
    V1Failure,
    {
        Unauthenticated: (403, _NOT_YOURS),
        Forbidden: (403, "Accès refusé : ce jeton ne permet pas cette action."),
        AccountSuspended: (
            403,
            "Accès refusé : ce compte est suspendu. L'exploitant de la passerelle peut dire pourquoi.",
        ),
        TooManyRequests: (403, "Trop de demandes de ce genre viennent de cette adresse. Veuillez patienter."),
        QuotaExceeded: (
            409,
            "Le nombre de demandes permises pour aujourd'hui est atteint. Il repart de zéro à minuit.",
        ),
        LimitReached: (409, "Ce compte a autant de jetons que permis. Il faut d'abord en supprimer un."),
        **dict.fromkeys(NO_CONSENT, (403, _NOT_AGREED)),
        **dict.fromkeys(NOT_MEASURED, (403, _NOT_MEASURED)),
        **dict.fromkeys(NOTHING_THERE, (404, _NOTHING)),
        ValidationFailed: (422, _WRONG),
        StillFetching: (503, "Les données sont en cours de récupération auprès d'Enedis. Veuillez réessayer sous peu."),
        ProviderDown: (503, "Enedis ne répond pas en ce moment. Veuillez réessayer plus tard."),
        Unreadable: (
            503,
            "Ces données ne sont pas lisibles en ce moment. L'exploitant de la passerelle doit intervenir.",
        ),
        ServiceUnavailable: (503, _AWAY),
    },
    _AWAY,
)
"""How the contract tells each kind of failure."""


class MyElectricalDataRoute(CompatRoute):
    """A route of the contract."""

    @staticmethod
    def render(request: Request, error: AppError | HTTPException) -> Response:
        """The failure in the form of the contract."""
        if isinstance(error, HTTPException):
            text = _FRAMEWORK_TEXTS.get(error.status_code, _FRAMEWORK_TEXTS[400])
            return Response(_body(text), error.status_code, error.headers, "application/json")
        status, text = V1_FAILURES.of(type(error))
        return Response(_body(text), status, failure_headers(error, status, datetime.now(UTC)), "application/json")


def _body(text: str) -> bytes:
    return orjson.dumps({"detail": text})


async def compat_caller(request: Request, now: Now, api_key: Annotated[str, Depends(shown_bare_key)]) -> Caller:
    """Who asks, whatever the key may do. Raises what `current_caller` does."""
    return await current_caller(request, now, api_key)


CompatCaller = Annotated[Caller, Depends(compat_caller)]
"""Who shows a key in `Authorization`, as it is or after `Bearer`."""


async def _compat_reader(caller: CompatCaller) -> Caller:
    caller.require(Scope.READ)
    return caller


CompatReader = Annotated[Caller, Depends(_compat_reader)]
"""Such a caller who may read what is stored."""


async def compat_usage_point(resources: ResourcesDep, caller: CompatCaller, usage_point_id: UsagePointId) -> UsagePoint:
    """The usage point in the path, if it is the caller's. Raises `Unauthenticated`: as for a wrong key, see there."""
    try:
        return await resources.usage_points.find(caller.account.id, usage_point_id)
    except NotFound:
        raise Unauthenticated from None


CompatUsagePoint = Annotated[UsagePoint, Depends(compat_usage_point)]
"""The caller's usage point that the path names."""
