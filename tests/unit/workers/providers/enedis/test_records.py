"""Contract, address, identity and contact: one record, from either generation."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.core.errors import NoMeasure, ProviderGarbage
from tests.support.cases import case
from tests.unit.workers.recorded import CONSUMER, SELF_CONSUMER, recorded, recorded_v5
from workers.providers.enedis import records

SITUATION = recorded("situation_contrat_consommateur")


def contract_2026(**missing: str) -> dict[str, Any]:
    return records.contract_2026(
        CONSUMER,
        SITUATION,
        None if "synthesis" in missing else recorded("synth_contrat_consommateur"),
        None if "metering" in missing else recorded("comptage"),
        missing,
    )


def test_a_contract_of_2026_is_put_together_from_three_answers() -> None:
    assert {
        "segment": "C5",
        "contract_type": "Contrat GRD-F",
        "contract_start": "2024-02-03",
        "subscribed_power": {"value": 9, "unit": "kVA"},
        "distribution_tariff": "Tarif BT<=36kVA Courte Utilisation",
        "offpeak_hours": "HC (1H06-7H06;15H06-17H06)",
        "meter_type": "AMM",
        "consumption_activated_on": "2019-05-06",
        "production_activated_on": None,
        "last_power_change_on": "2025-01-15",
        "last_tariff_change_on": None,
        "services_level": "Communicant (ouvert aux services)",
        "status": None,
        "production": None,
        "absent": {
            "production_activated_on": "no_data",
            "last_tariff_change_on": "not_provided",
            "production": "no_data",
            "status": "not_provided",
        },
    } == contract_2026()


def test_what_could_not_be_had_is_null_and_says_why() -> None:
    contract = contract_2026(metering="api_not_subscribed", synthesis="no_data")

    gone = {"offpeak_hours": "api_not_subscribed", "meter_type": "api_not_subscribed", "services_level": "no_data"}
    assert gone.items() <= contract["absent"].items()
    assert [None, None, None] == [contract[name] for name in gone]
    assert "C5" == contract["segment"]


def test_every_null_of_a_contract_has_a_reason_and_nothing_else_has() -> None:
    for contract in (
        contract_2026(),
        contract_2026(metering="provider_error"),
        records.contract_v5(CONSUMER, recorded_v5("contracts")),
        records.contract_v5(SELF_CONSUMER, recorded_v5("contracts_producteur")),
    ):
        assert {name for name, fact in contract.items() if fact is None} == set(contract["absent"])


def test_both_generations_tell_the_same_contract_where_both_have_the_fact() -> None:
    newer, older = contract_2026(), records.contract_v5(CONSUMER, recorded_v5("contracts"))

    both = [name for name in newer if newer[name] is not None and older[name] is not None and name != "absent"]
    # Each generation's own words for the same value.
    wording = {"distribution_tariff": "BTINFCUST", "services_level": "com"}
    assert wording == {name: older[name] for name in both if newer[name] != older[name]}
    assert {"segment", "subscribed_power", "offpeak_hours", "meter_type", "consumption_activated_on"} <= set(both)
    assert {"contract_start": "not_provided", "last_power_change_on": "not_provided"}.items() <= older["absent"].items()


def test_a_self_consumer_has_a_contract_for_each_direction_whatever_their_order() -> None:
    situation = recorded("situation_contrat_autoconsommateur")
    synthesis = recorded("synth_contrat_autoconsommateur")

    for order in (situation, situation[::-1], {"contracts": situation}):
        contract = records.contract_2026(SELF_CONSUMER, order, synthesis, None)

        assert ("C5", {"value": 9, "unit": "kVA"}) == (contract["segment"], contract["subscribed_power"])
        assert "2024-07-09" == contract["production_activated_on"]
        assert {
            "segment": "P4",
            "contract_type": "Contrat GRD-A",
            "contract_start": "2024-07-09",
            "subscribed_power": None,
            "distribution_tariff": None,
            "status": None,
        } == contract["production"]


def test_a_producer_alone_has_no_contract_of_consumption_in_either_generation() -> None:
    newer = records.contract_2026(SELF_CONSUMER, recorded("situation_contrat_autoconsommateur")[:1], None, None)
    older = records.contract_v5(SELF_CONSUMER, recorded_v5("contracts_producteur"))

    for contract in (newer, older):
        assert contract["segment"] is None
        assert "P4" == contract["production"]["segment"]
    assert ("2024-07-09", None) == (older["production_activated_on"], older["consumption_activated_on"])


def test_of_several_contracts_the_one_that_began_last_counts() -> None:
    later = {**SITUATION[0], "contract_start": "2026-01-01T00:00:00+0100", "segment": "C4"}

    assert "C4" == records.contract_2026(CONSUMER, [later, *SITUATION], None, None)["segment"]


def test_the_point_that_a_contract_names_may_be_another_kind_of_number() -> None:
    cases: list[object] = ["4444444444", "", None, 0, {}]

    for named in cases:
        with case(named):
            contract = {**SITUATION[0], "usage_point_id": named}

            assert "C5" == records.contract_2026(CONSUMER, [contract], None, None)["segment"]


def test_a_contract_of_another_usage_point_is_nobody_s() -> None:
    for read in (records.identity_2026, records.contact_2026):
        with pytest.raises(ProviderGarbage):
            read(SELF_CONSUMER, SITUATION)
    with pytest.raises(ProviderGarbage):
        records.contract_2026(SELF_CONSUMER, SITUATION, None, None)
    for of_v5 in (records.contract_v5, records.address_v5):
        with pytest.raises(ProviderGarbage):
            of_v5(SELF_CONSUMER, recorded_v5("contracts"))


def test_of_a_customer_s_points_the_one_asked_for_counts() -> None:
    body = recorded_v5("contracts")
    body["customer"]["usage_points"].insert(0, recorded_v5("contracts_producteur")["customer"]["usage_points"][0])

    assert "C5" == records.contract_v5(CONSUMER, body)["segment"]


def test_an_address_is_taken_apart_where_2026_writes_two_facts_as_one() -> None:
    newer = records.address_2026(recorded("donnees_generales"))
    older = records.address_v5(CONSUMER, recorded_v5("addresses"))

    assert {
        "street": "9 RUE DES ESSAIS",
        "postal_code": "99101",
        "city": "VILLE-DES-ESSAIS",
        "insee_code": "99201",
        "country": None,
        "complement": "BAT C, ESC A ETG 2",
        "locality": "LIEU-DIT ESSAI",
    } == newer
    assert {"country": "France", "complement": None} == {
        name: older[name] for name in older if older[name] != newer[name]
    }


def test_an_address_may_be_nested_twice() -> None:
    once = recorded("donnees_generales")

    assert records.address_2026(once) == records.address_2026({"address": once})


def test_a_postal_code_that_can_not_be_told_from_the_city_is_not_made_up() -> None:
    cases: list[tuple[str, tuple[str | None, str | None]]] = [
        ("99101 A B", ("99101", "A B")),
        ("99101", ("99101", None)),
        ("A B", (None, "A B")),
        ("750XX", ("750XX", None)),
    ]

    for written, read in cases:
        with case(written, read):
            address = records.address_2026({"address": {"postal_code_city": written}})

            assert read == (address["postal_code"], address["city"])


def test_a_person_is_the_same_in_both_generations() -> None:
    assert {
        "kind": "person",
        "title": "MME",
        "first_name": "PERSONNE",
        "last_name": "ESSAI-NEUF",
        "name": None,
        "siret": None,
        "siren": None,
    } == records.identity_2026(CONSUMER, SITUATION)
    assert records.identity_2026(CONSUMER, SITUATION) == records.identity_v5(recorded_v5("identity"))


def test_an_organization_has_a_name_and_numbers() -> None:
    newer = records.identity_2026(CONSUMER, recorded("situation_contrat_organisation"))
    older = records.identity_v5(recorded_v5("identity_organisation"))

    assert ("organization", "SOCIETE ESSAI-NEUF", "00000000000901", "000000009") == (
        *(newer[name] for name in ("kind", "name", "siret", "siren")),
    )
    assert {**newer, "siren": None} == older


def test_a_contact_is_found_under_either_of_its_names() -> None:
    for key in ["contact_data", "contact"]:
        with case(key):
            body = {key: recorded_v5("contact_data")["contact_data"]}
            newer = records.contact_2026(CONSUMER, SITUATION)

            assert {"email": "essai-neuf@example.invalid", "phone": "0639980901", "landline": "0199000901"} == newer
            assert {**newer, "landline": None} == records.contact_v5(body)


NOTHING: list[Callable[[], Any]] = [
    lambda: records.contract_2026(CONSUMER, [], None, None),
    lambda: records.contract_2026(CONSUMER, [{}], {}, {}),
    lambda: records.contract_v5(CONSUMER, {"customer": {"usage_points": []}}),
    lambda: records.address_2026({"address": {}}),
    lambda: records.address_v5(CONSUMER, recorded_v5("contracts")),
    lambda: records.identity_2026(CONSUMER, [{"segment": "C5"}]),
    lambda: records.identity_v5({}),
    lambda: records.contact_v5({"contact_data": {"email": "", "phone": None}}),
]


def test_where_nothing_is_told_there_is_no_record() -> None:
    for read in NOTHING:
        with case(read), pytest.raises(NoMeasure):
            read()


def test_a_situation_of_another_form_is_garbage() -> None:
    cases: list[object] = [None, "text", 7, [None], ["text"], {"contracts": None}, {"segment": "C5"}]

    for body in cases:
        with case(body), pytest.raises(ProviderGarbage):
            records.contract_2026(CONSUMER, body, None, None)


def test_a_stamp_is_a_day_in_paris() -> None:
    cases: list[tuple[object, str | None]] = [
        ("2024-10-12T00:00:00+0200", "2024-10-12"),
        ("2024-10-11T22:00:00Z", "2024-10-12"),
        ("2017-07-15+02:00", "2017-07-15"),
        ("2024-10-12", "2024-10-12"),
        ("0001-01-01T00:00:00+1400", "0001-01-01"),
        ("soon", None),
        (20241012, None),
        (None, None),
    ]

    for written, day in cases:
        with case(written, day):
            contract = {**SITUATION[0], "contract_start": written}

            assert day == records.contract_2026(CONSUMER, [contract], None, None)["contract_start"]


def test_a_power_is_a_number_and_its_unit() -> None:
    cases: list[tuple[object, object]] = [
        ({"unit": "kVA", "value": "12"}, {"value": 12, "unit": "kVA"}),
        ({"unit": "kW", "value": 850.0}, {"value": 850, "unit": "kW"}),
        ("6 kVA", {"value": 6, "unit": "kVA"}),
        ("36,5kVA", {"value": 36.5, "unit": "kVA"}),
        ({"value": "9"}, {"value": 9, "unit": None}),
        ({"unit": "kVA", "value": "null"}, None),
        ({"unit": "kVA", "value": True}, None),
        ("many", None),
        ([], None),
    ]

    for written, power in cases:
        with case(written, power):
            contract = {**SITUATION[0], "subscribed_power": written}

            assert power == records.contract_2026(CONSUMER, [contract], None, None)["subscribed_power"]


def test_what_no_file_can_hold_is_taken_out_of_a_text() -> None:
    record = records.contact_v5({"contact_data": {"email": " a\ud800\n b "}})

    assert "a? b" == record["email"]
    assert json.dumps(record, ensure_ascii=False).encode()
