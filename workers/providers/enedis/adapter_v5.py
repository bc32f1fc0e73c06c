"""Adapter for Enedis Data Connect v5, the generation before 2026: requests, and the interpretation of responses.

The same labels and values as 2026 under other names. Every resource takes the usage point in the query; all of them
share one quota. v5 has no registers and no authorisations: requests for 2026-only data fail without a call.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.consents.models import GrantedPoint
from shared.core.errors import ProviderApiMissing, ProviderGarbage
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
from workers.providers.enedis.requests import ask, fetch_in_parts
from workers.upstream.http_client import ProviderClient
from workers.upstream.port import FetchRequest, RecordRequest

V5_API = "v5"


@dataclass(frozen=True, slots=True)
class _Measure:
    """One of the measure resources: its path, its unit, and the parser of its points."""

    path: str
    unit: str
    parse_points: Callable[[Iterable[RawPoint]], list[Reading]]


_MEASURES: Mapping[str, _Measure] = {
    "daily_consumption": _Measure("/metering_data_dc/v5/daily_consumption", "Wh", daily_readings),
    "consumption_load_curve": _Measure("/metering_data_clc/v5/consumption_load_curve", "W", curve_readings),
    "daily_consumption_max_power": _Measure("/metering_data_dcmp/v5/daily_consumption_max_power", "VA", peak_readings),
    "daily_production": _Measure("/metering_data_dp/v5/daily_production", "Wh", daily_readings),
    "production_load_curve": _Measure("/metering_data_plc/v5/production_load_curve", "W", curve_readings),
}
_RECORDS: Mapping[str, str] = {
    "contract": "/customers_upc/v5/usage_points/contracts",
    "address": "/customers_upa/v5/usage_points/addresses",
    "identity": "/customers_i/v5/identity",
    "contact": "/customers_cd/v5/contact_data",
}


class EnedisV5:
    """The adapter. Implements `workers.upstream.port.Provider`."""

    name = "enedis"

    def __init__(self, client: ProviderClient) -> None:
        """Send requests through ``client``."""
        self._client = client

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        """The readings that Enedis has for these days. Raises `ProviderApiMissing` for registers, without a call."""
        if request.dataset.name not in _MEASURES:
            raise ProviderApiMissing("Enedis's v5 has no such data.")
        return await fetch_in_parts(request, self._fetch_period)

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        """Contract, address, identity or contact as `workers.providers.enedis.records` describes them."""
        name = request.dataset.name
        body = await ask(self._client, V5_API, _RECORDS[name], request.lane, params={"usage_point_id": request.prm})
        match name:
            case "contract":
                return records.contract_v5(request.prm, body)
            case "address":
                return records.address_v5(request.prm, body)
            case "identity":
                return records.identity_v5(body)
        return records.contact_v5(body)

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """A v5 consent names its usage points itself. Raises `ProviderApiMissing`, without a call."""
        raise ProviderApiMissing("Enedis's v5 has no authorisations to look up.")

    async def _fetch_period(self, request: FetchRequest) -> Sequence[Reading]:
        body = await ask(
            self._client,
            V5_API,
            _MEASURES[request.dataset.name].path,
            request.lane,
            params={
                "usage_point_id": request.prm,
                "start": request.days.start.isoformat(),
                "end": request.days.end.isoformat(),
            },
        )
        return parse_meter_reading(body, request)


def parse_meter_reading(body: Any, request: FetchRequest) -> list[Reading]:
    """The readings of a response that belong to the request, one per interval, oldest first.

    Raises `ProviderGarbage` for a response of another form or about another usage point, unit or step: the whole
    response is rejected, and never treated as "no data".
    """
    measure = _MEASURES[request.dataset.name]
    try:
        meter = body["meter_reading"]
        kind = meter.get("reading_type") or {}
        if str(meter.get("usage_point_id", request.prm)) != request.prm or kind.get("measuring_period", "P1D") != "P1D":
            raise ProviderGarbage
        factor = factor_of(kind.get("unit"), measure.unit)
        points = [
            RawPoint(point["date"], point.get("value"), point.get("interval_length"), factor)
            for point in meter["interval_reading"] or []
        ]
        readings = measure.parse_points(points)
    except MALFORMED:
        raise ProviderGarbage from None
    return within(readings, request.days)
