"""Contract, address, meter and holder, in both generations."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.support.cases import case

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[httpx.Response]]
Share = Callable[[str], Awaitable[int]]

STANDARD, NIGHT, SOLAR, PRODUCER = (f"990000000000{n}{n}" for n in (1, 2, 3, 7))
COMPANY = "99000000000132"
APIS_2026 = (
    "situation_contrat_auto",
    "synth_contrat_auto",
    "donnees_generales_auto",
    "alimentation_auto",
    "comptage_auto",
)
PATHS_V5 = (
    "/customers_upc/v5/usage_points/contracts",
    "/customers_upa/v5/usage_points/addresses",
    "/customers_i/v5/identity",
    "/customers_cd/v5/contact_data",
)


async def _body(enedis: httpx.AsyncClient, api: str, point: str) -> Any:
    answer = await enedis.get(f"/{api}/v1/{point}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _body_v5(enedis: httpx.AsyncClient, path: str, point: str) -> Any:
    answer = await enedis.get(path, params={"usage_point_id": point})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_consumer_has_one_contract_in_the_captured_shape(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(STANDARD)
    (contract,) = await _body(enedis, "situation_contrat_auto", STANDARD)

    assert list(contract) == [
        "usage_point_id",
        "contract_start",
        "contract_type",
        "contractor",
        "distribution_tariff",
        "subscribed_power",
        "segment",
        "customer",
        "contact_data",
        "person",
    ]
    assert contract["subscribed_power"] == {"unit": "kVA", "value": "6"}
    assert set(contract["customer"]["customer"]["adress"]) == {"line1", "line4", "line6", "line7"}
    assert set(contract["person"]) == {"title", "lastname", "firstname"}
    assert contract["contract_start"][10:] in ("T00:00:00+0100", "T00:00:00+0200")


async def test_a_self_consumer_has_two_contracts_and_the_second_no_power(
    enedis: httpx.AsyncClient, share: Share
) -> None:
    await share(SOLAR)
    contracts = await _body(enedis, "situation_contrat_auto", SOLAR)

    assert [(contract["segment"], contract["contract_type"]) for contract in contracts] == [
        ("C5", "Contrat GRD-F"),
        ("P4", "Contrat GRD-A"),
    ]
    assert ["subscribed_power" in contract for contract in contracts] == [True, False]


async def test_a_company_is_an_organization(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(COMPANY)
    (contract,) = await _body(enedis, "situation_contrat_auto", COMPANY)
    identity = await _body_v5(enedis, "/customers_i/v5/identity", COMPANY)

    assert "person" not in contract
    assert contract["organization"]["name"] == identity["identity"]["legal_entity"]["name"]


async def test_the_synthesis_dates_what_flows(enedis: httpx.AsyncClient, share: Share) -> None:
    cases: list[tuple[str, list[str], set[str]]] = [
        (STANDARD, ["C5"], {"consumption_last_activation_date", "last_subscribed_power_change_date"}),
        (
            SOLAR,
            ["C5", "P4"],
            {
                "consumption_last_activation_date",
                "last_subscribed_power_change_date",
                "generation_last_activation_date",
            },
        ),
        (PRODUCER, ["P4"], {"generation_last_activation_date"}),
    ]

    for point, segments, dates in cases:
        with case(point, segments, dates):
            await share(point)
            body = await _body(enedis, "synth_contrat_auto", point)

            assert [segment["segment"] for segment in body["segments"]] == segments
            assert set(body) == {"segments", "services_level"} | dates


async def test_the_activation_date_is_the_one_that_measures_refuse_before(
    enedis: httpx.AsyncClient, ask: Ask, share: Share
) -> None:
    point = "99000000000088"
    await share(point)
    body = await _body(enedis, "synth_contrat_auto", point)
    day_before = await ask("consommation_quotidienne", "2026-03-15", "2026-03-20", point)
    same_day = await ask("consommation_quotidienne", "2026-03-16", "2026-03-20", point)

    assert body["consumption_last_activation_date"] == "2026-03-16T00:00:00+0100"
    assert (day_before.json()["error"], same_day.status_code) == ("ADAM-ERR0123", 200)


async def test_address_supply_and_meter(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(NIGHT)
    general = await _body(enedis, "donnees_generales_auto", NIGHT)
    supply = await _body(enedis, "alimentation_auto", NIGHT)
    metering = await _body(enedis, "comptage_auto", NIGHT)

    assert set(general["address"]) == {"number_street_name", "postal_code_city", "insee_code"}
    assert isinstance(supply["serial_number"], int)
    assert metering["dispositifComptage"]["typeComptage"]["code"] == "AMM"
    assert metering["dispositifComptage"]["relais"]["plageHeuresCreuses"] == "HC (22H30-6H30)"


async def test_both_generations_say_the_same_about_a_point(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(NIGHT)
    situation = (await _body(enedis, "situation_contrat_auto", NIGHT))[0]
    metering = (await _body(enedis, "comptage_auto", NIGHT))["dispositifComptage"]
    synthesis = await _body(enedis, "synth_contrat_auto", NIGHT)
    general = (await _body(enedis, "donnees_generales_auto", NIGHT))["address"]
    contract, address, identity, contact = [await _body_v5(enedis, path, NIGHT) for path in PATHS_V5]
    point = contract["customer"]["usage_points"][0]
    written = address["customer"]["usage_points"][0]["usage_point"]["usage_point_addresses"]

    assert point["usage_point"]["meter_type"] == metering["typeComptage"]["code"]
    assert point["contracts"]["offpeak_hours"] == metering["relais"]["plageHeuresCreuses"]
    assert point["contracts"]["subscribed_power"] == f"{situation['subscribed_power']['value']} kVA"
    assert point["contracts"]["last_activation_date"][:10] == synthesis["consumption_last_activation_date"][:10]
    assert general["postal_code_city"] == f"{written['postal_code']} {written['city']}"
    assert identity["identity"]["natural_person"]["lastname"] == situation["person"]["lastname"]
    assert contact["contact_data"]["email"] == situation["contact_data"]["email"]


async def test_a_producer_has_no_power_in_v5(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(PRODUCER)
    body = await _body_v5(enedis, PATHS_V5[0], PRODUCER)

    assert body["customer"]["usage_points"][0]["contracts"] == {
        "segment": "P4",
        "contract_type": "Contrat GRD-A",
        "contract_status": "SERVC",
    }


async def test_a_point_elsewhere_than_in_the_path_is_a_500(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(STANDARD)
    for api in APIS_2026:
        for path in ["/v1", "/v1/", f"/v1?pointId={STANDARD}", f"/v1/{STANDARD}?a=b", "/v1/123"]:
            with case(api, path):
                answer = await enedis.get(f"/{api}{path}")

                assert (answer.status_code, answer.json()["error"]) == (500, "technical_error")


async def test_a_point_without_consent_has_no_subscribed_services(enedis: httpx.AsyncClient) -> None:
    for api in APIS_2026:
        with case(api):
            answer = await enedis.get(f"/{api}/v1/{STANDARD}")

            assert answer.json() == {
                "error": "Bad request",
                "error_description": "Pas de services souscrits, le flux est stoppé.",
            }


async def test_v5_refuses_without_consent_or_point(enedis: httpx.AsyncClient) -> None:
    for path in PATHS_V5:
        with case(path):
            forbidden = await enedis.get(path, params={"usage_point_id": STANDARD})
            missing = await enedis.get(path)

            assert (forbidden.status_code, forbidden.json()["error"]) == (403, "ADAM-DC-0008")
            assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")


async def test_each_api_is_subscribed_on_its_own(enedis: httpx.AsyncClient, share: Share) -> None:
    await share(STANDARD)
    await enedis.post("/control/settings", json={"unsubscribed_apis": ["comptage_auto", "customers_i"]})
    statuses = [(await enedis.get(f"/{api}/v1/{STANDARD}")).status_code for api in APIS_2026]
    legacy = [(await enedis.get(path, params={"usage_point_id": STANDARD})).status_code for path in PATHS_V5]

    assert statuses == [200, 200, 200, 200, 403]
    assert legacy == [200, 200, 403, 200]


async def test_registers_differ_by_the_daily_energy(ask: Ask, share: Share) -> None:
    await share(NIGHT)
    body = (await ask("index_consommation", "2026-11-01", "2026-11-04", NIGHT)).json()
    daily = (await ask("consommation_quotidienne", "2026-11-01", "2026-11-03", NIGHT)).json()
    (context,) = body["contexte"]
    (quantity,) = context["grandeur"]
    totals = [value["v"] for value in quantity["cadranTotalisateur"]["valeur"]]
    classes = quantity["calendrier"][0]["classeTemporelle"]

    assert body["grandeur"] == []
    assert [value["d"] for value in quantity["cadranTotalisateur"]["valeur"]] == [
        "2026-11-01",
        "2026-11-02",
        "2026-11-03",
    ]
    assert [later - earlier for earlier, later in pairwise(totals)] == [
        int(point["v"]) for point in daily["grandeur"][0]["points"]
    ]
    assert [entry["idClasseTemporelle"] for entry in classes] == ["HC", "HP"]
    assert [sum(entry["valeur"][day]["v"] for entry in classes) for day in range(3)] == totals


async def test_registers_obey_the_rules_of_measures(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(STANDARD)
    await share(SOLAR)
    direction = await ask("index_production", "2026-11-01", "2026-11-04")
    production = await ask("index_production", "2026-11-01", "2026-11-04", SOLAR)
    malformed = await enedis.get("/mesure_synchrone_auto/v2/index_consommation", params={"pointId": STANDARD})

    assert direction.json()["error"] == "ADAM-ERR0069"
    assert production.json()["contexte"][0]["grandeur"][0]["grandeurMetier"] == "PROD"
    assert malformed.status_code == 500
