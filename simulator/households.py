"""The household of a usage point, derived only from its 14 digits.

The same digits give the same household on every machine, in every run. `known_points` assigns some points a character;
any other point's character is derived from its digits.

| Usage point | Character |
| --- | --- |
| 99000000000011 | house with electric heating: the default |
| 99000000000022 | night tariff, water heater from 22:30 |
| 99000000000033 | solar self-consumer: consumption and production |
| 99000000000044 | second home |
| 99000000000055 | points and days missing, some days late |
| 99000000000066 | load curve not collected |
| 99000000000077 | producer only |
| 99000000000088 | moved in on 2026-03-16 |
| 99000000000110 | three-phase, curve every 10 minutes |
| 99000000000121 | curve every 60 minutes, every 15 since 2026-06-15 |
| 99000000000132 | a company |
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b

from simulator.known_points import HOUSEHOLDS, KNOWN, Profile, StepChange

USAGE_POINT_PATTERN = re.compile(r"[0-9]{14}", re.ASCII)


class Direction(StrEnum):
    """The direction of the energy, in Enedis's terms."""

    CONSUMPTION = "CONS"
    PRODUCTION = "PROD"


@dataclass(frozen=True, slots=True)
class Household:
    """One usage point and the parameters of its readings. Energies are in watt-hours per day."""

    usage_point_id: str
    profile: Profile
    label: str
    activation: date
    production_activation: date | None
    subscribed_kva: int
    three_phase: bool
    step_changes: tuple[StepChange, ...]
    base_watt_hours: float
    heating_watt_hours_per_degree: float
    water_watt_hours: float
    solar_peak_watts: float
    company: bool = False

    @property
    def consumes(self) -> bool:
        """Whether there is consumption data."""
        return self.profile is not Profile.PRODUCER

    @property
    def produces(self) -> bool:
        """Whether there is production data."""
        return self.production_activation is not None

    @property
    def records_curve(self) -> bool:
        """Whether load curves are collected."""
        return self.profile is not Profile.NO_CURVE

    @property
    def off_peak_hours(self) -> str | None:
        """The hours of the night tariff, in the grid's notation."""
        return "HC (22H30-6H30)" if self.profile is Profile.NIGHT_TARIFF else None

    @property
    def segments(self) -> tuple[str, ...]:
        """C5: a small consumer; P4: a small producer."""
        return (("C5",) if self.consumes else ()) + (("P4",) if self.produces else ())

    def flows(self, direction: Direction) -> bool:
        """Whether the household has this direction."""
        return self.consumes if direction is Direction.CONSUMPTION else self.produces

    def activation_of(self, direction: Direction) -> date:
        """The day of the last commissioning; earlier days are refused. Only for an existing direction."""
        if direction is Direction.PRODUCTION and self.production_activation is not None:
            return self.production_activation
        return self.activation

    def step_minutes(self, day: date) -> int:
        """The step of the curve recorded on `day`."""
        current = self.step_changes[0].step_minutes
        for change in self.step_changes:
            if change.since <= day:
                current = change.step_minutes
        return current


# The frequency of each character among the points outside the table, in percent.
_SHARES = (
    (Profile.STANDARD, 42),
    (Profile.NIGHT_TARIFF, 26),
    (Profile.SOLAR, 14),
    (Profile.SECOND_HOME, 8),
    (Profile.GAPS, 5),
    (Profile.NO_CURVE, 3),
    (Profile.PRODUCER, 2),
)


def is_usage_point_id(text: str) -> bool:
    """Whether `text` has the form of a usage point: 14 ASCII digits."""
    return USAGE_POINT_PATTERN.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def household_of(usage_point_id: str) -> Household:
    """The household behind `usage_point_id`.

    Raises:
        ValueError: not 14 digits. The text is not repeated in the message.
    """
    if not is_usage_point_id(usage_point_id):
        raise ValueError("a usage point has 14 digits")
    draw = blake2b(usage_point_id.encode(), digest_size=16, person=b"household").digest()
    known = KNOWN.get(usage_point_id)
    profile = known.profile if known else _drawn_profile(draw[0])
    size = 0.7 + draw[1] / 255 * 0.9
    activation = (known.activation if known else None) or date(2016 + draw[2] % 6, 1 + draw[3] % 12, 1 + draw[4] % 28)
    heated = profile is not Profile.SECOND_HOME
    return Household(
        usage_point_id=usage_point_id,
        profile=profile,
        label=known.label if known else "Foyer tiré de son numéro",
        activation=activation,
        production_activation=_production_activation(profile, activation, draw[5]),
        subscribed_kva=(6, 9, 12)[draw[6] % 3] if heated else 6,
        three_phase=known.three_phase if known else False,
        step_changes=(known.step_changes if known else ()) or (StepChange(date.min, 30),),
        base_watt_hours=7_000 * size,
        heating_watt_hours_per_degree=(1_100 if heated else 450) * size,
        water_watt_hours=4_500 * size if profile is Profile.NIGHT_TARIFF else 0.0,
        solar_peak_watts=_solar_peak_watts(profile, draw[7]),
        company=known.company if known else False,
    )


def known_households() -> list[Household]:
    """The households of the table, in its order."""
    return [household_of(usage_point_id) for usage_point_id in HOUSEHOLDS]


def _drawn_profile(byte: int) -> Profile:
    rank = byte * 100 // 256
    for profile, share in _SHARES:
        if rank < share:
            return profile
        rank -= share
    raise AssertionError("the shares add up to 100")


def _production_activation(profile: Profile, activation: date, byte: int) -> date | None:
    if profile is Profile.PRODUCER:
        return activation
    if profile is Profile.SOLAR:
        # Panels were installed after the house: 2021-10 to 2022-09, early enough for every depth of history in 2026.
        return date(2021, 10, 1 + byte % 28) if byte % 2 else date(2022, 1 + byte % 9, 1)
    return None


def _solar_peak_watts(profile: Profile, byte: int) -> float:
    if profile is Profile.PRODUCER:
        return 9_000.0 + byte * 10
    return 3_000.0 + byte * 12 if profile is Profile.SOLAR else 0.0
