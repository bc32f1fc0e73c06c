"""The contract of Conso API: a series by its usage point and days, in the form of Enedis v5 or of its APIs of 2026.

The older names are answered with what v5 has in ``meter_reading``, the names of 2026 with a body of 2026, and both
take the parameters of either. A failure is ``{"status", "message", "error"}``: its text is ours, and the same for every
occurrence.
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

# Whether somebody else has a point must not be found out: a foreign one, an unknown one and one without consent get
# the same words.
_NO_RIGHT = "Ce token ne permet pas d'accéder à ce PRM, ou aucun consentement n'est en cours pour celui-ci."
_NOTHING = "Aucune mesure n'est disponible pour cette demande."
_TOO_MUCH = "Trop de demandes pour le moment. Veuillez réessayer plus tard."
_AWAY = "Le service est momentanément indisponible. Veuillez réessayer plus tard."
_WRONG = (
    "Paramètres incorrects : un PRM s'écrit avec 14 chiffres, une date AAAA-MM-JJ, et la fin, qui n'est pas comprise, "
    "vient après le début."
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
    """What every failure of Conso API is answered with."""

    status: int = Field(description="The HTTP status, once more.", examples=[404])
    message: str = Field(description="What happened, in French, for people.", examples=[_NOTHING])
    error: str = Field(description="The status in words.", examples=["Not Found"])


_FAILURES = FailureForms(
    ConsoFailure,
    {
        ValidationFailed: (400, _WRONG),
        Unauthenticated: (401, "Le token est absent, inconnu ou expiré."),
        Forbidden: (403, _NO_RIGHT),
        **dict.fromkeys(NO_CONSENT, (403, _NO_RIGHT)),
        AccountSuspended: (403, "Ce compte est suspendu. L'exploitant de la passerelle peut dire pourquoi."),
        **dict.fromkeys((*NOTHING_THERE, *NOT_MEASURED), (404, _NOTHING)),
        TooManyRequests: (429, _TOO_MUCH),
        QuotaExceeded: (429, "Le nombre de demandes permises pour aujourd'hui est atteint."),
        StillFetching: (503, "Les mesures sont demandées à Enedis en ce moment. Veuillez réessayer sous peu."),
        ProviderDown: (503, "Enedis ne répond pas en ce moment. Veuillez réessayer plus tard."),
        Unreadable: (
            503,
            "Ces mesures ne sont pas lisibles en ce moment. L'exploitant de la passerelle doit intervenir.",
        ),
        ServiceUnavailable: (503, _AWAY),
    },
    _AWAY,
)


class ConsoRoute(CompatRoute):
    """A route of the contract."""

    @staticmethod
    def render(request: Request, error: AppError | HTTPException) -> Response:
        """The failure in the form of the contract."""
        if isinstance(error, HTTPException):
            return _failure(error.status_code, _WRONG, error.headers)
        status, text = _FAILURES.of(type(error))
        headers = failure_headers(error, status, datetime.now(UTC))
        return _failure(status, text, headers | ({"WWW-Authenticate": "Bearer"} if status == 401 else {}))


def _failure(status: int, text: str, headers: Any) -> Response:
    body = {"status": status, "message": text, "error": HTTPStatus(status).phrase}
    return Response(orjson.dumps(body), status, headers, "application/json")


# What is asked for

_PRM = "14 digits (PRM, PDL). Needed, by one name or the other."
_FIRST = "The first day. Needed, by one name or the other."
_END = "The day after the last one; days from today on are not there yet. Needed, by one name or the other."


@dataclass(frozen=True, slots=True)
class _Asked:
    """A usage point and days of it."""

    prm: str
    days: DayRange


async def _asked(
    prm: Annotated[Prm | None, Query(description=_PRM, examples=["12345678901234"])] = None,
    start: Annotated[AbsentDay, Query(description=_FIRST, examples=["2026-09-29"])] = None,
    end: Annotated[AbsentDay, Query(description=_END, examples=["2026-10-01"])] = None,
    point_id: Annotated[
        Prm | None, Query(alias="pointId", description="`prm` by its name of 2026.", examples=["12345678901234"])
    ] = None,
    first: Annotated[
        AbsentDay, Query(alias="dateDebut", description="`start` by its name of 2026.", examples=["2026-09-29"])
    ] = None,
    last: Annotated[
        AbsentDay, Query(alias="dateFin", description="`end` by its name of 2026.", examples=["2026-10-01"])
    ] = None,
) -> _Asked:
    """Either name of each. Raises `ValidationFailed`."""
    named = point_id or prm
    if named is None:
        raise ValidationFailed
    return _Asked(named, check_days(first or start, last or end))


Asked = Annotated[_Asked, Depends(_asked)]

_Body = Callable[[str, Dataset, DayRange, AsyncIterator[Columns]], Awaitable[bytes]]


async def _answer(
    resources: Resources, caller: Caller, asked: _Asked, dataset: Dataset, body: _Body, now: datetime
) -> Response:
    """What is known of these days, fetched first where it has to be. Raises what becomes a failure of the contract."""
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
    # Not every cache knows that what was asked for with a key of ours is one person's.
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
            Literal["P1D"], Query(alias="mesuresPas", description="The highest power of each day.", examples=["P1D"])
        ] = "P1D",
        _physical: Annotated[
            Literal["PMA", "TOUT"],
            Query(
                alias="grandeurPhysique",
                description="The gateway keeps that of all phases together: `PMA`, also for `TOUT`.",
                examples=["PMA"],
            ),
        ] = "PMA",
    ) -> Response:
        return await _answer(resources, caller, asked, dataset, measures, now)

    return serve


def _add_series(dataset: Dataset, name: str, name_of_2026: str) -> None:
    """The two addresses of a series."""
    described = f"{dataset.title}. What is not stored is fetched and waited for; 503 when that takes longer: ask again."
    is_peak = dataset.quantity is Quantity.PEAK
    for path, serve, model, form in (
        (name, _serve(dataset, meter_reading), MeterReading, "as Enedis v5 has it"),
        (
            name_of_2026,
            _serve_peaks(dataset) if is_peak else _serve(dataset, measures),
            Measures,
            "as Enedis has it since 2026",
        ),
    ):
        router.add_api_route(
            f"/api/{path}",
            serve,
            methods=["GET"],
            operation_id=f"conso_{path}",
            summary=f"{dataset.title}, {form}",
            description=described,
            response_model=model,
            responses=_FAILURES.documented(*_REFUSALS),
        )


for _dataset, _names in _SERIES.items():
    _add_series(DATASETS[_dataset], *_names)
