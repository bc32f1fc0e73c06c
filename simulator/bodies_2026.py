"""The bodies of the 2026 measures, key by key as they were captured. Pure: points in, JSON-ready objects out.

Values are strings. A curve has no `pas` at the root, peaks have no `typeValeur`; `calendrier` and `contexte` are always
present and empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.households import Direction, Household
from simulator.paris import local_label
from simulator.series import DayPeak, Period, curve_points, day_energies, day_peaks, monthly_peaks

Body = dict[str, Any]
Point = dict[str, str]

# The share of each phase in the peak of a three-phase point.
_PHASE_SHARES = (("PMA1", 0.83), ("PMA2", 0.66), ("PMA3", 0.5))


@dataclass(frozen=True, slots=True)
class Question:
    """A well-formed request. `step` and `quantity` apply to peaks only."""

    usage_point_id: str
    period: Period
    step: str = "P1D"
    quantity: str = "PMA"


def curve_body(question: Question, direction: Direction, household: Household, published: Period) -> Body:
    """A load curve: mean watts, each stamped with the end of its slot."""
    points = [
        {"v": str(point.watts), "d": point.label, "p": f"PT{point.step_minutes}M", "n": "B", "iv": "0", "ec": "0"}
        for point in curve_points(household, direction, published)
    ]
    return _body(question, {"modeCalcul": "MESURE"}, [_quantity(direction, "PA", "W", points)])


def energy_body(question: Question, direction: Direction, household: Household, published: Period) -> Body:
    """Daily energy in Wh, from the difference of the registers."""
    points = [
        {"v": str(energy.watt_hours), "d": energy.day.isoformat()}
        for energy in day_energies(household, direction, published)
    ]
    head = {"typeValeur": "GLOBALE", "modeCalcul": "DIFF.INDEX", "pas": "P1D"}
    return _body(question, head, [_quantity(direction, "EA", "Wh", points)])


def peak_body(question: Question, direction: Direction, household: Household, published: Period) -> Body:
    """Peak power in VA, each stamped with its instant; `TOUT` adds the phases of a three-phase point."""
    peaks = day_peaks(household, published)
    if question.step == "P1M":
        peaks = monthly_peaks(peaks)
    quantities = [_quantity(direction, "PMA", "VA", _peak_points(peaks, 1.0))]
    if question.quantity == "TOUT" and household.three_phase:
        quantities += [_quantity(direction, phase, "VA", _peak_points(peaks, share)) for phase, share in _PHASE_SHARES]
    return _body(question, {"modeCalcul": "MESURE", "pas": question.step}, quantities)


def has_points(body: Body) -> bool:
    """Whether the body has any points."""
    return bool(body["contexte"]) or any(quantity["points"] for quantity in body["grandeur"])


def _peak_points(peaks: list[DayPeak], share: float) -> list[Point]:
    return [{"v": str(int(found.peak.volt_amperes * share)), "d": local_label(found.peak.instant)} for found in peaks]


def _quantity(direction: Direction, physical: str, unit: str, points: list[Point]) -> Body:
    return {
        "grandeurMetier": direction.value,
        "grandeurPhysique": physical,
        "unite": unit,
        "points": points,
        "calendrier": [],
    }


def _body(question: Question, head: Mapping[str, str], quantities: list[Body]) -> Body:
    return {
        "idPrm": question.usage_point_id,
        "etapeMetier": "BRUT",
        "periode": {
            "dateDebut": question.period.start.isoformat(),
            "dateFin": question.period.end.isoformat(),
        },
        **head,
        "grandeur": quantities,
        "contexte": [],
    }
