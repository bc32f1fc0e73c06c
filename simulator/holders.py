"""The records of a usage point: contract, address, meter, and holder.

Derived from the digits like the household itself, and impossible to mistake for a real person: the names are visibly
invented, the telephone numbers are in the ranges reserved for fiction (01 99 00, 06 39 98), the mail domain cannot
exist.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b

from simulator.households import Household
from simulator.known_points import Profile


@dataclass(frozen=True, slots=True)
class Holder:
    """A usage point's holder data. `company` replaces the person."""

    customer_id: str
    title: str
    first_name: str
    last_name: str
    company: str | None
    email: str
    landline: str
    mobile: str
    street: str
    postal_code: str
    city: str
    insee_code: str
    serial_number: int
    contract_start: date
    power_change: date
    tariff_code: str
    tariff_label: str


@lru_cache(maxsize=4096)
def holder_of(household: Household) -> Holder:
    """The holder data of `household`."""
    draw = blake2b(household.usage_point_id.encode(), digest_size=16, person=b"holder").digest()
    number = int.from_bytes(draw[:4]) % 10_000
    night = household.profile is Profile.NIGHT_TARIFF
    return Holder(
        customer_id=f"{int.from_bytes(draw[4:8]) % 10**10:010d}",
        title=("M", "MME")[draw[8] % 2],
        first_name="ESSAI",
        last_name=f"TITULAIRE-{number:04d}",
        company=f"SOCIETE D'ESSAI {number:04d}" if household.company else None,
        email=f"titulaire-{number:04d}@example.invalid",
        landline=f"019900{number:04d}",
        mobile=f"063998{number:04d}",
        street=f"{1 + draw[9]} RUE DU SIMULATEUR",
        postal_code=f"99{draw[10]:03d}",
        city="VILLE-D-ESSAI",
        insee_code=f"99{draw[11]:03d}",
        serial_number=990_000_000 + number,
        contract_start=household.activation + timedelta(days=30 + draw[12]),
        power_change=household.activation + timedelta(days=60 + draw[13]),
        tariff_code="BTINFMUDT" if night else "BTINFCUST",
        tariff_label=(
            "Tarif BT<=36kVA Moyenne Utilisation heures pleines heures creuses"
            if night
            else "Tarif BT<=36kVA Courte Utilisation"
        ),
    )
