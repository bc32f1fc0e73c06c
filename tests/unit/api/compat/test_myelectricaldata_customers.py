"""Records in the bodies of MyElectricalData v1: every key is present, and no value is invented."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

from api.compat.myelectricaldata.customers import BODIES
from shared.core.datasets import DATASETS
from tests.support.cases import case
from tests.unit.workers.recorded import CONSUMER, SELF_CONSUMER, recorded, recorded_v5
from workers.providers.enedis import records

# Written manually, from the contract: every key that its clients may read.
CONTRACT_KEYS = {
    "segment",
    "subscribed_power",
    "last_activation_date",
    "distribution_tariff",
    "offpeak_hours",
    "contract_status",
    "last_distribution_tariff_change_date",
}
ADDRESS_KEYS = {"street", "locality", "postal_code", "insee_code", "city", "country", "geo_points"}


def body(dataset: str, record: dict[str, Any], prm: str = CONSUMER) -> dict[str, Any]:
    """The response body for a stored record."""
    shown: dict[str, Any] = BODIES[dataset](prm, json.loads(json.dumps(record))).model_dump(mode="json")
    return shown


def contract_2026() -> dict[str, Any]:
    situation, synthesis = (recorded(f"{name}_contrat_consommateur") for name in ("situation", "synth"))
    return records.contract_2026(CONSUMER, situation, synthesis, recorded("comptage"))


def contract_v5() -> dict[str, Any]:
    return records.contract_v5(CONSUMER, recorded_v5("contracts"))


def shown_contract(record: dict[str, Any]) -> dict[str, Any]:
    (entry,) = body("contract", record)["customer"]["usage_points"]
    contract: dict[str, Any] = entry["contracts"]
    return contract


def test_every_record_of_the_catalogue_has_its_form() -> None:
    assert {name for name, dataset in DATASETS.items() if not dataset.is_series} == set(BODIES)


def test_a_contract_of_v5_is_shown_as_v5_wrote_it() -> None:
    assert {
        "customer": {
            "customer_id": None,
            "usage_points": [
                {
                    "usage_point": {
                        "usage_point_id": CONSUMER,
                        "usage_point_status": "com",
                        "meter_type": "AMM",
                    },
                    "contracts": {
                        "segment": "C5",
                        "subscribed_power": "9 kVA",
                        "last_activation_date": "2019-05-06+02:00",
                        "distribution_tariff": "BTINFCUST",
                        "offpeak_hours": "HC (1H06-7H06;15H06-17H06)",
                        "contract_status": "SERVC",
                        "last_distribution_tariff_change_date": "2025-01-15+01:00",
                    },
                }
            ],
        }
    } == body("contract", contract_v5())


def test_a_contract_of_2026_keeps_the_words_of_2026_and_has_no_status() -> None:
    assert {
        "segment": "C5",
        "subscribed_power": "9 kVA",
        "last_activation_date": "2019-05-06+02:00",
        "distribution_tariff": "Tarif BT<=36kVA Courte Utilisation",
        "offpeak_hours": "HC (1H06-7H06;15H06-17H06)",
        "contract_status": "",
        "last_distribution_tariff_change_date": None,
    } == shown_contract(contract_2026())


def test_of_a_producer_alone_the_contract_of_production_is_shown() -> None:
    for generation in ["2026", "v5"]:
        with case(generation):
            if generation == "v5":
                record = records.contract_v5(SELF_CONSUMER, recorded_v5("contracts_producteur"))
            else:
                produced, _ = recorded("situation_contrat_autoconsommateur")
                synthesis = recorded("synth_contrat_autoconsommateur")
                record = records.contract_2026(SELF_CONSUMER, [produced], synthesis, recorded("comptage"))

            shown = shown_contract(record)

            assert ("P4", "2024-07-09+02:00") == (shown["segment"], shown["last_activation_date"])
            assert CONTRACT_KEYS == set(shown)


def test_of_a_self_consumer_the_contract_of_consumption_is_shown() -> None:
    situation, synthesis = (recorded(f"{name}_contrat_autoconsommateur") for name in ("situation", "synth"))

    shown = shown_contract(records.contract_2026(SELF_CONSUMER, situation, synthesis, recorded("comptage")))

    assert ("C5", "9 kVA", "2019-05-06+02:00") == (
        shown["segment"],
        shown["subscribed_power"],
        shown["last_activation_date"],
    )


def test_of_a_contract_of_which_next_to_nothing_is_known_every_key_is_there_and_no_text_is_null() -> None:
    """A client stores texts in fields that reject null; where it parses a value, it accepts no empty one."""
    (entry,) = body("contract", {"contract_start": "2024-02-03"})["customer"]["usage_points"]

    nulls = {name for name, value in entry["contracts"].items() if value is None}
    assert CONTRACT_KEYS == set(entry["contracts"])
    assert {"last_activation_date", "offpeak_hours", "last_distribution_tariff_change_date"} == nulls
    assert {"usage_point_id": CONSUMER, "usage_point_status": "", "meter_type": ""} == entry["usage_point"]


def test_a_day_has_the_offset_that_paris_had_when_it_began() -> None:
    cases: list[tuple[str, int | None]] = [
        ("2026-03-29", 1),
        ("2026-03-30", 2),
        ("2026-10-25", 2),
        ("2026-10-26", 1),
        ("2013-08-14", 2),
        ("1900-01-01", None),
    ]

    for day, offset_hours in cases:
        with case(day, offset_hours):
            stamp = shown_contract({**contract_2026(), "consumption_activated_on": day})["last_activation_date"]

            read = datetime.strptime(stamp, "%Y-%m-%d%z")
            assert day == str(read.date())
            if offset_hours is not None:
                assert f"{day}+0{offset_hours}:00" == stamp
                assert timedelta(hours=offset_hours) == read.utcoffset()


def test_offpeak_hours_that_a_client_would_not_understand_are_none() -> None:
    cases: list[tuple[str, str | None]] = [
        ("HC (22H50-6H50)", "HC (22H50-6H50)"),
        ("22H50-6H50", None),
        ("HC", None),
        ("hc (22H50-6H50)", None),
    ]

    for written, shown in cases:
        with case(written, shown):
            found = shown_contract({**contract_2026(), "offpeak_hours": written})["offpeak_hours"]

            assert shown == found
            assert found is None or re.search(r"HC \((.*)\)", found)


def test_a_power_is_written_with_its_unit() -> None:
    cases: list[tuple[dict[str, Any] | None, str]] = [
        ({"value": 36, "unit": "kVA"}, "36 kVA"),
        ({"value": 7.5, "unit": "kVA"}, "7.5 kVA"),
        ({"value": 9, "unit": None}, "9"),
        (None, ""),
    ]

    for power, shown in cases:
        with case(power, shown):
            assert shown == shown_contract({**contract_2026(), "subscribed_power": power})["subscribed_power"]


def test_an_address_is_the_same_in_both_generations_but_for_the_country() -> None:
    cases: list[tuple[dict[str, Any], str | None]] = [
        (records.address_2026(recorded("donnees_generales")), None),
        (records.address_v5(CONSUMER, recorded_v5("addresses")), "France"),
    ]

    for record, country in cases:
        with case(record, country):
            address = {
                "street": "9 RUE DES ESSAIS",
                "locality": "LIEU-DIT ESSAI",
                "postal_code": "99101",
                "insee_code": "99201",
                "city": "VILLE-DES-ESSAIS",
                "country": country,
                "geo_points": {"latitude": None, "longitude": None, "altitude": None},
            }
            assert ADDRESS_KEYS == set(address)
            point = {
                "usage_point_id": CONSUMER,
                "usage_point_status": None,
                "meter_type": None,
                "usage_point_addresses": address,
            }
            assert {"customer": {"customer_id": None, "usage_points": [{"usage_point": point}]}} == body(
                "address", record
            )


def test_a_person_has_a_title_and_two_names() -> None:
    cases: list[dict[str, Any]] = [
        records.identity_2026(CONSUMER, recorded("situation_contrat_consommateur")),
        records.identity_v5(recorded_v5("identity")),
    ]

    for record in cases:
        with case(record):
            person = {"title": "MME", "firstname": "PERSONNE", "lastname": "ESSAI-NEUF"}

            assert {"customer_id": None, "identity": {"natural_person": person, "legal_entity": None}} == body(
                "identity", record
            )


def test_an_organization_is_a_legal_entity_and_the_person_is_there_empty() -> None:
    cases: list[tuple[dict[str, Any], str | None]] = [
        (records.identity_2026(CONSUMER, recorded("situation_contrat_organisation")), "000000009"),
        (records.identity_v5(recorded_v5("identity_organisation")), None),
    ]

    for record, siren in cases:
        with case(record, siren):
            nobody = {"title": None, "firstname": None, "lastname": None}
            entity = {"name": "SOCIETE ESSAI-NEUF", "siret_number": "00000000000901", "siren_number": siren}

            assert {"natural_person": nobody, "legal_entity": entity} == body("identity", record)["identity"]


def test_a_contact_has_one_number_and_an_address() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        (records.contact_2026(CONSUMER, recorded("situation_contrat_consommateur")), "0639980901"),
        (records.contact_v5(recorded_v5("contact_data")), "0639980901"),
        (
            records.contact_2026(SELF_CONSUMER, recorded("situation_contrat_autoconsommateur")[:1]),
            "0199000901",
        ),
    ]

    for record, phone in cases:
        with case(record, phone):
            assert {
                "customer_id": None,
                "contact_data": {"phone": phone, "email": "essai-neuf@example.invalid"},
            } == body("contact", record)
