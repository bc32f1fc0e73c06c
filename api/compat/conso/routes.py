"""The Conso API: a time series of a usage point in a period, in the format of Enedis v5 or of its APIs of 2026.

The older paths return the content of ``meter_reading`` of v5, the paths of 2026 return a body of 2026, and both accept
the parameters of either. An error is ``{"status", "message", "error"}`` with a message of this gateway, the same for
every occurrence.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import orjson
from fastapi import Depends, Query, Request, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from api.compat.enedis_formats.v5 import MeterReading, meter_reading
from api.compat.enedis_formats.v2026 import Measures, measures
from api.compat.errors import NO_CONSENT, NOT_MEASURED, NOTHING_THERE, CompatRoute, FailureForms, failure_headers
from api.compat.trailing_slash import SlashRouter
from api.http.dependencies import CurrentCaller, Now, ResourcesDep
from api.http.fields import AbsentDay, Document, Prm
from api.http.periods import check_days
from api.readings.fetch_then_read import fetch_then_read, is_anything_stored, why_nothing
from api.readings.stored import open_stored_days
from shared.accounts.store import Caller
from shared.core.calendar import DayRange, day_of
from shared.core.datasets import DATASETS, Dataset, Quantity
from shared.core.errors import (
    AccountSuspended,
    AppError,
    Forbidden,
    NotFound,
    ProviderDown,
    QuotaExceeded,
    ServiceUnavailable,
    StillFetching,
    TooManyRequests,
    Unauthenticated,
    Unreadable,
    ValidationFailed,
)
from shared.readings.column_batch import Columns
from shared.resources import Resources

CONSO_TAG = "Conso API"

# A response must not reveal whether another account holds a usage point: a foreign one, an unknown one and one without
# a consent get the same message.
_NO_RIGHT = "Ce token ne permet pas d'accéder à ce PRM, ou aucun consentement n'est actif pour celui-ci."
_NOTHING = "Aucune mesure n'est disponible pour cette demande."
_TOO_MUCH = "Trop de requêtes pour le moment. Veuillez réessayer plus tard."
_AWAY = "Le service est momentanément indisponible. Veuillez réessayer plus tard."
_WRONG = (
    "Paramètres invalides : un PRM comporte 14 chiffres, une date est au format AAAA-MM-JJ, et la fin, qui n'est pas "
    "incluse, doit être postérieure au début."
)
_REFUSALS: tuple[type[AppError], ...] = (
    ValidationFailed,
    Unauthenticated,
    Forbidden,
    AccountSuspended,
    NotFound,
    TooManyRequests,
    QuotaExceeded,
    StillFetching,
    ProviderDown,
    Unreadable,
    ServiceUnavailable,
)


class ConsoFailure(Document):
    """An error response of the Conso API."""

    status: int = Field(description="HTTP status.", examples=[404])
    message: str = Field(description="Error message, in French.", examples=[_NOTHING])
    error: str = Field(description="Reason phrase of the status.", examples=["Not Found"])


_FAILURES = FailureForms(
    ConsoFailure,
    {
        ValidationFailed: (400, _WRONG),
        Unauthenticated: (401, "Le token est absent, inconnu ou expiré."),
        Forbidden: (403, _NO_RIGHT),
        **dict.fromkeys(NO_CONSENT, (403, _NO_RIGHT)),
        AccountSuspended: (403, "Ce compte est suspendu. Contactez l'exploitant de la passerelle."),
        **dict.fromkeys((*NOTHING_THERE, *NOT_MEASURED), (404, _NOTHING)),
        TooManyRequests: (429, _TOO_MUCH),
        QuotaExceeded: (429, "Le quota quotidien de requêtes est atteint."),
        StillFetching: (503, "Les mesures sont en cours de récupération auprès d'Enedis. Veuillez réessayer sous peu."),
        ProviderDown: (503, "Enedis ne répond pas en ce moment. Veuillez réessayer plus tard."),
        Unreadable: (
            503,
            "Ces mesures ne peuvent pas être déchiffrées. L'exploitant de la passerelle doit intervenir.",
        ),
        ServiceUnavailable: (503, _AWAY),
    },
    _AWAY,
)


class ConsoRoute(CompatRoute):
    """A route of the Conso API."""

    @staticmethod
    def render(request: Request, error: AppError | HTTPException) -> Response:
        """The error in the format of the API."""
        if isinstance(error, HTTPException):
            return _failure(error.status_code, _WRONG, error.headers)
        status, text = _FAILURES.of(type(error))
        headers = failure_headers(error, status, datetime.now(UTC))
        return _failure(status, text, headers | ({"WWW-Authenticate": "Bearer"} if status == 401 else {}))


def _failure(status: int, text: str, headers: Any) -> Response:
    body = {"status": status, "message": text, "error": HTTPStatus(status).phrase}
    return Response(orjson.dumps(body), status, headers, "application/json")


# Parameters

_PRM = "14 digits (PRM, PDL). Required, under either name."
_FIRST = "First day. Required, under either name."
_END = "Day after the last day; days from today on are not available yet. Required, under either name."


@dataclass(frozen=True, slots=True)
class _Asked:
    """The parameters of a request: a usage point and a period."""

    prm: str
    days: DayRange


async def _asked(
    prm: Annotated[Prm | None, Query(description=_PRM, examples=["12345678901234"])] = None,
    start: Annotated[AbsentDay, Query(description=_FIRST, examples=["2026-09-29"])] = None,
    end: Annotated[AbsentDay, Query(description=_END, examples=["2026-10-01"])] = None,
    point_id: Annotated[
        Prm | None, Query(alias="pointId", description="The name of `prm` since 2026.", examples=["12345678901234"])
    ] = None,
    first: Annotated[
        AbsentDay, Query(alias="dateDebut", description="The name of `start` since 2026.", examples=["2026-09-29"])
    ] = None,
    last: Annotated[
        AbsentDay, Query(alias="dateFin", description="The name of `end` since 2026.", examples=["2026-10-01"])
    ] = None,
) -> _Asked:
    """The parameters under either name. Raises `ValidationFailed`."""
    named = point_id or prm
    if named is None:
        raise ValidationFailed
    return _Asked(named, check_days(first or start, last or end))


Asked = Annotated[_Asked, Depends(_asked)]

_Body = Callable[[str, Dataset, DayRange, AsyncIterator[Columns]], Awaitable[bytes]]


async def _answer(
    resources: Resources, caller: Caller, asked: _Asked, dataset: Dataset, body: _Body, now: datetime
) -> Response:
    """The readings of the period, fetched first if necessary. Raises errors that `ConsoRoute` renders."""
    try:
        usage_point = await resources.usage_points.find(caller.account.id, asked.prm)
    except NotFound:
        raise Forbidden from None
    today = day_of(now)
    if asked.days.start >= today:
        raise NotFound
    days = DayRange(asked.days.start, min(asked.days.end, today))
    known = await fetch_then_read(resources, caller, usage_point, dataset, days, now)
    if not is_anything_stored(known):
        raise why_nothing(known)
    text = await body(usage_point.prm, dataset, days, open_stored_days(resources, known, caller.private_key))
    # Some caches do not recognise a request with an API key as authenticated.
    return Response(text, headers={"Cache-Control": "private, no-cache"}, media_type="application/json")


# The routes

router = SlashRouter(route_class=ConsoRoute, tags=[CONSO_TAG])

_SERIES = {
    "daily_consumption": ("daily_consumption", "consommation_quotidienne"),
    "consumption_load_curve": ("consumption_load_curve", "courbe_de_charge_consommation"),
    "daily_consumption_max_power": ("consumption_max_power", "puissance_conso_max_quotidienne"),
    "daily_production": ("daily_production", "production_quotidienne"),
    "production_load_curve": ("production_load_curve", "courbe_de_charge_production"),
}


def _serve(dataset: Dataset, body: _Body) -> Callable[..., Awaitable[Response]]:
    async def serve(resources: ResourcesDep, caller: CurrentCaller, now: Now, asked: Asked) -> Response:
        return await _answer(resources, caller, asked, dataset, body, now)

    return serve


def _serve_peaks(dataset: Dataset) -> Callable[..., Awaitable[Response]]:
    async def serve(
        resources: ResourcesDep,
        caller: CurrentCaller,
        now: Now,
        asked: Asked,
        _step: Annotated[
            Literal["P1D"], Query(alias="mesuresPas", description="The maximum power of each day.", examples=["P1D"])
        ] = "P1D",
        _physical: Annotated[
            Literal["PMA", "TOUT"],
            Query(
                alias="grandeurPhysique",
                description="Only the power of all phases together (`PMA`) is stored; `TOUT` returns the same.",
                examples=["PMA"],
            ),
        ] = "PMA",
    ) -> Response:
        return await _answer(resources, caller, asked, dataset, measures, now)

    return serve


def _add_series(dataset: Dataset, name: str, name_of_2026: str) -> None:
    """Add the two paths of a time series."""
    described = f"{dataset.title}. Missing days are fetched first. Returns 503 with `Retry-After` if this takes long."
    is_peak = dataset.quantity is Quantity.PEAK
    for path, serve, model, form in (
        (name, _serve(dataset, meter_reading), MeterReading, "format of Enedis v5"),
        (
            name_of_2026,
            _serve_peaks(dataset) if is_peak else _serve(dataset, measures),
            Measures,
            "format of Enedis since 2026",
        ),
    ):
        router.add_api_route(
            f"/api/{path}",
            serve,
            methods=["GET"],
            operation_id=f"conso_{path}",
            summary=f"{dataset.title} ({form})",
            description=described,
            response_model=model,
            responses=_FAILURES.documented(*_REFUSALS),
        )


for _dataset, _names in _SERIES.items():
    _add_series(DATASETS[_dataset], *_names)
