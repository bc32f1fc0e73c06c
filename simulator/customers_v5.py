"""The customer resources of v5: contract, address, identity and contact, with `usage_point_id` in the query."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from typing import Any

from fastapi import APIRouter, Request, Response

from simulator.admission import Admission
from simulator.errors_v5 import missing_usage_point, no_consent
from simulator.gateway import Api, Gateway, call_of, json_answer
from simulator.holders import Holder, holder_of
from simulator.households import Household, household_of, is_usage_point_id
from simulator.paris import PARIS

Body = dict[str, Any]


def contract_body(household: Household, holder: Holder) -> Body:
    """`customers_upc`: power, tariff and off-peak hours exist for consumers only."""
    contract: Body = {"segment": household.segments[0]}
    if household.consumes:
        contract |= {
            "subscribed_power": f"{household.subscribed_kva} kVA",
            "last_activation_date": _stamp(household.activation),
            "distribution_tariff": holder.tariff_code,
        }
        if household.off_peak_hours is not None:
            contract["offpeak_hours"] = household.off_peak_hours
    contract |= {
        "contract_type": "Contrat GRD-F" if household.consumes else "Contrat GRD-A",
        "contract_status": "SERVC",
    }
    if household.consumes:
        contract["last_distribution_tariff_change_date"] = _stamp(holder.power_change)
    return _customer(household, holder, {}, {"contracts": contract})


def address_body(household: Household, holder: Holder) -> Body:
    """`customers_upa`."""
    address = {
        "street": holder.street,
        "postal_code": holder.postal_code,
        "insee_code": holder.insee_code,
        "city": holder.city,
        "country": "France",
    }
    return _customer(household, holder, {"usage_point_addresses": address}, {})


def identity_body(_: Household, holder: Holder) -> Body:
    """`customers_i`: a natural person or a legal entity."""
    if holder.company is not None:
        return {"customer_id": holder.customer_id, "identity": {"legal_entity": {"name": holder.company}}}
    person = {"title": holder.title, "firstname": holder.first_name, "lastname": holder.last_name}
    return {"customer_id": holder.customer_id, "identity": {"natural_person": person}}


def contact_body(_: Household, holder: Holder) -> Body:
    """`customers_cd`: the key is `contact_data`, as captured; the Swagger says `contact`."""
    return {
        "customer_id": holder.customer_id,
        "contact_data": {"phone": holder.mobile, "email": holder.email},
    }


# API, resource, body
RESOURCES: tuple[tuple[str, str, Callable[[Household, Holder], Body]], ...] = (
    ("customers_upc", "usage_points/contracts", contract_body),
    ("customers_upa", "usage_points/addresses", address_body),
    ("customers_i", "identity", identity_body),
    ("customers_cd", "contact_data", contact_body),
)


def customers_v5_router(admission: Admission, gateway: Gateway) -> APIRouter:
    """The routes of the customer resources."""
    router = APIRouter(tags=["Enedis v5: customer"])
    for api_name, resource, body_of in RESOURCES:
        router.add_api_route(
            f"/{api_name}/v5/{resource}",
            _route(body_of, admission, gateway, gateway.register(api_name, "v5")),
            methods=["GET"],
            name=api_name,
            summary=resource,
            openapi_extra={
                "parameters": [
                    {"name": "usage_point_id", "in": "query", "required": True, "schema": {"type": "string"}}
                ]
            },
        )
    return router


def _route(
    body_of: Callable[[Household, Holder], Body], admission: Admission, gateway: Gateway, api: Api
) -> Callable[[Request], Awaitable[Response]]:
    async def produce(request: Request) -> Response:
        usage_point_id = request.query_params.get("usage_point_id", "")
        if not is_usage_point_id(usage_point_id):
            raise missing_usage_point()
        if not admission.may_read(usage_point_id):
            raise no_consent()
        household = household_of(usage_point_id)
        return json_answer(200, body_of(household, holder_of(household)))

    async def route(request: Request) -> Response:
        call_of(request).usage_point_id = request.query_params.get("usage_point_id")
        return await gateway.answer(request, api, produce)

    return route


def _customer(household: Household, holder: Holder, point_part: Body, beside: Body) -> Body:
    point = {
        "usage_point_id": household.usage_point_id,
        "usage_point_status": "com",
        "meter_type": "AMM",
        **point_part,
    }
    return {"customer": {"customer_id": holder.customer_id, "usage_points": [{"usage_point": point, **beside}]}}


def _stamp(day: date) -> str:
    """A day with the offset that Paris has at its start."""
    offset = datetime.combine(day, time(0), PARIS).strftime("%z")
    return f"{day.isoformat()}{offset[:3]}:{offset[3:]}"
