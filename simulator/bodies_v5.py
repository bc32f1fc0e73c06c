"""The bodies of the v5 measures, as captured and as their Swagger defines them. Pure.

Same points, timestamps and values as the 2026 bodies: only the names differ.
"""

from typing import Any

from simulator.households import Direction, Household
from simulator.paris import local_label
from simulator.series import Measure, Period, curve_points, day_energies, day_peaks

Body = dict[str, Any]

_READING_TYPES: dict[Measure, dict[str, str]] = {
    Measure.CURVE: {"unit": "W", "measurement_kind": "power", "aggregate": "average"},
    Measure.ENERGY: {"measurement_kind": "energy", "measuring_period": "P1D", "unit": "Wh", "aggregate": "sum"},
    Measure.PEAK: {"measurement_kind": "power", "measuring_period": "P1D", "unit": "VA", "aggregate": "maximum"},
}


def readings_of(
    measure: Measure, direction: Direction, household: Household, published: Period
) -> list[dict[str, str]]:
    """The points of a series in v5's notation."""
    if measure is Measure.CURVE:
        return [
            {
                "value": str(point.watts),
                "date": point.label,
                "interval_length": f"PT{point.step_minutes}M",
                "measure_type": "B",
            }
            for point in curve_points(household, direction, published)
        ]
    if measure is Measure.PEAK:
        return [
            {"value": str(found.peak.volt_amperes), "date": local_label(found.peak.instant)}
            for found in day_peaks(household, published)
        ]
    return [
        {"value": str(energy.watt_hours), "date": energy.day.isoformat()}
        for energy in day_energies(household, direction, published)
    ]


def meter_reading(usage_point_id: str, period: Period, measure: Measure, readings: list[dict[str, str]]) -> Body:
    """The response body that wraps the points."""
    return {
        "meter_reading": {
            "usage_point_id": usage_point_id,
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "quality": "BRUT",
            "reading_type": _READING_TYPES[measure],
            "interval_reading": readings,
        }
    }
