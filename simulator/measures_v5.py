"""The measures of v5: `GET /metering_data_…/v5/…` with `usage_point_id`, `start` and `end`.

Unlike 2026, a malformed request is a 400 that states the error, and unknown parameters are ignored. Five APIs, one
quota.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Request, Response

from simulator.admission import Admission
from simulator.bodies_v5 import Body, meter_reading, readings_of
from simulator.errors import Refusal
from simulator.errors_v5 import (
    before_activation,
    beyond_history,
    end_in_future,
    invalid_request,
    no_consent,
    no_measure,
    reversed_period,
    span_too_long,
    wrong_direction,
)
from simulator.gateway import Api, Gateway, call_of, json_answer
from simulator.households import Direction, household_of, is_usage_point_id
from simulator.periods import Objection, parse_day
from simulator.series import Measure, Period, Series

# API, resource, series
RESOURCES: tuple[tuple[str, str, Series], ...] = (
    ("metering_data_dc", "daily_consumption", Series(Measure.ENERGY, Direction.CONSUMPTION)),
    ("metering_data_clc", "consumption_load_curve", Series(Measure.CURVE, Direction.CONSUMPTION)),
    ("metering_data_dcmp", "daily_consumption_max_power", Series(Measure.PEAK, Direction.CONSUMPTION)),
    ("metering_data_dp", "daily_production", Series(Measure.ENERGY, Direction.PRODUCTION)),
    ("metering_data_plc", "production_load_curve", Series(Measure.CURVE, Direction.PRODUCTION)),
)
_REFUSALS: Mapping[Objection, Callable[[], Refusal]] = {
    Objection.REVERSED: reversed_period,
    Objection.SPAN_TOO_LONG: span_too_long,
    Objection.END_IN_FUTURE: end_in_future,
    Objection.BEYOND_HISTORY: beyond_history,
    Objection.BEFORE_ACTIVATION: before_activation,
    Objection.NO_CONSENT: no_consent,
    Objection.WRONG_DIRECTION: wrong_direction,
}


def parse_point_and_period(query: Mapping[str, str]) -> tuple[str, Period]:
    """The usage point and the period of a query.

    Raises:
        Refusal: 400 `Invalid_request` with the first error.
    """
    usage_point_id = query.get("usage_point_id")
    if not usage_point_id:
        raise invalid_request("usage_point_id parameter is required")
    if not is_usage_point_id(usage_point_id):
        raise invalid_request("usage_point_id parameter must be 14 digits long")
    bounds = []
    for name, label in (("start", "Start"), ("end", "End")):
        if not query.get(name):
            raise invalid_request(f"{label} date parameter is required")
        day = parse_day(query[name])
        if day is None:
            raise invalid_request(f"{label} date parameter must be in the format YYYY-MM-DD")
        bounds.append(day)
    return usage_point_id, Period(*bounds)


def measures_v5_router(admission: Admission, gateway: Gateway) -> APIRouter:
    """The routes of the five measure APIs."""
    router = APIRouter(tags=["Enedis v5: measures"])
    for api_name, resource, series in RESOURCES:
        router.add_api_route(
            f"/{api_name}/v5/{resource}",
            _route(series, admission, gateway, gateway.register(api_name, "v5")),
            methods=["GET"],
            name=resource,
            summary=f"{series.measure.value}, {series.direction.name.lower()}",
            openapi_extra={"parameters": _DOCUMENTED},
        )
    return router


_DOCUMENTED = [
    {"name": "usage_point_id", "in": "query", "required": True, "schema": {"type": "string", "pattern": "^[0-9]{14}$"}},
    {"name": "start", "in": "query", "required": True, "schema": {"type": "string", "format": "date"}},
    {"name": "end", "in": "query", "required": True, "schema": {"type": "string", "format": "date"}},
]


def _answer(usage_point_id: str, period: Period, series: Series, admission: Admission) -> Body:
    objection = admission.objection(usage_point_id, period, series)
    if objection is not None:
        raise _REFUSALS[objection]()
    household = household_of(usage_point_id)
    readings = readings_of(series.measure, series.direction, household, admission.published(household, period))
    if not readings:
        raise no_measure()
    return meter_reading(usage_point_id, period, series.measure, readings)


def _route(
    series: Series, admission: Admission, gateway: Gateway, api: Api
) -> Callable[[Request], Awaitable[Response]]:
    async def produce(request: Request) -> Response:
        usage_point_id, period = parse_point_and_period(request.query_params)
        return json_answer(200, _answer(usage_point_id, period, series, admission))

    async def route(request: Request) -> Response:
        call = call_of(request)
        query = request.query_params
        call.usage_point_id, call.start, call.end = query.get("usage_point_id"), query.get("start"), query.get("end")
        return await gateway.answer(request, api, produce)

    return route
