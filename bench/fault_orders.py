"""Every simulator fault that can hit a measure call, as armed there; and their distribution, so that each one hits the
same share of its households' calls.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

SHARE = 0.05
"""The share of calls that each fault hits."""
TIMEOUT_SECONDS = 2.0
"""The gateway's maximum timeout for which `too_late` is too late."""
# With more at a time, more than half of all calls would fail, and too few would remain to evaluate.
_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """A named fault, and its order for the simulator. ``once``: hits one call, because it pauses all for a minute."""

    name: str
    order: Mapping[str, Any]
    once: bool = False


def _kinds(*kinds: str) -> tuple[FaultOrder, ...]:
    return tuple(FaultOrder(kind, {"kind": kind}) for kind in kinds)


_FAILURES = (
    *_kinds("technical_error", "html", "plain_text", "empty", "cut", "truncated", "wrong_point"),
    FaultOrder("html_as_success", {"kind": "html", "status": 200}),
    FaultOrder("too_late", {"kind": "delay", "delay_seconds": TIMEOUT_SECONDS * 1.3}),
    FaultOrder("error_in_a_list", {"kind": "error", "form": "array", "status": 500}),
    FaultOrder("error_as_in_the_swagger", {"kind": "error", "form": "swagger", "status": 500}),
    FaultOrder("unknown_path", {"kind": "error", "form": "gateway", "code": "404", "status": 404}),
)
_IMPERFECTIONS = (
    *_kinds("octet_stream", "empty_points", "no_quantity", "missing_points", "null_values", "number_values"),
    *_kinds("unsorted", "duplicates", "longer", "no_data"),
    FaultOrder("late", {"kind": "delay", "delay_seconds": TIMEOUT_SECONDS * 0.2}),
)
# Their meaning is covered above, or they come from the token endpoint or the consent page.
_ELSEWHERE = frozenset(
    {
        "technical_error",
        "no_data_found",
        "invalid_client",
        "invalid_grant",
        "missing_parameter",
        "invalid_duration_format",
        "maximum_duration_exceeded",
        "access_denied",
        "lincs-internal-server-error",
    }
)
# Errors that the gateway applies to every day of a dataset, so that it makes no more calls for it.
_END_A_DATASET = frozenset({"ADAM-ERR0069", "ADAM-ERR0075"})
# Without a retry time: the gateway pauses all calls for a minute.
_UNNAMED_QUOTA = "429"


def all_faults(known_codes: Iterable[Mapping[str, Any]], generation: str) -> list[FaultOrder]:
    """Every fault of a measure call of a generation. ``known_codes``: as the simulator lists them."""
    codes = dict.fromkeys(each["code"] for each in known_codes if each["generation"] in (None, generation))
    refusals = [
        FaultOrder(code, {"kind": "error", "code": code}, once=code == _UNNAMED_QUOTA)
        for code in codes
        if code not in _ELSEWHERE
    ]
    return [*_FAILURES, *_IMPERFECTIONS, *refusals]


def in_groups(faults: Sequence[FaultOrder]) -> list[Sequence[FaultOrder]]:
    """The faults, in their order, in as few groups of similar size as one household allows. Those that end a dataset
    are a separate group: next to them the others would hardly hit a call."""
    ending = [fault for fault in faults if fault.name in _END_A_DATASET]
    lasting = [fault for fault in faults if fault not in ending]
    count = -(-len(lasting) // _AT_ONCE)
    bounds = [round(number * len(lasting) / count) for number in range(count + 1)]
    groups: list[Sequence[FaultOrder]] = [lasting[first:last] for first, last in pairwise(bounds)]
    return [*groups, ending] if ending else groups


def rate_of(place: int) -> float:
    """The rate that gives the fault at this position (from 0) of a household's list its share of all calls: the
    simulator applies the first match, so a later one hits only the remaining calls."""
    return SHARE / (1 - SHARE * place)
