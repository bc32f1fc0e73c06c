"""Slightly invalid responses: each is a gap or a refusal, and nothing else."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.calendar import day_start
from shared.core.datasets import DATASETS
from shared.core.errors import NoMeasure, ProviderGarbage
from shared.readings.models import Reading
from tests.support.cases import case
from tests.unit.workers.recorded import CONSUMER, SELF_CONSUMER, recorded, recorded_v5, request
from workers.providers.enedis import records
from workers.providers.enedis.adapter_2026 import parse_measure, parse_services
from workers.providers.enedis.adapter_v5 import parse_meter_reading

FIRST, LAST = date(2026, 9, 8), date(2026, 9, 10)
CURVE = request("consumption_load_curve", FIRST, LAST)
DAILY = request("daily_consumption", FIRST, LAST)
PEAKS = request("daily_consumption_max_power", FIRST, LAST)
V5 = ["daily_consumption", "consumption_load_curve", "daily_consumption_max_power"]
PAIRS = {
    "daily_consumption": "consommation_quotidienne",
    "consumption_load_curve": "courbe_de_charge_consommation",
    "daily_consumption_max_power": "puissance_conso_max_quotidienne",
    "daily_production": "production_quotidienne",
    "production_load_curve": "courbe_de_charge_production",
}


def daily(*points: Any, unit: Any = "Wh", **root: Any) -> dict[str, Any]:
    quantity = {"grandeurMetier": "CONS", "grandeurPhysique": "EA", "unite": unit, "points": list(points)}
    return {"grandeur": [quantity], **root}


def meter(*points: Any, **reading_type: Any) -> dict[str, Any]:
    return {"meter_reading": {"reading_type": reading_type, "interval_reading": list(points)}}


def values(body: Any) -> list[int]:
    return [reading.value for reading in parse_measure(body, DAILY)]


def test_both_generations_give_the_same_readings() -> None:
    for dataset, name in PAIRS.items():
        with case(dataset):
            prm = SELF_CONSUMER if "production" in dataset else CONSUMER
            asked = request(dataset, FIRST, LAST, prm)

            assert parse_measure(recorded(name), asked) == parse_meter_reading(recorded_v5(dataset), asked)
            assert parse_measure(recorded(name), asked)


def test_two_points_that_say_the_same_are_one_and_two_that_do_not_are_none() -> None:
    same = {"d": "2026-09-08", "v": "5"}
    contradiction = [{"d": "2026-09-09", "v": "6"}, {"d": "2026-09-09", "v": "7"}]

    assert [5] == values(daily(same, same, *contradiction))


def test_a_value_beside_an_empty_one_for_the_same_day_stands() -> None:
    assert [5] == values(daily({"d": "2026-09-08", "v": "null"}, {"d": "2026-09-08", "v": 5}))


def test_two_intervals_that_overlap_are_none() -> None:
    points = [("00:30", "PT30M"), ("01:00", "PT30M"), ("01:10", "PT30M"), ("02:00", "PT30M")]
    body = daily(*({"d": f"2026-09-08 {at}:00", "v": "1", "p": step} for at, step in points))
    body["grandeur"][0] |= {"grandeurPhysique": "PA", "unite": "W"}

    starts = [reading.start - day_start(FIRST) for reading in parse_measure(body, CURVE)]

    assert [timedelta(0), timedelta(minutes=90)] == starts


def test_a_value_below_zero_is_a_gap() -> None:
    assert [0] == values(daily({"d": "2026-09-08", "v": "-1"}, {"d": "2026-09-09", "v": 0}))


def test_what_only_looks_like_a_number_is_refused() -> None:
    cases: list[object] = [True, False, "1_000", "\u0661\u0662", 1e16, 10**16, "9" * 30, " 5 x", [], {}]

    for value in cases:
        with case(value), pytest.raises(ProviderGarbage):
            values(daily({"d": "2026-09-08", "v": value}))


def test_a_value_is_converted_to_the_unit_of_its_dataset() -> None:
    cases: list[tuple[str | None, str, int]] = [("Wh", "5", 5), ("kWh", "5.1", 5100), (None, "5", 5)]

    for unit, written, read in cases:
        with case(unit, written, read):
            assert [read] == values(daily({"d": "2026-09-08", "v": written}, unit=unit))


def test_a_unit_of_another_quantity_is_refused() -> None:
    cases: list[object] = ["W", "VA", "kVA", "wh", "", 7, {}, []]

    for unit in cases:
        with case(unit):
            with pytest.raises(ProviderGarbage):
                values(daily({"d": "2026-09-08", "v": "5"}, unit=unit))
            with pytest.raises(ProviderGarbage):
                parse_meter_reading(meter({"date": "2026-09-08", "value": "5"}, unit=unit), DAILY)


def test_a_peak_may_come_in_thousands() -> None:
    cases: list[tuple[str, str, int]] = [("VA", "4680", 4680), ("kVA", "4.68", 4680)]

    for unit, written, read in cases:
        with case(unit, written, read):
            body = meter({"date": "2026-09-08 04:18:59", "value": written}, unit=unit, measuring_period="P1D")

            assert [
                Reading(day_start(FIRST), "P1D", read, datetime(2026, 9, 8, 2, 18, 59, tzinfo=UTC))
            ] == parse_meter_reading(body, PEAKS)


def test_values_of_another_period_are_refused() -> None:
    with pytest.raises(ProviderGarbage):
        values(daily({"d": "2026-09-08", "v": "5"}, pas="P1M"))
    with pytest.raises(ProviderGarbage):
        parse_meter_reading(meter({"date": "2026-09-08", "value": "5"}, measuring_period="P1M"), DAILY)


def test_an_answer_longer_than_asked_is_cut_to_the_days_asked_for() -> None:
    points = [{"date": f"2026-09-{day:02}", "value": day} for day in (6, 7, 8, 9, 10, 11)]

    assert [8, 9] == [reading.value for reading in parse_meter_reading(meter(*points), DAILY)]


def test_a_peak_whose_moment_can_not_be_told_keeps_its_value_and_its_day() -> None:
    cases: list[tuple[str, None]] = [("2026-10-25 02:15:00", None), ("2026-03-29 02:15:00", None)]

    for label, moment in cases:
        with case(label, moment):
            day = date.fromisoformat(label[:10])
            asked = request("daily_consumption_max_power", day, day + timedelta(days=1))

            assert [Reading(day_start(day), "P1D", 7, moment)] == parse_meter_reading(
                meter({"date": label, "value": 7}), asked
            )


def test_an_offset_that_paris_does_not_have_is_refused() -> None:
    """Wall times marked as UTC have been observed: it is unknown which of the two is wrong."""
    for label in ["2026-09-08T00:30:00Z", "2026-09-08T00:30:00+05:00"]:
        with case(label), pytest.raises(ProviderGarbage):
            parse_meter_reading(meter({"date": label, "value": 7, "interval_length": "PT30M"}), CURVE)


def test_a_v5_answer_of_another_form_or_point_is_garbage() -> None:
    cases: list[object] = [
        None,
        [],
        "text",
        {},
        {"meter_reading": None},
        {"meter_reading": {}},
        {"meter_reading": {"interval_reading": 7}},
        {"meter_reading": {"interval_reading": [{"value": ["1", "2"], "date": ["2026-09-08", "2026-09-08"]}]}},
        {"meter_reading": {"usage_point_id": SELF_CONSUMER, "interval_reading": []}},
        {"grandeur": []},
    ]

    for body in cases:
        with case(body):
            for asked in (DAILY, CURVE, PEAKS):
                with pytest.raises(ProviderGarbage):
                    parse_meter_reading(body, asked)


def test_a_v5_answer_without_points_holds_no_reading() -> None:
    cases: list[object] = [[], None]

    for points in cases:
        with case(points):
            assert [] == parse_meter_reading({"meter_reading": {"interval_reading": points}}, DAILY)


WORDS = """
idPrm grandeur grandeurMetier grandeurPhysique unite points v d p pas contexte calendrier classeTemporelle
idClasseTemporelle cadranTotalisateur valeur meter_reading interval_reading value date interval_length reading_type
unit usage_point_id customer usage_points usage_point contracts usage_point_addresses address identity person
natural_person legal_entity organization contact_data segment contract_type subscribed_power dispositifComptage
typeComptage relais code serviceSouscrit autorisation autorisationId pointId etatCode dateFin
"""
KEYS = st.sampled_from(WORDS.split())
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["CONS", "PA", "EA", "PMA", "W", "Wh", "VA", "null", "540", "PT30M", "P1D", CONSUMER, "9 kVA"])
    | st.sampled_from(["2026-09-08", "2026-09-08 00:30:00", "2026-10-25 02:30:00", "0001-01-01 00:00:00", "ACTIF"])
    | st.sampled_from(["9999-12-31 23:59:59", "0001-01-01T00:00:00+1400", "9999-12-31T23:59:59-1400", "P4"])
)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5))
POINTS = st.fixed_dictionaries({}, optional=dict.fromkeys(("v", "d", "p", "value", "date", "valeur"), LEAVES))


def measures(points: Any) -> list[Any]:
    """Points at their place in a response."""
    quantities = [
        {"grandeurMetier": "CONS", "grandeurPhysique": physical, "points": points, "calendrier": points}
        | {"cadranTotalisateur": {"valeur": points}}
        for physical in ("PA", "EA", "PMA")
    ]
    return [{"grandeur": quantities, "contexte": [{"grandeur": quantities[1:2]}]}, meter(*points)]


SERIES = [name for name, dataset in DATASETS.items() if dataset.is_series]


@given(body=JSON | st.lists(POINTS, max_size=6).flatmap(lambda points: st.sampled_from(measures(points))))
@settings(max_examples=150)
def test_no_answer_whatever_ends_in_anything_but_readings_or_a_refusal(body: Any) -> None:
    for name in SERIES:
        asked = request(name, FIRST, LAST)
        for parse in (parse_measure, parse_meter_reading) if name in PAIRS else (parse_measure,):
            try:
                readings = parse(body, asked)
            except ProviderGarbage:
                continue
            assert all(0 <= reading.value < 10**18 for reading in readings)
            assert {int} >= {type(reading.value) for reading in readings}
            assert all(day_start(FIRST) <= reading.start < day_start(LAST) for reading in readings)


@given(body=JSON, other=JSON)
@settings(max_examples=150)
def test_no_answer_whatever_ends_in_anything_but_a_record_or_a_refusal(body: Any, other: Any) -> None:
    makes: list[Callable[[], dict[str, Any]]] = [
        lambda: records.contract_2026(CONSUMER, [body], body, other),
        lambda: records.contract_2026(CONSUMER, body, other, other),
        lambda: records.identity_2026(CONSUMER, body),
        lambda: records.identity_2026(CONSUMER, [{"person": body, "organization": other}]),
        lambda: records.contact_2026(CONSUMER, [{"contact_data": body}]),
        lambda: records.address_2026(body),
        lambda: records.address_2026({"address": body}),
        lambda: records.contract_v5(CONSUMER, {"customer": {"usage_points": [{"contracts": body}]}}),
        lambda: records.contract_v5(CONSUMER, body),
        lambda: records.address_v5(CONSUMER, {"customer": {"usage_points": [{"usage_point": body}]}}),
        lambda: records.identity_v5(body),
        lambda: records.contact_v5({"contact_data": body}),
    ]
    for make in makes:
        try:
            record = make()
        except (ProviderGarbage, NoMeasure):
            continue
        assert all(isinstance(name, str) for name in record)


@given(body=JSON)
def test_no_list_of_services_whatever_ends_in_anything_but_points_or_a_refusal(body: Any) -> None:
    for services in (body, {"serviceSouscrit": body}, {"serviceSouscrit": [body]}):
        try:
            parse_services(services, 4101)
        except ProviderGarbage:
            continue
