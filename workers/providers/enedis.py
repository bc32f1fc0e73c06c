"""Enedis Data Connect, the APIs of 2026: what they are asked, and what their answers mean.

Facts it relies on: a period's end is not part of it; a curve's label is the END of its interval, in Paris wall time
without offset; values are strings; a missing point is simply not there; the wanted quantity is found by its codes and
not by its place; the content type may lie.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx

from shared.calendar import PARIS, day_of, day_start, resolve_wall_times
from shared.catalog import Direction
from shared.errors import (
    NoMeasure,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderThrottled,
    ProviderUnavailable,
)
from shared.models import GrantedPoint, Lane, Reading
from shared.packing import DAY_STEP, step_seconds
from workers.client import Answer, ProviderClient, send
from workers.enedis_errors import error_of
from workers.provider import FetchRequest
from workers.tokens import Token

MEASURES_API = "measures"
SERVICES_API = "subscribed_services"
_MEASURES_PATH = "/mesure_synchrone_auto/v2"


@dataclass(frozen=True, slots=True)
class _Measure:
    """One of the measure resources: its path, which quantity of the answer is meant, and how to read its points."""

    resource: str
    business: str
    physical: str
    parse_points: Callable[[Sequence[Mapping[str, Any]]], Iterable[Reading]]
    extra: Mapping[str, str]


class Enedis:
    """The adapter. Implements `workers.provider.Provider`."""

    name = "enedis"

    def __init__(self, client: ProviderClient) -> None:
        """Ask through ``client``."""
        self._client = client

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        """The readings that Enedis has of these days."""
        measure = _MEASURES[request.dataset.name]
        answer = await self._client.request(
            MEASURES_API,
            "GET",
            f"{_MEASURES_PATH}/{measure.resource}",
            request.lane,
            params={
                "pointId": request.prm,
                "dateDebut": request.days.start.isoformat(),
                "dateFin": request.days.end.isoformat(),
                **measure.extra,
            },
        )
        try:
            await self._raise_for(answer, MEASURES_API)
        except NoMeasure:
            return []
        return parse_measure(answer.body, request)

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """The usage points under an authorisation that are active and really under that authorisation."""
        answer = await self._client.request(
            SERVICES_API,
            "POST",
            "/subscribed_services/v1/",
            Lane.INTERACTIVE,
            body={"autorisationId": autorisation_id, "comptage": False},
        )
        await self._raise_for(answer, SERVICES_API)
        return parse_services(answer.body, autorisation_id)

    async def _raise_for(self, answer: Answer, api: str) -> None:
        if answer.status < 400:
            return
        error = error_of(answer)
        if isinstance(error, ProviderThrottled) and error.retry_at is not None:
            await self._client.close_until(api, error.retry_at)
        raise error


def token_fetcher(base_url: str, client_id: str, client_secret: str) -> Callable[[httpx.AsyncClient], Any]:
    """What gets the application's token. The secret goes in the body: a query string ends up in logs."""

    async def fetch_token(http: httpx.AsyncClient) -> Token:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        answer = await send(http, http.build_request("POST", f"{base_url}/oauth2/v3/token", data=form))
        if answer.status in (400, 401, 403):
            raise ProviderMisconfigured
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise ProviderUnavailable("The provider gives no token at the moment.")
        try:
            return Token(str(answer.body["access_token"]), int(answer.body["expires_in"]))
        except (KeyError, TypeError, ValueError):
            raise ProviderGarbage("The provider's token can't be understood.") from None

    return fetch_token


