"""Adapter for RTE's Tempo (Tempo Like Supply Contract v1) and EcoWatt (v5) APIs: requests and responses.

Relies on these facts (``docs/rte-api/``): the end of a period is exclusive, and each bound has the offset of its own
day; JSON is only guaranteed when requested; each API is subscribed to, and refused, separately.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, time
from typing import Any

import httpx

from shared.core.calendar import ONE_DAY, PARIS, DayRange
from shared.core.errors import ProviderMisconfigured, ProviderRefusedRequest, ProviderUnavailable
from shared.core.public_datasets import PublicDataset
from shared.jobs.models import Lane
from shared.observability.logging import get_logger
from workers.providers.rte.errors import error_of, is_beyond_term, transaction_of
from workers.providers.rte.parsing import Days, parse_ecowatt, parse_tempo
from workers.upstream.access_tokens import Token, parse_token
from workers.upstream.http_client import ProviderClient, send

logger = get_logger(__name__)

_TEMPO_PATH = "/open_api/tempo_like_supply_contract/v1/tempo_like_calendars"
_ECOWATT_PATH = "/open_api/ecowatt/v5/signals"


class Rte:
    """The adapter. Implements `workers.upstream.port.PublicProvider`."""

    name = "rte"

    def __init__(self, client: ProviderClient) -> None:
        """Send requests through ``client``."""
        self._client = client

    async def fetch_days(self, dataset: PublicDataset, days: DayRange) -> Mapping[date, Mapping[str, Any]]:
        """Colours of a period, or the EcoWatt days that lie within it."""
        if dataset.span_days is None:
            found = parse_ecowatt(await self._ask(dataset.api, _ECOWATT_PATH))
        else:
            found = await self._colours(dataset.api, days)
        if found.refused:
            logger.warning("days of an answer can't be understood", dataset=dataset.name, days=found.refused)
        return {day: each for day, each in found.documents.items() if days.start <= day < days.end}

    async def _colours(self, api: str, days: DayRange) -> Days:
        try:
            return parse_tempo(await self._ask(api, _TEMPO_PATH, _period(days)))
        except ProviderRefusedRequest as error:
            if not is_beyond_term(error) or days.days == 1:
                raise
        # Tomorrow is not published yet, which is not an error: the days before it are available.
        return parse_tempo(await self._ask(api, _TEMPO_PATH, _period(DayRange(days.start, days.end - ONE_DAY))))

    async def _ask(self, api: str, path: str, params: Mapping[str, str] | None = None) -> Any:
        answer = await self._client.request(api, "GET", path, Lane.BULK, params=params)
        if answer.status == 200:
            return answer.body
        error = error_of(answer)
        logger.warning(
            "RTE refused a call",
            api=api,
            status=answer.status,
            code=error.upstream_code,
            # For a support request to rte-hotline@rte-france.com.
            transaction_id=transaction_of(answer.body),
        )
        if error.retry_at is not None:
            await self._client.close_until(api, error.retry_at)
        raise error


def token_fetcher(base_url: str, client_id: str, client_secret: str) -> Callable[[httpx.AsyncClient], Awaitable[Token]]:
    """The function that fetches the application token."""
    basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()

    async def fetch_token(http: httpx.AsyncClient) -> Token:
        form, headers = {"grant_type": "client_credentials"}, {"Authorization": f"Basic {basic}"}
        answer = await send(http, http.build_request("POST", f"{base_url}/token/oauth/", data=form, headers=headers))
        if answer.status in (400, 401, 403):
            raise ProviderMisconfigured
        if answer.status != 200:
            raise ProviderUnavailable("The provider does not issue a token.")
        # Responses without the token have been observed: the condition is transient.
        return parse_token(answer.body)

    return fetch_token


def _period(days: DayRange) -> Mapping[str, str]:
    return {"start_date": _midnight(days.start), "end_date": _midnight(days.end)}


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), PARIS).isoformat(timespec="seconds")
