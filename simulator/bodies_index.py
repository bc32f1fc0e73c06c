"""The bodies of `index_consommation` and `index_production`, according to their Swagger: no capture is known.

The quantity list at the root is empty; the data is in `contexte`. Unlike in other responses, the values are numbers.
Assumption where the Swagger is silent: a value dated D is the register value at the first instant of D in Paris.
"""

from simulator.bodies_2026 import Body, Question
from simulator.curves import is_day_lost
from simulator.households import Direction, Household
from simulator.known_points import Profile
from simulator.paris import days_between
from simulator.registers import Register, register_watt_hours, registers_of
from simulator.series import Period


def index_body(question: Question, direction: Direction, household: Household, published: Period) -> Body:
    """The registers of each day of the period."""
    days = [day for day in days_between(published.start, published.end) if not is_day_lost(household, direction, day)]
    values = {
        register: [
            {"d": day.isoformat(), "v": register_watt_hours(household, direction, register, day), "iv": 0}
            for day in days
        ]
        for register in registers_of(household, direction)
    }
    quantity = {
        "grandeurMetier": direction.value,
        "grandeurPhysique": "EA",
        "unite": "Wh",
        "calendrier": [_calendar(household, direction, values)],
        "cadranTotalisateur": {"codeCadran": "00", "valeur": _totals(list(values.values()))},
    }
    return {
        "idPrm": question.usage_point_id,
        "etapeMetier": "BRUT",
        "periode": {
            "dateDebut": question.period.start.isoformat(),
            "dateFin": question.period.end.isoformat(),
        },
        "grandeur": [],
        "contexte": [{"etapeMetier": "BRUT", "contexteReleve": "COL", "typeReleve": "AQ", "grandeur": [quantity]}]
        if days
        else [],
    }


def _calendar(household: Household, direction: Direction, values: dict[Register, list[Body]]) -> Body:
    night = direction is Direction.CONSUMPTION and household.profile is Profile.NIGHT_TARIFF
    return {
        "idCalendrier": "DI000002" if night else "DI000001",
        "libelleCalendrier": "Heures Pleines / Heures Creuses" if night else "Base",
        "classeTemporelle": [
            {
                "idClasseTemporelle": register.code,
                "libelleClasseTemporelle": register.label,
                "codeCadran": register.dial,
                "valeur": points,
            }
            for register, points in values.items()
        ],
    }


def _totals(columns: list[list[Body]]) -> list[Body]:
    return [{"d": row[0]["d"], "v": sum(point["v"] for point in row), "iv": 0} for row in zip(*columns, strict=True)]
