"""The contract resources of 2026, each its own API: `GET /<api>/v1/{prm}`.

The usage point is in the path; a usage point as a query parameter, or any other parameter, results in a 500. A point
without consent has no subscribed services.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from typing import Any

from fastapi import APIRouter, Request, Response

from simulator.admission import Admission
from simulator.errors import nothing_subscribed, technical_error
from simulator.gateway import Api, Gateway, call_of, json_answer
from simulator.holders import Holder, holder_of
from simulator.households import Direction, Household, household_of, is_usage_point_id
from simulator.paris import PARIS

Body = dict[str, Any]


def situation_body(household: Household, holder: Holder) -> list[Body]:
    """`situation_contrat_auto`: a list, the consumer's contract first. `adress` and the double `customer` are real."""
    contracts = []
    if household.consumes:
        contracts.append(
            {
                "usage_point_id": household.usage_point_id,
                "contract_start": _stamp(holder.contract_start),
                "contract_type": "Contrat GRD-F",
                "contractor": "FOURNISSEUR D'ESSAI",
                "distribution_tariff": holder.tariff_label,
                "subscribed_power": {"unit": "kVA", "value": str(household.subscribed_kva)},
                "segment": "C5",
                **_holder_part(holder, with_mobile=True),
            }
        )
    if household.produces:
        contracts.append(
            {
                "usage_point_id": household.usage_point_id,
                "contract_start": _stamp(household.activation_of(Direction.PRODUCTION)),
                "contract_type": "Contrat GRD-A",
                "segment": "P4",
                **_holder_part(holder, with_mobile=False),
            }
        )
    return contracts


def synthesis_body(household: Household, holder: Holder) -> Body:
    """`synth_contrat_auto`: segments and dates of commissioning."""
    body: Body = {"segments": [{"segment": segment} for segment in household.segments]}
    if household.produces:
        body["generation_last_activation_date"] = _stamp(household.activation_of(Direction.PRODUCTION))
    if household.consumes:
        body["consumption_last_activation_date"] = _stamp(household.activation)
        body["last_subscribed_power_change_date"] = _stamp(holder.power_change)
    body["services_level"] = "Communicant (ouvert aux services)"
    return body


def general_body(_: Household, holder: Holder) -> Body:
    """`donnees_generales_auto`: the address, postcode and town in one string."""
    return {
        "address": {
            "number_street_name": holder.street,
            "postal_code_city": f"{holder.postal_code} {holder.city}",
            "insee_code": holder.insee_code,
        }
    }


def supply_body(household: Household, holder: Holder) -> Body:
    """`alimentation_auto`: the connection. The serial number is a number."""
    body: Body = {
        "serial_number": holder.serial_number,
        "connection_state": "Alimenté",
        "voltage_level": "BT",
        "nominal_service_voltage": {"value": 400.0 if household.three_phase else 230.0, "unit": "V"},
        "phase_count": 3 if household.three_phase else 1,
    }
    if household.consumes:
        body["consumption_connection_power"] = {"value": 36.0 if household.three_phase else 12.0, "unit": "kVA"}
    if household.produces:
        body["generation_connection_power"] = {"value": household.solar_peak_watts / 1_000, "unit": "kVA"}
    return body


def metering_body(household: Household, holder: Holder) -> Body:
    """`comptage_auto`: the meter and its off-peak hours (from the Swagger: no 200 was ever captured)."""
    meter: Body = {
        "numeroSerie": str(holder.serial_number),
        "regimePropriete": {"code": "CONC", "libelle": "Concession"},
    }
    if household.consumes:
        meter["puissanceProgrammee1"] = {"valeur": household.subscribed_kva, "unite": "kVA"}
    device: Body = {"typeComptage": {"code": "AMM", "libelle": "Compteur Linky"}, "compteurs": [meter]}
    if household.off_peak_hours is not None:
        device["relais"] = {"plageHeuresCreuses": household.off_peak_hours}
    return {"dispositifComptage": device}


RESOURCES: dict[str, Callable[[Household, Holder], object]] = {
    "situation_contrat_auto": situation_body,
    "synth_contrat_auto": synthesis_body,
    "donnees_generales_auto": general_body,
    "alimentation_auto": supply_body,
    "comptage_auto": metering_body,
}


def contracts_2026_router(admission: Admission, gateway: Gateway) -> APIRouter:
    """The routes of the contract resources."""
    router = APIRouter(tags=["Enedis 2026: contract, address, meter"])
    for name, body_of in RESOURCES.items():
        route = _route(body_of, admission, gateway, gateway.register(name, "2026"))
        router.add_api_route(
            f"/{name}/v1/{{usage_point_id}}", route, methods=["GET"], name=name, summary=name, openapi_extra=_DOCUMENTED
        )
        for without_point in (f"/{name}/v1", f"/{name}/v1/"):
            router.add_api_route(without_point, route, methods=["GET"], include_in_schema=False)
    return router


_DOCUMENTED = {"parameters": [{"name": "usage_point_id", "in": "path", "required": True, "schema": {"type": "string"}}]}


def _route(
    body_of: Callable[[Household, Holder], object], admission: Admission, gateway: Gateway, api: Api
) -> Callable[[Request], Awaitable[Response]]:
    async def produce(request: Request) -> Response:
        usage_point_id = request.path_params.get("usage_point_id", "")
        if request.query_params or not is_usage_point_id(usage_point_id):
            raise technical_error()
        if not admission.may_read(usage_point_id):
            raise nothing_subscribed()
        household = household_of(usage_point_id)
        return json_answer(200, body_of(household, holder_of(household)))

    async def route(request: Request) -> Response:
        call_of(request).usage_point_id = request.path_params.get("usage_point_id")
        return await gateway.answer(request, api, produce)

    return route


def _holder_part(holder: Holder, *, with_mobile: bool) -> Body:
    part: Body = {
        "customer": {
            "customer": {
                "adress": {
                    "line1": holder.company or f"{holder.title} {holder.last_name} {holder.first_name}",
                    "line4": holder.street,
                    "line6": f"{holder.postal_code} {holder.city}",
                    "line7": "FR (France)",
                }
            }
        },
        "contact_data": {"email": holder.email, "landline": holder.landline}
        | ({"phone": holder.mobile} if with_mobile else {}),
    }
    if holder.company is None:
        part["person"] = {"title": holder.title, "lastname": holder.last_name, "firstname": holder.first_name}
    else:
        part["organization"] = {
            "name": holder.company,
            "commercial_name": holder.company,
            "business_code": "0000Z",
            "siret_number": "00000000000000",
            "siren_number": "000000000",
        }
    return part


def _stamp(day: date) -> str:
    """Midnight in Paris, with an offset that has no colon."""
    return datetime.combine(day, time(0), PARIS).strftime("%Y-%m-%dT%H:%M:%S%z")
