"""Distortions of a valid response: observed at Enedis, or to be handled by clients.

Each distortion takes the original body and returns the one to send. They apply to measures of both generations; other
responses stay unchanged except for the usage point that they name. Pure.
"""

import json
from collections.abc import Callable
from typing import Any

Points = list[dict[str, Any]]
Distortion = Callable[[bytes], bytes]

_OTHER_POINT = "99999999999999"


def truncate(body: bytes) -> bytes:
    """Half of the body: truncated JSON."""
    return body[: len(body) // 2]


def unchanged(body: bytes) -> bytes:
    """The unchanged body; only the headers are wrong."""
    return body


def _on_points(change: Callable[[Points], Points]) -> Distortion:
    def distort(body: bytes) -> bytes:
        answer = _parsed(body)
        if answer is None:
            return body
        if "meter_reading" in answer:
            answer["meter_reading"]["interval_reading"] = change(answer["meter_reading"]["interval_reading"])
        for quantity in answer.get("grandeur", []):
            quantity["points"] = change(quantity["points"])
        return _written(answer)

    return distort


def _value_key(point: dict[str, Any]) -> str:
    return "v" if "v" in point else "value"


def _none(_: Points) -> Points:
    return []


def _without_some(points: Points) -> Points:
    return [point for index, point in enumerate(points) if index % 5 != 2]


def _with_null(points: Points) -> Points:
    return [{**point, _value_key(point): "null"} if index % 5 == 2 else point for index, point in enumerate(points)]


def _as_numbers(points: Points) -> Points:
    return [{**point, _value_key(point): int(point[_value_key(point)])} for point in points]


def _unsorted(points: Points) -> Points:
    return points[1::2] + points[0::2]


def _doubled(points: Points) -> Points:
    return [copy for point in points for copy in (point, dict(point))]


def _longer(points: Points) -> Points:
    """The points, and a copy dated one year earlier: a response beyond the requested period."""
    date_key = "d" if points and "d" in points[0] else "date"
    year_before = [{**point, date_key: f"{int(point[date_key][:4]) - 1}{point[date_key][4:]}"} for point in points]
    return year_before + points


def _wrong_point(body: bytes) -> bytes:
    """Replaces the usage point wherever the response names one: measures, v5's customer, the contracts of 2026."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    match answer:
        case {"idPrm": _}:
            answer["idPrm"] = _OTHER_POINT
        case {"meter_reading": dict() as reading}:
            reading["usage_point_id"] = _OTHER_POINT
        case {"customer": {"usage_points": [*entries]}}:
            for entry in entries:
                entry["usage_point"]["usage_point_id"] = _OTHER_POINT
        case [{"usage_point_id": _}, *_] as contracts:
            for contract in contracts:
                contract["usage_point_id"] = _OTHER_POINT
    return _written(answer)


def _no_quantity(body: bytes) -> bytes:
    answer = _parsed(body)
    if answer is None:
        return body
    if "grandeur" in answer:
        answer["grandeur"] = []
    if "meter_reading" in answer:
        del answer["meter_reading"]["interval_reading"]
    return _written(answer)


DISTORTIONS: dict[str, Distortion] = {
    "truncated": truncate,
    "octet_stream": unchanged,
    "empty_points": _on_points(_none),
    "no_quantity": _no_quantity,
    "missing_points": _on_points(_without_some),
    "null_values": _on_points(_with_null),
    "number_values": _on_points(_as_numbers),
    "unsorted": _on_points(_unsorted),
    "duplicates": _on_points(_doubled),
    "longer": _on_points(_longer),
    "wrong_point": _wrong_point,
}


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _written(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
