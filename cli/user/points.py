"""Selection of a usage point, and its display name. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.user.failures import Failure, WrongUse

Point = Mapping[str, Any]


def point_name(point: Point, *, is_full: bool) -> str:
    """Its label, if it has one, and its digits: all, or the last four."""
    digits = str(point["usage_point_id"])
    shown = digits if is_full else f"…{digits[-4:]}"
    return f"{point['label']} ({shown})" if point.get("label") else shown


def choose_point(points: Sequence[Point], wanted: str | None) -> Point:
    """The usage point with that label or those last digits; without ``wanted``, the only one.

    Raises `Failure` when there is none at all, `WrongUse` when the choice is ambiguous.
    """
    if not points:
        raise Failure("this account has no usage point yet: run `releve consent` to add one")
    if wanted is None:
        found = list(points)
    else:
        found = [point for point in points if point["label"] and point["label"].casefold() == wanted.casefold()]
        found = found or [point for point in points if _ends_with(point, wanted)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(point_name(point, is_full=False) for point in found or points)
    if not found:
        raise WrongUse(f"no usage point has that label or those last digits: {names}")
    raise WrongUse(f"specify the usage point with --point, by its label or last digits: {names}")


def _ends_with(point: Point, wanted: str) -> bool:
    digits = "".join(wanted.split()).lstrip("…")
    return digits.isdigit() and str(point["usage_point_id"]).endswith(digits)
