"""Proof of knowledge of a contract: every stated fact, two at least, from either generation."""

from datetime import date
from typing import Any

from shared.consents.contract_proof import ContractProof
from tests.support.cases import case

KVA_6 = {"value": 6, "unit": "kVA"}
CONTRACT = {"subscribed_power": KVA_6, "consumption_activated_on": "2021-03-04", "production": None}
ADDRESS = {"postal_code": "99000"}
ALL = ContractProof(6.0, "99000", date(2021, 3, 4))


def test_facts_that_are_all_right_hold() -> None:
    cases: list[ContractProof] = [
        ALL,
        ContractProof(subscribed_power=6.0, postal_code="99000"),
        ContractProof(postal_code="99000", activated_on=date(2021, 3, 4)),
        ContractProof(subscribed_power=6, activated_on=date(2021, 3, 4)),
    ]

    for proof in cases:
        with case(proof):
            assert proof.holds(CONTRACT, ADDRESS)


def test_one_fact_alone_or_one_wrong_one_does_not() -> None:
    cases: list[ContractProof] = [
        ContractProof(),
        ContractProof(subscribed_power=6.0),
        ContractProof(postal_code="99000"),
        ContractProof(9.0, "99000", date(2021, 3, 4)),
        ContractProof(6.0, "99001", date(2021, 3, 4)),
        ContractProof(6.0, "99000", date(2021, 3, 5)),
    ]

    for proof in cases:
        with case(proof):
            assert not proof.holds(CONTRACT, ADDRESS)


def test_what_enedis_does_not_tell_proves_nothing() -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        (CONTRACT, {}),
        (CONTRACT, {"postal_code": None}),
        (CONTRACT | {"subscribed_power": None}, ADDRESS),
        (CONTRACT | {"subscribed_power": {"value": 6, "unit": "kW"}}, ADDRESS),
        (CONTRACT | {"subscribed_power": {"value": "6", "unit": "kVA"}}, ADDRESS),
        (CONTRACT | {"subscribed_power": "6 kVA"}, ADDRESS),
        (CONTRACT | {"consumption_activated_on": None}, ADDRESS),
    ]

    for contract, address in cases:
        with case(contract, address):
            assert not ALL.holds(contract, address)


def test_of_a_producer_the_contract_of_production_counts() -> None:
    contract = {"production": {"subscribed_power": KVA_6}, "production_activated_on": "2021-03-04"}

    assert ALL.holds(contract, ADDRESS)


def test_it_comes_back_as_it_was_kept_and_its_repr_tells_nothing() -> None:
    cases: list[ContractProof] = [ALL, ContractProof(), ContractProof(postal_code="2A004", subscribed_power=5.5)]

    for proof in cases:
        with case(proof):
            assert proof == ContractProof.decode(proof.encode())
            assert "99000" not in repr(proof)
            assert "6.0" not in repr(proof)
