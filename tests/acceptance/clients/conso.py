"""A client of the Conso API, as users run it: it only receives a token.

Written only from that contract and its public client. Must never import gateway code, nor verify the token: that is the
server's task.
"""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx

NAMES_OF_2026 = {
    "daily_consumption": "consommation_quotidienne",
    "consumption_load_curve": "courbe_de_charge_consommation",
    "consumption_max_power": "puissance_conso_max_quotidienne",
    "daily_production": "production_quotidienne",
    "production_load_curve": "courbe_de_charge_production",
}
_MORE_TRIES = 4
_PAUSE_SECONDS = 1


class ConsoFailed(Exception):
    """A refusal of the gateway, with the three fields of its response."""

    def __init__(self, status: int, message: str, error: Any) -> None:
        """Keep the fields of the response."""
        super().__init__(f"{status}: {message}")
        self.status, self.message, self.error = status, message, error


@dataclass
class ConsoClient:
    """The client of a token."""

    http: httpx.Client
    token: str = field(repr=False)

    @property
    def usage_points(self) -> Sequence[str]:
        """The usage points in the token's claims."""
        payload = self.token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        points: list[str] = claims["sub"]
        assert isinstance(points, list)
        return points

    def measure(self, name: str, usage_point_id: str, start: date, end: date) -> list[tuple[str, int]]:
        """The points of these days, requested by the original names: date and value."""
        body = self._ask(name, {"prm": usage_point_id, "start": str(start), "end": str(end)})
        assert usage_point_id == body["usage_point_id"]
        assert body["reading_type"]["unit"]
        assert [str(start), str(end)] == [body["start"], body["end"]]
        return [(point["date"], int(point["value"])) for point in body["interval_reading"]]

    def measure_of_2026(self, name: str, usage_point_id: str, start: date, end: date) -> list[tuple[str, int]]:
        """The points of these days, requested by the names of 2026."""
        params = {"pointId": usage_point_id, "dateDebut": str(start), "dateFin": str(end)}
        if name == "consumption_max_power":
            params |= {"mesuresPas": "P1D", "grandeurPhysique": "PMA"}
        body = self._ask(NAMES_OF_2026[name], params)
        assert usage_point_id == body["idPrm"]
        assert {"dateDebut": str(start), "dateFin": str(end)} == body["periode"]
        wanted = "PROD" if "production" in name else "CONS"
        (quantity,) = [each for each in body["grandeur"] if each["grandeurMetier"] == wanted]
        assert quantity["unite"]
        return [(point["d"], int(point["v"])) for point in quantity["points"]]

    def _ask(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Send one call; repeat it while the gateway is fetching."""
        answer = self._send(path, params)
        for _ in range(_MORE_TRIES):
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            assert int(answer.headers["Retry-After"]) > 0
            time.sleep(_PAUSE_SECONDS)
            answer = self._send(path, params)
        body: dict[str, Any] = answer.json()
        if answer.status_code == httpx.codes.OK:
            return body
        assert {"status", "message", "error"} == set(body)
        assert answer.status_code == body["status"]
        assert isinstance(body["message"], str)
        raise ConsoFailed(body["status"], body["message"], body["error"])

    def _send(self, path: str, params: Mapping[str, str]) -> httpx.Response:
        return self.http.get(f"/api/{path}", params=params, headers={"Authorization": f"Bearer {self.token}"})
