"""Somebody who uses a running gateway, an account, a consent, jobs: so that there is something to measure."""

import time
from datetime import date
from typing import Any

import httpx

from cli.demo.gateway import Gateway

ENDED = frozenset({"succeeded", "partial", "failed", "cancelled"})
JOB_SECONDS = 60.0


class BenchFailed(Exception):
    """What was to be measured did not work."""


class Household:
    """An account with one usage point on a gateway of its own."""

    def __init__(self, gateway: Gateway, client: httpx.Client) -> None:
        """Make the account and go through the consent; ``client`` speaks to ``gateway``."""
        self._gateway = gateway
        self._client = client
        created = self._json(client.post("/v1/accounts"), 201)
        self.headers = {"Authorization": f"Bearer {created['api_key']}"}
        consent = self._json(client.post("/v1/consents", headers=self.headers), 201)
        self._json(client.get(consent["authorize_url"] + "&auto=approve", follow_redirects=True), 200)
        points = self._json(client.get("/v1/usage-points", headers=self.headers), 200)["usage_points"]
        self.usage_point_id = str(points[0]["usage_point_id"])

    def fetch(self, dataset: str, start: date, end: date) -> None:
        """Have these days fetched, and wait until they are."""
        body = {"usage_point_id": self.usage_point_id, "dataset": dataset, "start": str(start), "end": str(end)}
        job = self._json(self._client.post("/v1/jobs", json=body, headers=self.headers), 202)
        deadline = time.monotonic() + JOB_SECONDS
        while job["status"] not in ENDED and time.monotonic() < deadline:
            headers = self.headers | {"Prefer": "wait=5"}
            job = self._json(self._client.get(job["links"]["self"], headers=headers), 200)
        if job["status"] != "succeeded" or job["missing"]:
            raise BenchFailed(f"the job ended {job['status']}: {job['error']}")

    def provider_calls(self) -> int:
        """How many measures Enedis was asked for so far."""
        params = {"api": "mesure_synchrone_auto"}
        answer = httpx.get(f"{self._gateway.simulator}/control/calls/count", params=params)
        return int(self._json(answer, 200)["count"])

    @staticmethod
    def _json(answer: httpx.Response, status: int) -> Any:
        if answer.status_code != status:
            raise BenchFailed(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")
        return answer.json()