def parse_measure(body: Any, request: FetchRequest) -> list[Reading]:
    """The readings of an answer that belong to the request, one an interval, oldest first.

    Raises `ProviderGarbage` for an answer of another shape or about another usage point: nothing of it is trusted.
    """
    measure = _MEASURES[request.dataset.name]
    if not isinstance(body, dict) or str(body.get("idPrm", request.prm)) != request.prm:
        raise ProviderGarbage
    quantities = body.get("grandeur") or []
    try:
        points = [
            point
            for quantity in quantities
            if quantity["grandeurMetier"] == measure.business and quantity["grandeurPhysique"] == measure.physical
            for point in quantity.get("points") or []
        ]
        readings = {reading.start: reading for reading in measure.parse_points(points)}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ProviderGarbage from None
    first, last = day_start(request.days.start), day_start(request.days.end)
    return [readings[start] for start in sorted(readings) if first <= start < last]


def _parse_curve(points: Sequence[Mapping[str, Any]]) -> Iterable[Reading]:
    ends = resolve_wall_times([datetime.fromisoformat(point["d"]).replace(tzinfo=None) for point in points])
    for end, point in zip(ends, points, strict=True):
        value = _number(point.get("v"))
        if value is not None:
            step = str(point.get("p") or "PT30M")
            yield Reading(end - timedelta(seconds=step_seconds(step)), step, value)


def _parse_daily(points: Sequence[Mapping[str, Any]]) -> Iterable[Reading]:
    for point in points:
        value = _number(point.get("v"))
        if value is not None:
            yield Reading(day_start(date.fromisoformat(point["d"][:10])), DAY_STEP, value)


def _parse_peaks(points: Sequence[Mapping[str, Any]]) -> Iterable[Reading]:
    for point in points:
        value = _number(point.get("v"))
        if value is not None:
            at = datetime.fromisoformat(point["d"]).replace(tzinfo=PARIS).astimezone(UTC)
            yield Reading(day_start(day_of(at)), DAY_STEP, value, at)


def _number(text: Any) -> int | None:
    """A value; the sandbox has been seen to write ``"null"`` for a day without one. Raises `ValueError`."""
    if text is None or text == "null" or text == "":
        return None
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a value is a finite number")
    return round(number)


_MEASURES = {
    "daily_consumption": _Measure("consommation_quotidienne", "CONS", "EA", _parse_daily, {}),
    "consumption_load_curve": _Measure("courbe_de_charge_consommation", "CONS", "PA", _parse_curve, {}),
    "daily_consumption_max_power": _Measure(
        "puissance_conso_max_quotidienne",
        "CONS",
        "PMA",
        _parse_peaks,
        {"mesuresPas": "P1D", "grandeurPhysique": "PMA"},
    ),
    "daily_production": _Measure("production_quotidienne", "PROD", "EA", _parse_daily, {}),
    "production_load_curve": _Measure("courbe_de_charge_production", "PROD", "PA", _parse_curve, {}),
}


def parse_services(body: Any, autorisation_id: int) -> list[GrantedPoint]:
    """One granted point a PRM from the list of services, which has one entry a measure and direction.

    Raises `ProviderGarbage`.
    """
    if not isinstance(body, dict):
        raise ProviderGarbage
    directions: dict[str, set[Direction]] = {}
    expiries: dict[str, list[date]] = {}
    try:
        for service in body.get("serviceSouscrit") or []:
            authorisation = service.get("autorisation") or {}
            if service["etatCode"] != "ACTIF" or int(authorisation.get("autorisationId", -1)) != autorisation_id:
                continue
            prm = str(service["pointId"])
            if len(prm) != 14 or not prm.isascii() or not prm.isdecimal():
                raise ProviderGarbage
            opened = directions.setdefault(prm, set())
            if service.get("soutirage"):
                opened.add(Direction.CONSUMPTION)
            if service.get("injection"):
                opened.add(Direction.PRODUCTION)
            if service.get("dateFin"):
                expiries.setdefault(prm, []).append(date.fromisoformat(service["dateFin"][:10]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ProviderGarbage from None
    return [
        GrantedPoint(prm, frozenset(opened), max(expiries.get(prm, []), default=None))
        for prm, opened in directions.items()
    ]
