"""RTE's open data (Opendatasoft, Explore API 2.1): EcoWatt's history, which its signals API does not keep."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import httpx

from shared.core.calendar import DayRange
from shared.core.errors import ProviderUnavailable
from shared.core.public_datasets import PublicDataset
from shared.jobs.models import Lane
from shared.observability.logging import get_logger
from workers.providers.rte.errors import error_of
from workers.providers.rte.parsing import parse_open_data
from workers.upstream.http_client import Answer, send
from workers.upstream.port import Slots

logger = get_logger(__name__)

_SET = "nouveau_signal_ecowatt"
_PATH = f"/api/explore/v2.1/catalog/datasets/{_SET}/records"
# The maximum number of records per response.
_MOST_RECORDS = 100


class RteOpenData:
    """The adapter. Implements `workers.upstream.port.PublicProvider`. It needs no token."""

    name = "rte_open_data"

    def __init__(self, http: httpx.AsyncClient, base_url: str, slots: Slots) -> None:
        """Send requests to ``base_url`` through ``http``, in ``slots``."""
        self._http = http
        self._base_url = base_url
        self._slots = slots

    async def fetch_days(self, dataset: PublicDataset, days: DayRange) -> Mapping[date, Mapping[str, Any]]:
        """The EcoWatt days of a period, at most a hundred."""
        params = {
            "where": f"date >= date'{days.start.isoformat()}' and date < date'{days.end.isoformat()}'",
            "order_by": "date",
            "limit": str(_MOST_RECORDS),
        }
        answer = await self._ask(self._http.build_request("GET", self._base_url + _PATH, params=params))
        if answer.status != 200:
            error = error_of(answer)
            if error.retry_at is not None:
                await self._slots.close_until(_SET, error.retry_at)
            raise error
        found = parse_open_data(answer.body)
        if found.refused:
            logger.warning("days of an answer can't be understood", dataset=dataset.name, days=found.refused)
        return {day: each for day, each in found.documents.items() if days.start <= day < days.end}

    async def _ask(self, request: httpx.Request) -> Answer:
        async with self._slots.slot(_SET, Lane.BULK) as slot:
            try:
                answer = await send(self._http, request, slot)
            except ProviderUnavailable:
                slot.worked = False
                raise
            slot.worked = answer.status < 500
            return answer
