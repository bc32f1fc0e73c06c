"""Shared by all routes of MyElectricalData v1: authentication, access to usage points, and error responses.

An error is ``{"detail": "…"}`` with a constant message of this gateway: it contains no data of the request, of the
provider or of this gateway's internals. The statuses are those that the clients of this API react to: they stop for the
day at 403 and 409, and retry at others.
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
"""The errors of every route that takes a key and a usage point."""
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
"""The errors of routes that may also fetch data."""

# A response must not reveal who holds a usage point: an invalid key and a foreign usage point get the same message.
_NOT_YOURS = "Accès refusé : ce jeton n'est pas valable ou ne donne pas accès à ce point de livraison."
_NOT_AGREED = (
    "Accès refusé : aucun consentement n'est actif pour ce point de livraison. Un nouveau consentement est nécessaire."
)
_NOT_MEASURED = "Enedis ne fournit pas ces mesures pour ce point de livraison, ou le consentement ne les couvre pas."
_NOTHING = "Aucune donnée n'est disponible pour cette demande."
_AWAY = "Le service est momentanément indisponible. Veuillez réessayer plus tard."
_WRONG = (
    "Requête invalide : un point de livraison comporte 14 chiffres, une date est au format AAAA-MM-JJ, et le début "
    "doit être antérieur à la fin."
)
_FRAMEWORK_TEXTS = {413: "Requête trop volumineuse.", 400: "Requête illisible."}


class V1Failure(Document):
    """An error response of MyElectricalData v1."""

    detail: str = Field(description="Error message, in French.", examples=[_NOTHING])


V1_FAILURES = FailureForms(
    V1Failure,
    {
        Unauthenticated: (403, _NOT_YOURS),
        Forbidden: (403, "Accès refusé : ce jeton ne permet pas cette action."),
        AccountSuspended: (
            403,
            "Accès refusé : ce compte est suspendu. Contactez l'exploitant de la passerelle.",
        ),
        TooManyRequests: (403, "Trop de requêtes de ce type proviennent de cette adresse. Veuillez patienter."),
        QuotaExceeded: (
            409,
            "Le quota quotidien de requêtes est atteint. Il est réinitialisé à minuit.",
        ),
        LimitReached: (409, "Ce compte a atteint le nombre maximal de jetons. Supprimez-en un d'abord."),
        **dict.fromkeys(NO_CONSENT, (403, _NOT_AGREED)),
        **dict.fromkeys(NOT_MEASURED, (403, _NOT_MEASURED)),
        **dict.fromkeys(NOTHING_THERE, (404, _NOTHING)),
        ValidationFailed: (422, _WRONG),
        StillFetching: (503, "Les données sont en cours de récupération auprès d'Enedis. Veuillez réessayer sous peu."),
        ProviderDown: (503, "Enedis ne répond pas en ce moment. Veuillez réessayer plus tard."),
        Unreadable: (
            503,
            "Ces données ne peuvent pas être déchiffrées. L'exploitant de la passerelle doit intervenir.",
        ),
        ServiceUnavailable: (503, _AWAY),
    },
    _AWAY,
)
"""The status and message of each error."""


class MyElectricalDataRoute(CompatRoute):
    """A route of MyElectricalData v1."""

    @staticmethod
    def render(request: Request, error: AppError | HTTPException) -> Response:
        """The error in the format of the API."""
        if isinstance(error, HTTPException):
            text = _FRAMEWORK_TEXTS.get(error.status_code, _FRAMEWORK_TEXTS[400])
            return Response(_body(text), error.status_code, error.headers, "application/json")
        status, text = V1_FAILURES.of(type(error))
        return Response(_body(text), status, failure_headers(error, status, datetime.now(UTC)), "application/json")


def _body(text: str) -> bytes:
    return orjson.dumps({"detail": text})


async def compat_caller(request: Request, now: Now, api_key: Annotated[str, Depends(shown_bare_key)]) -> Caller:
    """Authenticate the caller, whatever its scopes. Raises the errors of `current_caller`."""
    return await current_caller(request, now, api_key)


CompatCaller = Annotated[Caller, Depends(compat_caller)]
"""The caller, authenticated by a key in `Authorization`, with or without `Bearer`."""


async def _compat_reader(caller: CompatCaller) -> Caller:
    caller.require(Scope.READ)
    return caller


CompatReader = Annotated[Caller, Depends(_compat_reader)]
"""A caller with the scope `read`."""


async def compat_usage_point(resources: ResourcesDep, caller: CompatCaller, usage_point_id: UsagePointId) -> UsagePoint:
    """The usage point in the path, if it belongs to the caller. Raises `Unauthenticated`, as for an invalid key."""
    try:
        return await resources.usage_points.find(caller.account.id, usage_point_id)
    except NotFound:
        raise Unauthenticated from None


CompatUsagePoint = Annotated[UsagePoint, Depends(compat_usage_point)]
"""The caller's usage point in the path."""
