"""Register readings: totals of a day with the registers of its time classes."""

from datetime import date
from typing import Any

import pytest

from shared.core.calendar import day_start
from shared.core.errors import ProviderGarbage
from shared.readings.models import Reading
from tests.support.cases import case
from tests.unit.workers.recorded import SELF_CONSUMER, recorded, request
from workers.providers.enedis.adapter_2026 import parse_measure

FIRST, LAST = date(2026, 9, 8), date(2026, 9, 10)
ASKED = request("consumption_index", FIRST, LAST)


def quantity_of(body: Any) -> Any:
    return body["contexte"][0]["grandeur"][0]


def test_a_day_has_its_total_and_a_register_for_each_class() -> None:
    assert [
        Reading(day_start(FIRST), "P1D", 100300600, registers={"HC": 40100200, "HP": 60200400}),
        Reading(day_start(date(2026, 9, 9)), "P1D", 100318746, registers={"HC": 40106321, "HP": 60212425}),
    ] == parse_measure(recorded("index_consommation"), ASKED)


def test_the_difference_of_two_totals_is_the_energy_of_the_day() -> None:
    totals = [reading.value for reading in parse_measure(recorded("index_consommation"), ASKED)]
    (energy, _) = parse_measure(recorded("consommation_quotidienne"), request("daily_consumption", FIRST, LAST))

    assert energy.value == totals[1] - totals[0]


def test_production_has_registers_of_its_own() -> None:
    asked = request("production_index", FIRST, LAST, SELF_CONSUMER)

    assert [{"BASE": 5100300}, {"BASE": 5108211}] == [
        reading.registers for reading in parse_measure(recorded("index_production"), asked)
    ]


def test_the_other_direction_is_not_taken_for_the_one_asked_for() -> None:
    with pytest.raises(ProviderGarbage):
        parse_measure(recorded("index_production"), request("consumption_index", FIRST, LAST, SELF_CONSUMER))


def test_classes_that_two_calendars_name_alike_are_told_apart() -> None:
    body = recorded("index_consommation")
    (calendar,) = quantity_of(body)["calendrier"]
    quantity_of(body)["calendrier"] = [calendar, {**calendar, "idCalendrier": "FR000001"}]

    registers = parse_measure(body, ASKED)[0].registers or {}

    assert ["DI000002/HC", "DI000002/HP", "FR000001/HC", "FR000001/HP"] == sorted(registers)


def test_a_class_without_a_value_that_day_is_not_there() -> None:
    body = recorded("index_consommation")
    quantity_of(body)["calendrier"][0]["classeTemporelle"][0]["valeur"][0]["v"] = None

    assert [{"HP": 60200400}, {"HC": 40106321, "HP": 60212425}] == [
        reading.registers for reading in parse_measure(body, ASKED)
    ]


def test_two_totals_of_one_day_that_differ_are_none() -> None:
    body = recorded("index_consommation")
    quantity_of(body)["cadranTotalisateur"]["valeur"].append({"d": "2026-09-08", "v": 1})

    assert [date(2026, 9, 9)] == [FIRST.replace(day=9) for _ in parse_measure(body, ASKED)]


def test_without_classes_a_total_stands_alone() -> None:
    body = recorded("index_consommation")
    quantity_of(body)["calendrier"] = []

    assert [None, None] == [reading.registers for reading in parse_measure(body, ASKED)]


def test_classes_without_a_total_are_refused_and_not_added_up() -> None:
    body = recorded("index_consommation")
    del quantity_of(body)["cadranTotalisateur"]

    with pytest.raises(ProviderGarbage):
        parse_measure(body, ASKED)


def test_a_value_read_at_another_time_of_day_is_none_of_the_day() -> None:
    body = recorded("index_consommation")
    quantity_of(body)["cadranTotalisateur"]["valeur"][0]["d"] = "2026-09-08 06:12:00"
    quantity_of(body)["cadranTotalisateur"]["valeur"][1]["d"] = "2026-09-09 00:00:00"

    assert [100318746] == [reading.value for reading in parse_measure(body, ASKED)]


def test_no_context_is_no_reading() -> None:
    cases: list[object] = [[], None]

    for contexts in cases:
        with case(contexts):
            assert [] == parse_measure({"grandeur": [], "contexte": contexts}, ASKED)


def test_registers_of_another_form_are_garbage() -> None:
    cases: list[object] = [{}, {"contexte": 7}, {"contexte": ["text"]}, {"contexte": [{"grandeur": [7]}]}]

    for body in cases:
        with case(body), pytest.raises(ProviderGarbage):
            parse_measure(body, ASKED)
