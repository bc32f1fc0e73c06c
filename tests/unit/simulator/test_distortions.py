"""Each distortion has the effect of its name, on both generations' bodies, and leaves unknown bodies unchanged."""

import json
from typing import Any

import pytest

from simulator.distortions import DISTORTIONS
from tests.support.cases import case


def _body_2026() -> dict[str, Any]:
    points = [{"v": str(100 + hour), "d": f"2026-01-15 {hour:02}:00:00"} for hour in range(1, 11)]
    return {"idPrm": "99000000000011", "grandeur": [{"grandeurMetier": "CONS", "points": points}]}


def _body_v5() -> dict[str, Any]:
    points = [{"value": str(100 + hour), "date": f"2026-01-15 {hour:02}:00:00"} for hour in range(1, 11)]
    return {"meter_reading": {"usage_point_id": "99000000000011", "interval_reading": points}}


BODIES = [_body_2026(), _body_v5()]


def _points(body: dict[str, Any]) -> list[dict[str, Any]]:
    found = body["meter_reading"]["interval_reading"] if "meter_reading" in body else body["grandeur"][0]["points"]
    assert isinstance(found, list)
    return found


def _values(body: dict[str, Any]) -> list[Any]:
    return [point.get("v", point.get("value")) for point in _points(body)]


def _spoil(kind: str, body: Any) -> Any:
    return json.loads(DISTORTIONS[kind](json.dumps(body).encode()))


def test_a_truncated_body_is_no_json() -> None:
    for body in BODIES:
        with case(body), pytest.raises(json.JSONDecodeError):
            _spoil("truncated", body)


def test_points_can_be_emptied_lost_nulled_numbered_shuffled_and_doubled() -> None:
    for body in BODIES:
        with case(body):
            values = _values(body)

            assert _values(_spoil("empty_points", body)) == []
            assert _values(_spoil("missing_points", body)) == [v for rank, v in enumerate(values) if rank % 5 != 2]
            assert _values(_spoil("null_values", body)) == [
                "null" if rank % 5 == 2 else v for rank, v in enumerate(values)
            ]
            assert _values(_spoil("number_values", body)) == [int(value) for value in values]
            assert _values(_spoil("unsorted", body)) != values
            assert sorted(_values(_spoil("unsorted", body))) == sorted(values)
            assert _values(_spoil("duplicates", body))[:4] == [values[0], values[0], values[1], values[1]]


def test_an_answer_can_be_longer_than_asked() -> None:
    for body in BODIES:
        with case(body):
            points = _points(_spoil("longer", body))
            dates = [str(point.get("d", point.get("date"))) for point in points]

            assert len(points) == 20
            assert dates[0].startswith("2025-01-15")
            assert points[10:] == _points(body)


def test_the_wrong_point_can_be_named() -> None:
    assert _spoil("wrong_point", _body_2026())["idPrm"] == "99999999999999"
    assert _spoil("wrong_point", _body_v5())["meter_reading"]["usage_point_id"] == "99999999999999"


def test_the_wrong_point_can_be_named_in_contracts_too() -> None:
    (contract,) = _spoil("wrong_point", [{"usage_point_id": "99000000000011", "segment": "C5"}])
    customer = {"usage_points": [{"usage_point": {"usage_point_id": "99000000000011"}, "contracts": {"segment": "C5"}}]}
    (entry,) = _spoil("wrong_point", {"customer": customer})["customer"]["usage_points"]

    assert contract == {"usage_point_id": "99999999999999", "segment": "C5"}
    assert entry == {"usage_point": {"usage_point_id": "99999999999999"}, "contracts": {"segment": "C5"}}


def test_an_answer_that_names_no_point_is_left_as_it_is() -> None:
    cases: list[object] = [[], {}, [1], {"address": {"insee_code": "75056"}}, {"customer": {}}, "text", None]

    for body in cases:
        with case(body):
            assert _spoil("wrong_point", body) == body


def test_the_list_itself_can_be_missing() -> None:
    assert _spoil("no_quantity", _body_2026())["grandeur"] == []
    assert "interval_reading" not in _spoil("no_quantity", _body_v5())["meter_reading"]


def test_other_bodies_are_left_alone() -> None:
    for kind in sorted(DISTORTIONS.keys() - {"truncated"}):
        with case(kind):
            assert DISTORTIONS[kind](b'[{"segment":"C5"}]') == b'[{"segment":"C5"}]'
            assert DISTORTIONS[kind](b"not json") == b"not json"
