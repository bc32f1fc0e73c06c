"""Contract proofs: claimed facts about a usage point's contract, and their verification. Pure.

Only facts that both generations of Enedis's APIs return and that are on a bill, where the contract holder can find
them. A fact that Enedis does not return proves nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

LEAST_FACTS = 2
"""The minimum number of facts; all given facts must be correct."""


@dataclass(frozen=True, slots=True)
class ContractProof:
    """The subscribed power (kVA), the postal code of the meter, the start day of the contract's supply."""

    subscribed_power: float | None = field(default=None, repr=False)
    postal_code: str | None = field(default=None, repr=False)
    activated_on: date | None = field(default=None, repr=False)

    @property
    def facts(self) -> int:
        """The number of given facts."""
        return sum(each is not None for each in (self.subscribed_power, self.postal_code, self.activated_on))

    def holds(self, contract: Mapping[str, Any], address: Mapping[str, Any]) -> bool:
        """Whether every given fact matches these two records of the provider, and enough facts are given."""
        powers = [contract.get("subscribed_power"), _mapping(contract.get("production")).get("subscribed_power")]
        begun = [contract.get("consumption_activated_on"), contract.get("production_activated_on")]
        return (
            self.facts >= LEAST_FACTS
            and (self.subscribed_power is None or any(_is_kva(each, self.subscribed_power) for each in powers))
            and (self.postal_code is None or self.postal_code == address.get("postal_code"))
            and (self.activated_on is None or self.activated_on.isoformat() in begun)
        )

    def encode(self) -> bytes:
        """Encode as bytes, for encryption."""
        activated_on = self.activated_on and self.activated_on.isoformat()
        return json.dumps([self.subscribed_power, self.postal_code, activated_on]).encode()

    @classmethod
    def decode(cls, encoded: bytes) -> "ContractProof":
        """Decode the output of `encode`."""
        power, postal_code, activated_on = json.loads(encoded)
        return cls(power, postal_code, activated_on and date.fromisoformat(activated_on))


def _is_kva(power: Any, wanted: float) -> bool:
    given = _mapping(power)
    value = given.get("value")
    return given.get("unit") in ("kVA", None) and isinstance(value, int | float) and float(value) == wanted


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
