"""A user of a running gateway for benchmarks: an account, a consent, jobs."""

import time
from datetime import date
from typing import Any

import httpx

from cli.demo.gateway import Gateway

ENDED = frozenset({"succeeded", "partial", "failed", "cancelled"})
JOB_SECONDS = 240.0
UNPOOLED = httpx.Limits(max_keepalive_connections=0)
"""For a client that must not fail randomly: a server may close an idle connection just as it is reused."""

Document = dict[str, Any]


class BenchFailed(Exception):
    """The operation to be measured failed."""


class Household:
    """An account with one usage point on its own gateway."""

    def __init__(self, gateway: Gateway, client: httpx.Client, usage_point_id: str | None = None) -> None:
        """Create the account and complete the consent flow; ``client`` connects to ``gateway``. Without a usage point
        the simulator shares its default one."""
        self._gateway = gateway
        self._client = client
        created = self._json(client.post("/v1/accounts"), 201)
        self.account_id = str(created["account"]["id"])
        self.headers = {"Authorization": f"Bearer {created['api_key']}"}
        consent = self._json(client.post("/v1/consents", headers=self.headers), 201)
        answer = "&auto=approve" + (f"&usage_point_id={usage_point_id}" if usage_point_id else "")
        page = self._json(client.post(consent["authorize_url"]), 200)["provider_url"]
        self._json(client.get(page + answer, follow_redirects=True), 200)
        points = self._json(client.get("/v1/usage-points", headers=self.headers), 200)["usage_points"]
        self.usage_point_id = str(points[0]["usage_point_id"])

    def fetch(self, dataset: str, start: date, end: date) -> None:
        """Fetch these days, and wait for completion."""
        job = self.wait_for(self.submit(dataset, start, end), JOB_SECONDS)
        if job["status"] != "succeeded" or job["missing"]:
            raise BenchFailed(f"the job ended {job['status']}: {job['error']}")

    def submit(self, dataset: str, start: date, end: date) -> Document:
        """Request these days; returns the new job."""
        body = {"usage_point_id": self.usage_point_id, "dataset": dataset, "start": str(start), "end": str(end)}
        job: Document = self._json(self._client.post("/v1/jobs", json=body, headers=self.headers), 202)
        return job

    def wait_for(self, job: Document, seconds: float) -> Document:
        """The job's final state, or its state after that many seconds."""
        deadline = time.monotonic() + seconds
        while job["status"] not in ENDED and time.monotonic() < deadline:
            headers = self.headers | {"Prefer": "wait=5"}
            job = self._json(self._client.get(job["links"]["self"], headers=headers), 200)
        return job

    def look_at(self, job: Document) -> Document:
        """The job's current state."""
        found: Document = self._json(self._client.get(job["links"]["self"], headers=self.headers), 200)
        return found

    def read(self, dataset: str, start: date, end: date) -> Document:
        """The stored and missing data of these days."""
        path = f"/v1/usage-points/{self.usage_point_id}/readings/{dataset}"
        params = {"start": str(start), "end": str(end)}
        document: Document = self._json(self._client.get(path, params=params, headers=self.headers), 200)
        return document

    def provider_calls(self) -> int:
        """The number of measure calls to Enedis so far."""
        params = {"api": "mesure_synchrone_auto"}
        answer = httpx.get(f"{self._gateway.simulator}/control/calls/count", params=params)
        return int(self._json(answer, 200)["count"])

    @staticmethod
    def _json(answer: httpx.Response, status: int) -> Any:
        if answer.status_code != status:
            raise BenchFailed(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")
        return answer.json()
