"""Parsing of Enedis's measures: complete recorded responses."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.core.calendar import PARIS, day_of, day_start
from shared.readings.encoding import step_seconds
from shared.readings.models import Reading
from tests.support.cases import case
from tests.unit.workers.recorded import recorded, request
from workers.providers.enedis.adapter_2026 import parse_measure

FIRST, LAST = date(2026, 9, 8), date(2026, 9, 10)


def curve(*points: dict[str, Any], business: str = "CONS", physical: str = "PA") -> dict[str, Any]:
    """A response with these points and only the required fields."""
    quantity = {"grandeurMetier": business, "grandeurPhysique": physical, "points": list(points)}
    return {"grandeur": [quantity]}


def labels_of(body: Any) -> list[str]:
    return [point["d"] for point in body["grandeur"][0]["points"]]


def test_a_label_is_the_end_of_its_half_hour_in_paris() -> None:
    readings = parse_measure(recorded("courbe_de_charge_consommation"), request("consumption_load_curve", FIRST, LAST))

    assert datetime(2026, 9, 7, 22, 0, tzinfo=UTC) == readings[0].start
    assert datetime(2026, 9, 9, 21, 30, tzinfo=UTC) == readings[-1].start
    assert {"PT30M"} == {reading.step for reading in readings}


def test_a_curve_gives_every_half_hour_of_its_days_once_oldest_first() -> None:
    body = recorded("courbe_de_charge_consommation")

    readings = parse_measure(body, request("consumption_load_curve", FIRST, LAST))

    half_hour = timedelta(minutes=30)
    assert [day_start(FIRST) + number * half_hour for number in range(96)] == [reading.start for reading in readings]
    assert [int(point["v"]) for point in body["grandeur"][0]["points"]] == [reading.value for reading in readings]


def test_a_day_on_which_the_clock_changes_keeps_each_of_its_half_hours() -> None:
    cases: list[tuple[str, date, int]] = [
        ("_jour_de_23_heures", date(2026, 3, 29), 46),
        ("_jour_de_25_heures", date(2026, 10, 25), 50),
    ]

    for suffix, day, half_hours in cases:
        with case(suffix, day, half_hours):
            body = recorded(f"courbe_de_charge_consommation{suffix}")

            readings = parse_measure(body, request("consumption_load_curve", day, day + timedelta(days=1)))

            half_hour = timedelta(minutes=30)
            assert [day_start(day) + number * half_hour for number in range(half_hours)] == [
                each.start for each in readings
            ]
            assert [int(point["v"]) for point in body["grandeur"][0]["points"]] == [each.value for each in readings]


def test_the_labels_that_come_twice_in_october_are_told_apart() -> None:
    body = recorded("courbe_de_charge_consommation_jour_de_25_heures")
    assert 2 == labels_of(body).count("2026-10-25 02:00:00")
    assert 2 == labels_of(body).count("2026-10-25 02:30:00")

    readings = parse_measure(body, request("consumption_load_curve", date(2026, 10, 25), date(2026, 10, 26)))

    offsets = [reading.start.astimezone(PARIS).strftime("%H:%M%z") for reading in readings[3:9]]
    assert ["01:30+0200", "02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100", "03:00+0100"] == offsets


def test_a_missing_point_in_the_repeated_hour_moves_no_other_point() -> None:
    body = recorded("courbe_de_charge_consommation_jour_de_25_heures")
    asked = request("consumption_load_curve", date(2026, 10, 25), date(2026, 10, 26))
    whole = parse_measure(body, asked)
    # The first "02:30": what remains is 02:00, 02:00, 02:30.
    del body["grandeur"][0]["points"][4]

    assert [*whole[:4], *whole[5:]] == parse_measure(body, asked)


def test_the_step_may_change_within_an_answer() -> None:
    day = date(2026, 9, 15)
    body = recorded("courbe_de_charge_consommation_pas_variable")

    readings = parse_measure(body, request("consumption_load_curve", day, day + timedelta(days=1)))

    assert [*["PT60M"] * 12, *["PT10M"] * 72] == [reading.step for reading in readings]
    ends = [reading.start + timedelta(seconds=step_seconds(reading.step)) for reading in readings]
    assert [*[reading.start for reading in readings[1:]], day_start(day + timedelta(days=1))] == ends


def test_a_daily_value_begins_with_its_day() -> None:
    readings = parse_measure(recorded("consommation_quotidienne"), request("daily_consumption", FIRST, LAST))

    assert [
        Reading(datetime(2026, 9, 7, 22, tzinfo=UTC), "P1D", 18146),
        Reading(datetime(2026, 9, 8, 22, tzinfo=UTC), "P1D", 18271),
    ] == readings


def test_a_peak_keeps_its_instant_beside_its_day() -> None:
    body = recorded("puissance_conso_max_quotidienne")

    readings = parse_measure(body, request("daily_consumption_max_power", FIRST, LAST))

    assert [
        Reading(day_start(FIRST), "P1D", 5210, datetime(2026, 9, 8, 17, 7, 41, tzinfo=UTC)),
        # Twelve seconds after midnight: the day that begins.
        Reading(day_start(date(2026, 9, 9)), "P1D", 4870, datetime(2026, 9, 8, 22, 0, 12, tzinfo=UTC)),
    ] == readings


def test_the_quantity_is_found_by_its_codes_and_not_by_its_place() -> None:
    asked = request("daily_consumption_max_power", FIRST, LAST)

    three_phases = parse_measure(recorded("puissance_conso_max_quotidienne_triphase"), asked)

    assert parse_measure(recorded("puissance_conso_max_quotidienne"), asked) == three_phases


def test_the_other_direction_in_an_answer_is_not_mistaken_for_the_wanted_one() -> None:
    consumption = recorded("courbe_de_charge_consommation")
    production = recorded("courbe_de_charge_production")
    both = {**consumption, "grandeur": [*production["grandeur"], *consumption["grandeur"]]}
    asked = request("consumption_load_curve", FIRST, LAST)

    assert parse_measure(consumption, asked) == parse_measure(both, asked)


def test_a_value_is_a_number_however_it_is_written() -> None:
    cases: list[object] = ["540", 540, 540.0, "540.0", "540.4", 539.6]

    for value in cases:
        with case(value):
            body = curve({"d": "2026-09-08 00:30:00", "v": value, "p": "PT30M"})

            readings = parse_measure(body, request("consumption_load_curve", FIRST, LAST))

            assert [540] == [reading.value for reading in readings]


def test_a_point_without_a_value_is_a_gap() -> None:
    without_value: list[object] = ["null", None, ""]

    for dataset in ["consumption_load_curve", "daily_consumption", "daily_consumption_max_power"]:
        for value in without_value:
            with case(dataset, value):
                physical = {
                    "consumption_load_curve": "PA",
                    "daily_consumption": "EA",
                    "daily_consumption_max_power": "PMA",
                }
                label = "2026-09-08" if dataset == "daily_consumption" else "2026-09-08 12:00:00"
                missing: dict[str, Any] = {"d": label, "v": value, "p": "PT30M"}

                assert [] == parse_measure(curve(missing, physical=physical[dataset]), request(dataset, FIRST, LAST))
                del missing["v"]
                assert [] == parse_measure(curve(missing, physical=physical[dataset]), request(dataset, FIRST, LAST))


def test_a_zero_is_a_value() -> None:
    body = curve({"d": "2026-09-08", "v": "0"}, physical="EA")

    assert [Reading(day_start(FIRST), "P1D", 0)] == parse_measure(body, request("daily_consumption", FIRST, LAST))


def test_missing_points_stay_missing() -> None:
    body = recorded("courbe_de_charge_consommation")
    asked = request("consumption_load_curve", FIRST, LAST)
    whole = parse_measure(body, asked)
    del body["grandeur"][0]["points"][10:30]

    assert [*whole[:10], *whole[30:]] == parse_measure(body, asked)


def test_a_point_without_a_step_is_a_half_hour() -> None:
    body = curve({"d": "2026-09-08 00:30:00", "v": "540"})

    assert [Reading(day_start(FIRST), "PT30M", 540)] == parse_measure(
        body, request("consumption_load_curve", FIRST, LAST)
    )


def test_an_answer_longer_than_asked_is_cut_to_the_days_asked_for() -> None:
    day = date(2026, 9, 9)
    body = recorded("courbe_de_charge_consommation")

    readings = parse_measure(body, request("consumption_load_curve", day, day + timedelta(days=1)))

    assert {day} == {day_of(reading.start) for reading in readings}
    assert 48 == len(readings)


def test_points_out_of_order_or_doubled_make_no_difference() -> None:
    body = recorded("courbe_de_charge_consommation")
    asked = request("consumption_load_curve", FIRST, LAST)
    expected = parse_measure(body, asked)
    points = body["grandeur"][0]["points"]
    body["grandeur"][0]["points"] = [*points[1::2], *points[0::2], *points[3:9]]

    assert expected == parse_measure(body, asked)
