"""Invalid responses: none of their data is used, and the only error is `ProviderGarbage`."""

from datetime import date
from typing import Any

import pytest

from shared.core.errors import ProviderGarbage
from tests.support.cases import case
from tests.unit.workers.recorded import CONSUMER, SELF_CONSUMER, recorded, request
from workers.providers.enedis.adapter_2026 import parse_measure

FIRST, LAST = date(2026, 9, 8), date(2026, 9, 10)
CURVE = request("consumption_load_curve", FIRST, LAST)
DAILY = request("daily_consumption", FIRST, LAST)
PEAKS = request("daily_consumption_max_power", FIRST, LAST)


def answer(point: Any, physical: str = "PA") -> dict[str, Any]:
    """A response with one point."""
    return {"grandeur": [{"grandeurMetier": "CONS", "grandeurPhysique": physical, "points": [point]}]}


def test_an_answer_about_another_usage_point_is_garbage() -> None:
    cases: list[object] = [SELF_CONSUMER, None, "", 0, CONSUMER[:13]]

    for prm in cases:
        with case(prm):
            body = {**recorded("courbe_de_charge_consommation"), "idPrm": prm}

            with pytest.raises(ProviderGarbage):
                parse_measure(body, CURVE)


def test_a_usage_point_written_as_a_number_is_the_same_one() -> None:
    body = {**recorded("courbe_de_charge_consommation"), "idPrm": int(CONSUMER)}

    assert 96 == len(parse_measure(body, CURVE))


def test_an_answer_that_is_no_measure_is_garbage() -> None:
    cases: list[object] = [None, [], "", "text", 7, True, ["grandeur"], {"grandeur": 7}, {"grandeur": "PA"}]

    for body in cases:
        with case(body), pytest.raises(ProviderGarbage):
            parse_measure(body, CURVE)


def test_an_answer_without_points_holds_no_reading() -> None:
    cases: list[dict[str, Any]] = [
        {"grandeur": None},
        {"grandeur": []},
        {"grandeur": [{"grandeurMetier": "CONS", "grandeurPhysique": "PA", "points": []}]},
        {"grandeur": [{"grandeurMetier": "CONS", "grandeurPhysique": "PA", "points": None}]},
        {"grandeur": [{"grandeurMetier": "CONS", "grandeurPhysique": "PA"}]},
        {"grandeur": [{"grandeurMetier": "PROD", "grandeurPhysique": "PA", "points": []}]},
    ]

    for body in cases:
        with case(body):
            assert [] == parse_measure(body, CURVE)


def test_a_quantity_of_another_shape_is_garbage() -> None:
    cases: list[dict[str, Any]] = [
        # Data of another shape must not count as "no data".
        {},
        {"grandeur": [{"grandeurMetier": "PROD", "grandeurPhysique": "PA", "points": [{"v": "1"}]}]},
        {"grandeur": ["PA"]},
        {"grandeur": [{"grandeurPhysique": "PA", "points": []}]},
        {"grandeur": [{"grandeurMetier": "CONS", "points": []}]},
        {"grandeur": [{"grandeurMetier": "CONS", "grandeurPhysique": "PA", "points": 7}]},
        {"grandeur": [{"grandeurMetier": "CONS", "grandeurPhysique": "PA", "points": {"v": "1"}}]},
    ]

    for body in cases:
        with case(body), pytest.raises(ProviderGarbage):
            parse_measure(body, CURVE)


def test_a_point_without_a_moment_is_garbage() -> None:
    cases: list[object] = [
        "2026-09-08 00:30:00",
        None,
        [],
        {"v": "540"},
        {"d": None, "v": "540"},
        {"d": 20260908, "v": "540"},
        {"d": "08/09/2026 00:30", "v": "540"},
        {"d": "2026-09-31 00:30:00", "v": "540"},
        {"d": "", "v": "540"},
        # Dates at which arithmetic with instants leaves the calendar.
        {"d": "0001-01-01 00:00:00", "v": "540"},
        {"d": "0001-01-01 00:15:00", "v": "540"},
    ]

    for point in cases:
        with case(point):
            for body, asked in (
                (answer(point), CURVE),
                (answer(point, "EA"), DAILY),
                (answer(point, "PMA"), PEAKS),
            ):
                with pytest.raises(ProviderGarbage):
                    parse_measure(body, asked)


@pytest.mark.parametrize(
    "value",
    [
        *["many", "5,4", "0x10", {}, [], ["540"], "nan", "Infinity", "-inf", "1e999", float("nan"), float("inf")],
        pytest.param(10**400, id="a number of 401 digits"),
    ],
)
def test_a_value_that_is_no_number_is_garbage(value: object) -> None:
    for body, asked in (
        (answer({"d": "2026-09-08 00:30:00", "v": value}), CURVE),
        (answer({"d": "2026-09-08", "v": value}, "EA"), DAILY),
        (answer({"d": "2026-09-08 12:00:00", "v": value}, "PMA"), PEAKS),
    ):
        with pytest.raises(ProviderGarbage):
            parse_measure(body, asked)


def test_a_step_that_is_no_whole_part_of_a_day_is_garbage() -> None:
    cases: list[object] = ["P1D", "PT0M", "PT25H", "PT-30M", "30", "PT30S", "PT1.5H", "PT", 30, ["PT30M"]]

    for step in cases:
        with case(step), pytest.raises(ProviderGarbage):
            parse_measure(answer({"d": "2026-09-08 00:30:00", "v": "540", "p": step}), CURVE)


def test_the_text_of_the_refusal_repeats_nothing_of_the_answer() -> None:
    with pytest.raises(ProviderGarbage) as refusal:
        parse_measure(answer({"d": "2026-09-08 00:30:00", "v": f"point {CONSUMER}"}), CURVE)

    assert "The provider returned an invalid response." == str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_a_request_and_its_repr_do_not_show_the_usage_point() -> None:
    assert CONSUMER == CURVE.prm
    assert CONSUMER not in repr(CURVE)
