"""The points with a chosen character: those for tests and demonstrations, and the personas of Enedis's own sandbox.

The former begin with 99, which no region of the grid is known to use, so that they cannot be mistaken for real
households. The personas keep the numbers that Enedis publishes. Declarations only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Profile(StrEnum):
    """The characters a household can have."""

    STANDARD = "standard"
    NIGHT_TARIFF = "night_tariff"
    SOLAR = "solar"
    SECOND_HOME = "second_home"
    GAPS = "gaps"
    NO_CURVE = "no_curve"
    PRODUCER = "producer"


@dataclass(frozen=True, slots=True)
class StepChange:
    """From `since` on, the curve is recorded every `step_minutes`."""

    since: date
    step_minutes: int


@dataclass(frozen=True, slots=True)
class KnownPoint:
    """The chosen properties of a point; the rest is derived from its digits."""

    profile: Profile
    label: str
    activation: date | None = None
    three_phase: bool = False
    step_changes: tuple[StepChange, ...] = ()
    company: bool = False


DEFAULT_USAGE_POINT = "99000000000011"

HOUSEHOLDS: Mapping[str, KnownPoint] = {
    DEFAULT_USAGE_POINT: KnownPoint(Profile.STANDARD, "Maison avec chauffage électrique"),
    "99000000000022": KnownPoint(Profile.NIGHT_TARIFF, "Appartement en heures creuses, ballon d'eau chaude la nuit"),
    "99000000000033": KnownPoint(Profile.SOLAR, "Autoconsommation solaire avec vente du surplus"),
    "99000000000044": KnownPoint(Profile.SECOND_HOME, "Résidence secondaire"),
    "99000000000055": KnownPoint(Profile.GAPS, "Compteur mal capté : points et jours manquants, parfois en retard"),
    "99000000000066": KnownPoint(Profile.NO_CURVE, "Courbe de charge non collectée"),
    "99000000000077": KnownPoint(Profile.PRODUCER, "Producteur seul, vente totale"),
    "99000000000088": KnownPoint(Profile.STANDARD, "Emménagement récent", activation=date(2026, 3, 16)),
    "99000000000110": KnownPoint(
        Profile.STANDARD,
        "Triphasé, courbe au pas de 10 minutes",
        three_phase=True,
        step_changes=(StepChange(date.min, 10),),
    ),
    "99000000000121": KnownPoint(
        Profile.STANDARD,
        "Pas de courbe passé de 60 à 15 minutes le 15/06/2026",
        step_changes=(StepChange(date.min, 60), StepChange(date(2026, 6, 15), 15)),
    ),
    "99000000000132": KnownPoint(Profile.STANDARD, "Petite entreprise", company=True),
}

# The points that the v5 sandbox returns for the last character of the state, and what they demonstrate.
PERSONAS: Mapping[str, tuple[tuple[str, KnownPoint], ...]] = {
    "0": (("22516914714270", KnownPoint(Profile.STANDARD, "Persona 0")),),
    "1": (("11453290002823", KnownPoint(Profile.NIGHT_TARIFF, "Persona 1")),),
    "2": (("32320647321714", KnownPoint(Profile.NO_CURVE, "Persona 2 : sans courbe")),),
    "3": (
        ("12345678901234", KnownPoint(Profile.STANDARD, "Persona 3 : consommation")),
        ("10284856584123", KnownPoint(Profile.PRODUCER, "Persona 3 : production sur un autre point")),
    ),
    "4": (("42900589957123", KnownPoint(Profile.GAPS, "Persona 4 : données manquantes")),),
    "5": (("24880057139941", KnownPoint(Profile.PRODUCER, "Persona 5 : production")),),
    "6": (("12655648759651", KnownPoint(Profile.SOLAR, "Persona 6 : autoconsommation")),),
    "7": (
        ("64975835695673", KnownPoint(Profile.STANDARD, "Persona 7 : premier point")),
        ("63695879465986", KnownPoint(Profile.SECOND_HOME, "Persona 7 : deuxième point")),
        ("22315546958763", KnownPoint(Profile.NIGHT_TARIFF, "Persona 7 : troisième point")),
    ),
    "8": (("26584978546985", KnownPoint(Profile.STANDARD, "Persona 8 : consentement révoqué")),),
}
REVOKED_PERSONA = "8"


@dataclass(frozen=True, slots=True)
class SandboxAuthorisation:
    """An authorisation that exists in the 2026 sandbox from the start. Number 10 is deliberately unknown."""

    authorisation_id: int
    usage_point_id: str
    ended: bool = False


SANDBOX_AUTHORISATIONS = (
    SandboxAuthorisation(11, "14000000000001"),
    SandboxAuthorisation(12, "14000000000002"),
    SandboxAuthorisation(13, "14000000000003", ended=True),
)
_SANDBOX_POINTS: Mapping[str, KnownPoint] = {
    "14000000000001": KnownPoint(Profile.STANDARD, "Bac à sable 2026 : C5"),
    "14000000000002": KnownPoint(Profile.SOLAR, "Bac à sable 2026 : C5 et P4"),
    "14000000000003": KnownPoint(Profile.STANDARD, "Bac à sable 2026 : service terminé"),
}

KNOWN: Mapping[str, KnownPoint] = {
    **HOUSEHOLDS,
    **dict(point for points in PERSONAS.values() for point in points),
    **_SANDBOX_POINTS,
}
