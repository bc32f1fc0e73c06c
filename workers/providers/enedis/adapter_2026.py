"""Adapter for Enedis Data Connect, the 2026 APIs: requests, and the interpretation of responses.

Relies on these facts (``docs/enedis-api/``): the end of a period is exclusive; the wanted quantity is identified by its
codes, not by its position; contract resources take the usage point in the path; each API has its own quota.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx

from shared.consents.models import GrantedPoint
from shared.core.datasets import Direction
from shared.core.errors import (
    NoMeasure,
    ProviderError,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderNotSubscribed,
    ProviderThrottled,
    ProviderTokenRejected,
    ProviderUnavailable,
)
from shared.jobs.models import Lane
from shared.readings.models import Reading
from workers.providers.enedis import records
from workers.providers.enedis.measurements import (
    MALFORMED,
    RawPoint,
    curve_readings,
    daily_readings,
    factor_of,
    peak_readings,
    within,
)
from workers.providers.enedis.registers import register_readings
from workers.providers.enedis.requests import ask, fetch_in_parts
from workers.upstream.access_tokens import Token, parse_token
from workers.upstream.http_client import ProviderClient, send
from workers.upstream.port import FetchRequest, RecordRequest

MEASURES_API = "measures"
SERVICES_API = "subscribed_services"
SITUATION_API = "situation_contrat_auto"
SYNTHESIS_API = "synth_contrat_auto"
METERING_API = "comptage_auto"
GENERAL_API = "donnees_generales_auto"
_MEASURES_PATH = "/mesure_synchrone_auto/v2"


@dataclass(frozen=True, slots=True)
class _Measure:
    """One of the measure resources: its path, the wanted quantity of the response, and the parser of its points.

    ``parse_points``: ``None`` for registers, which have another place in the response.
    """

    resource: str
    business: str
    physical: str
    unit: str
    parse_points: Callable[[Iterable[RawPoint]], list[Reading]] | None
    extra: Mapping[str, str] = field(default_factory=dict)


_MEASURES: Mapping[str, _Measure] = {
    "daily_consumption": _Measure("consommation_quotidienne", "CONS", "EA", "Wh", daily_readings),
    "consumption_load_curve": _Measure("courbe_de_charge_consommation", "CONS", "PA", "W", curve_readings),
    "daily_consumption_max_power": _Measure(
        "puissance_conso_max_quotidienne",
        "CONS",
        "PMA",
        "VA",
        peak_readings,
        {"mesuresPas": "P1D", "grandeurPhysique": "PMA"},
    ),
    "daily_production": _Measure("production_quotidienne", "PROD", "EA", "Wh", daily_readings),
    "production_load_curve": _Measure("courbe_de_charge_production", "PROD", "PA", "W", curve_readings),
    "consumption_index": _Measure("index_consommation", "CONS", "EA", "Wh", None),
    "production_index": _Measure("index_production", "PROD", "EA", "Wh", None),
}


class Enedis:
    """The adapter. Implements `workers.upstream.port.Provider`."""

    name = "enedis"

    def __init__(self, client: ProviderClient) -> None:
        """Send requests through ``client``."""
        self._client = client

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        """The readings that Enedis has for these days."""
        return await fetch_in_parts(request, self._fetch_period)

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        """Contract, address, identity or contact as `workers.providers.enedis.records` describes them.

        A contract requires the situation; its other parts may be missing, for a reason that the record states.
        """
        if request.dataset.name == "address":
            return records.address_2026(await self._of_point(GENERAL_API, request))
        situation = await self._of_point(SITUATION_API, request)
        match request.dataset.name:
            case "identity":
                return records.identity_2026(request.prm, situation)
            case "contact":
                return records.contact_2026(request.prm, situation)
        missing: dict[str, str] = {}
        synthesis = await self._if_possible(SYNTHESIS_API, request, "synthesis", missing)
        metering = await self._if_possible(METERING_API, request, "metering", missing)
        return records.contract_2026(request.prm, situation, synthesis, metering, missing)

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """The usage points of an authorisation that are active and listed under that very authorisation."""
        body = await ask(
            self._client,
            SERVICES_API,
            "/subscribed_services/v1/",
            Lane.INTERACTIVE,
            method="POST",
            body={"autorisationId": autorisation_id, "comptage": False},
        )
        return parse_services(body, autorisation_id)

    async def _fetch_period(self, request: FetchRequest) -> Sequence[Reading]:
        measure = _MEASURES[request.dataset.name]
        period = {"dateDebut": request.days.start.isoformat(), "dateFin": request.days.end.isoformat()}
        body = await ask(
            self._client,
            MEASURES_API,
            f"{_MEASURES_PATH}/{measure.resource}",
            request.lane,
            params={"pointId": request.prm, **period, **measure.extra},
        )
        return parse_measure(body, request)

    async def _of_point(self, api: str, request: RecordRequest) -> Any:
        return await ask(self._client, api, f"/{api}/v1/{request.prm}", request.lane)

    async def _if_possible(self, api: str, request: RecordRequest, part: str, missing: dict[str, str]) -> Any:
        """An optional part of a record; the reason for its absence is added to ``missing``.

        On an outage it is requested once more and then omitted: ``comptage_auto`` has never been observed to work, and
        a record that waited for it might never be stored.
        """
        for attempt in (1, 2):
            try:
                body = await self._of_point(api, request)
            except (ProviderThrottled, ProviderTokenRejected, ProviderMisconfigured):
                raise
            except ProviderNotSubscribed:
                missing[part] = records.API_NOT_SUBSCRIBED
            except NoMeasure:
                missing[part] = records.NO_DATA
            except ProviderUnavailable:
                missing[part] = records.PROVIDER_ERROR
                if attempt == 1:
                    continue
            except ProviderError:
                missing[part] = records.REFUSED
            else:
                if isinstance(body, dict):
                    missing.pop(part, None)
                    return body
                missing[part] = records.PROVIDER_ERROR
                continue
            return None
        return None


def token_fetcher(base_url: str, client_id: str, client_secret: str) -> Callable[[httpx.AsyncClient], Any]:
    """The function that fetches the application token. The secret is sent in the body: query strings end up in logs."""

    async def fetch_token(http: httpx.AsyncClient) -> Token:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        answer = await send(http, http.build_request("POST", f"{base_url}/oauth2/v3/token", data=form))
        if answer.status in (400, 401, 403):
            raise ProviderMisconfigured
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise ProviderUnavailable("The provider does not issue a token.")
        return parse_token(answer.body)

    return fetch_token


def parse_measure(body: Any, request: FetchRequest) -> list[Reading]:
    """The readings of a response that belong to the request, one per interval, oldest first.

    Raises `ProviderGarbage` for a response of another form or about another usage point, quantity, unit or step: the
    whole response is rejected, and never treated as "no data".
    """
    measure = _MEASURES[request.dataset.name]
    try:
        if str(body.get("idPrm", request.prm)) != request.prm or body.get("pas", "P1D") != "P1D":
            raise ProviderGarbage
        if measure.parse_points is None:
            readings = register_readings(body, measure.business)
        else:
            readings = measure.parse_points(_points(body, measure))
    except MALFORMED:
        raise ProviderGarbage from None
    return within(readings, request.days)


def _points(body: Mapping[str, Any], measure: _Measure) -> list[RawPoint]:
    quantities = body["grandeur"] or []
    wanted = (measure.business, measure.physical)
    meant = [each for each in quantities if (each["grandeurMetier"], each["grandeurPhysique"]) == wanted]
    if not meant and any(each.get("points") for each in quantities):
        raise ValueError("other quantities than the requested one")
    return [
        RawPoint(point["d"], point.get("v"), point.get("p"), factor_of(quantity.get("unite"), measure.unit))
        for quantity in meant
        for point in quantity.get("points") or []
    ]


def parse_services(body: Any, autorisation_id: int) -> list[GrantedPoint]:
    """One granted point per PRM from the list of services, which has one entry per measure and direction.

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
    except MALFORMED:
        raise ProviderGarbage from None
    return [
        GrantedPoint(prm, frozenset(opened), max(expiries.get(prm, []), default=None))
        for prm, opened in directions.items()
    ]
