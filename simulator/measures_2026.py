"""The measures of the 2026 generation: `GET /mesure_synchrone_auto/v2/…`.

As strict as the real API: anything that its Swagger does not describe is a 500; other refusals have a fixed order
(reversed period, consent, direction, limits). `bodies_2026` builds the bodies.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Request, Response

from simulator.admission import Admission
from simulator.bodies_2026 import Body, Question, curve_body, energy_body, has_points, peak_body
from simulator.bodies_index import index_body
from simulator.errors import (
    Refusal,
    before_activation,
    beyond_history,
    end_in_future,
    no_consent,
    no_measure,
    reversed_period,
    span_too_long,
    technical_error,
    wrong_direction,
)
from simulator.gateway import Api, Gateway, call_of, json_answer
from simulator.households import Direction, Household, household_of, is_usage_point_id
from simulator.periods import Objection, parse_day
from simulator.series import Measure, Period, Series

PREFIX = "/mesure_synchrone_auto/v2"
RESOURCES: Mapping[str, Series] = {
    "consommation_quotidienne": Series(Measure.ENERGY, Direction.CONSUMPTION),
    "courbe_de_charge_consommation": Series(Measure.CURVE, Direction.CONSUMPTION),
    "puissance_conso_max_quotidienne": Series(Measure.PEAK, Direction.CONSUMPTION),
    "production_quotidienne": Series(Measure.ENERGY, Direction.PRODUCTION),
    "courbe_de_charge_production": Series(Measure.CURVE, Direction.PRODUCTION),
    "index_consommation": Series(Measure.INDEX, Direction.CONSUMPTION),
    "index_production": Series(Measure.INDEX, Direction.PRODUCTION),
}
_RENDERERS: Mapping[Measure, Callable[[Question, Direction, Household, Period], Body]] = {
    Measure.CURVE: curve_body,
    Measure.ENERGY: energy_body,
    Measure.PEAK: peak_body,
    Measure.INDEX: index_body,
}
_PERIOD_PARAMETERS = frozenset({"pointId", "dateDebut", "dateFin"})
_PEAK_PARAMETERS = frozenset({"mesuresPas", "grandeurPhysique"})
_REFUSALS: Mapping[Objection, Callable[[], Refusal]] = {
    Objection.REVERSED: reversed_period,
    Objection.SPAN_TOO_LONG: span_too_long,
    Objection.END_IN_FUTURE: end_in_future,
    Objection.BEYOND_HISTORY: beyond_history,
    Objection.BEFORE_ACTIVATION: before_activation,
    Objection.NO_CONSENT: no_consent,
    Objection.WRONG_DIRECTION: wrong_direction,
}


def expected_parameters(series: Series) -> frozenset[str]:
    """The query parameters of a resource: all required, no other allowed."""
    return _PERIOD_PARAMETERS | _PEAK_PARAMETERS if series.measure is Measure.PEAK else _PERIOD_PARAMETERS


def parse_question(parameters: list[tuple[str, str]], series: Series) -> Question:
    """Parse the query parameters into a request.

    Raises:
        Refusal: 500 for a missing, unknown, repeated or malformed parameter.
    """
    values = dict(parameters)
    if len(values) != len(parameters) or values.keys() != expected_parameters(series):
        raise technical_error()
    start, end = parse_day(values["dateDebut"]), parse_day(values["dateFin"])
    if start is None or end is None or not is_usage_point_id(values["pointId"]):
        raise technical_error()
    step, quantity = values.get("mesuresPas", "P1D"), values.get("grandeurPhysique", "PMA")
    if step not in ("P1D", "P1M") or quantity not in ("PMA", "TOUT"):
        raise technical_error()
    return Question(values["pointId"], Period(start, end), step, quantity)


class Measures:
    """Processes well-formed requests for series."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def answer(self, question: Question, series: Series) -> Body:
        """The response body for `question`.

        Raises:
            Refusal: the first rule that the request breaks, or 404 when there is no data.
        """
        objection = self._admission.objection(question.usage_point_id, question.period, series)
        if objection is not None:
            raise _REFUSALS[objection]()
        household = household_of(question.usage_point_id)
        published = self._admission.published(household, question.period)
        body = _RENDERERS[series.measure](question, series.direction, household, published)
        if not has_points(body):
            raise no_measure()
        return body


def measures_2026_router(admission: Admission, gateway: Gateway) -> APIRouter:
    """The routes of the measures API, all counted against one quota."""
    router = APIRouter(prefix=PREFIX, tags=["Enedis 2026: measures"])
    api = gateway.register("mesure_synchrone_auto", "2026")
    measures = Measures(admission)
    for name, series in RESOURCES.items():
        router.add_api_route(
            f"/{name}",
            _route(series, measures, gateway, api),
            methods=["GET"],
            name=name,
            summary=f"{series.measure.value}, {series.direction.name.lower()}",
            openapi_extra={"parameters": _documented_parameters(series)},
        )
    return router


def _route(series: Series, measures: Measures, gateway: Gateway, api: Api) -> Callable[[Request], Awaitable[Response]]:
    async def produce(request: Request) -> Response:
        question = parse_question(request.query_params.multi_items(), series)
        return json_answer(200, measures.answer(question, series))

    async def route(request: Request) -> Response:
        call = call_of(request)
        query = request.query_params
        call.usage_point_id, call.start, call.end = query.get("pointId"), query.get("dateDebut"), query.get("dateFin")
        return await gateway.answer(request, api, produce)

    return route


def _documented_parameters(series: Series) -> list[dict[str, object]]:
    schemas: dict[str, dict[str, object]] = {
        "pointId": {"type": "string", "pattern": "^[0-9]{14}$"},
        "dateDebut": {"type": "string", "format": "date"},
        "dateFin": {"type": "string", "format": "date", "description": "exclusive"},
        "mesuresPas": {"enum": ["P1D", "P1M"]},
        "grandeurPhysique": {"enum": ["PMA", "TOUT"]},
    }
    return [
        {"name": name, "in": "query", "required": True, "schema": schema}
        for name, schema in schemas.items()
        if name in expected_parameters(series)
    ]
