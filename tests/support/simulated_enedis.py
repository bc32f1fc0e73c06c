"""The simulated Enedis, served over real HTTP: its control calls as methods."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
from pydantic import SecretStr

from simulator.app import create_app
from simulator.config import SimulatorSettings
from tests.support.loopback import served
from tests.support.patience import PATIENCE_SECONDS

MEASURES = "mesure_synchrone_auto"
SERVICES = "subscribed_services"

HEATED_HOUSE = "99000000000011"
SOLAR_HOUSE = "99000000000033"
WITH_GAPS = "99000000000055"
WITHOUT_CURVE = "99000000000066"
PRODUCER = "99000000000077"

_UNLIMITED = {"per_second": 100_000, "per_hour": 1_000_000, "latency_seconds": 0, "services_delay_seconds": 0}


@dataclass(frozen=True)
class SimulatedEnedis:
    """A running simulator."""

    base_url: str
    _control: httpx.Client

    def start_again(self) -> None:
        """Reset the simulator to its initial state: no authorisations, no quotas, no faults."""
        for state in ("faults", "calls", "limits", "tokens", "consents"):
            self._control.delete(f"/control/{state}").raise_for_status()
        self.set(**_UNLIMITED)

    def share(self, prm: str, duration: str = "P3Y") -> int:
        """Grant the application access to a usage point; returns the authorisation's id."""
        order = {"usage_point_id": prm, "duration": duration}
        return int(self._post("consents", order)["authorisation_id"])

    def share_anew(self, prm: str) -> int:
        """Revoke the authorisation of a usage point and grant it again."""
        self._post("revoke", {"usage_point_id": prm})
        return self.share(prm)

    def break_calls(self, **fault: Any) -> None:
        """Arm a fault, as documented in `docs/simulator.md`."""
        self._post("faults", fault)

    def mend(self) -> None:
        """Disarm every fault."""
        self._control.delete("/control/faults").raise_for_status()

    def set(self, **conditions: Any) -> None:
        """Change quotas, latency, delays."""
        self._post("settings", conditions)

    def forget_tokens(self) -> None:
        """Make every token invalid."""
        self._control.delete("/control/tokens").raise_for_status()

    def calls(self, api: str = MEASURES) -> list[dict[str, Any]]:
        """The calls received for one API, oldest first."""
        answer = self._control.get("/control/calls", params={"api": api})
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found

    def rte_days(self, dataset: str, start: date, end: date) -> dict[str, Any]:
        """The simulated RTE's values of each day, published or not: colours or levels."""
        answer = self._control.get(f"/control/rte/{dataset}", params={"start": str(start), "end": str(end)})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def days_asked(self) -> list[tuple[str, str]]:
        """The period of each measure call, oldest first."""
        return [(call["start"], call["end"]) for call in self.calls()]

    def _post(self, path: str, order: dict[str, Any]) -> Any:
        return self._control.post(f"/control/{path}", json=order).raise_for_status().json()


@contextmanager
def simulated_enedis(client_id: str, client_secret: str) -> Iterator[SimulatedEnedis]:
    """Serve a simulator that knows one application."""
    settings = SimulatorSettings(
        client_id=client_id, client_secret=SecretStr(client_secret), redirect_uri="http://gateway.test/oauth/callback"
    )
    with served(create_app(settings)) as base_url, httpx.Client(base_url=base_url, timeout=PATIENCE_SECONDS) as control:
        yield SimulatedEnedis(base_url, control)
