"""A running gateway, its accounts and the simulated Enedis, as acceptance tests use them: over HTTP.

The only module that sends requests. Keeps every secret that it sent or received, so that a test can search for leaks.
Must never import code of the running gateway: tests observe only responses, files and spans.
"""

import json
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from itertools import chain, count
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx

from cli.demo.gateway import Gateway
from cli.demo.otlp_receiver import OtlpReceiver
from cli.demo.plaintext import Secrets, count_hits
from simulator.households import household_of
from simulator.known_points import Profile
from tests.support.patience import PATIENCE_SECONDS

Document = dict[str, Any]
Result = TypeVar("Result")

PARIS = ZoneInfo("Europe/Paris")
ONE_DAY = timedelta(days=1)
MEASURES_API = "mesure_synchrone_auto"
RESOURCES = {
    "daily_consumption": "consommation_quotidienne",
    "consumption_load_curve": "courbe_de_charge_consommation",
    "daily_consumption_max_power": "puissance_conso_max_quotidienne",
    "daily_production": "production_quotidienne",
    "production_load_curve": "courbe_de_charge_production",
}
SIMULATOR_SECRET = "not-a-secret-of-anybody"
ADMIN_KEY = secrets.token_hex(32)
ENDED = frozenset({"succeeded", "partial", "failed", "cancelled"})
# Days older than this receive no late publications.
_SETTLED_DAYS = 12


def today_in_paris() -> date:
    """Today's date in Paris."""
    return datetime.now(PARIS).date()


def within_one_day(act: Callable[[], Result]) -> Result:
    """Run ``act`` within one day in Paris: run it again if midnight passed meanwhile."""
    while True:
        day = today_in_paris()
        result = act()
        if day == today_in_paris():
            return result


@cache
def _settled_until() -> date:
    # Once: midnight may pass between two requests of the same test.
    return today_in_paris() - _SETTLED_DAYS * ONE_DAY


def settled_days(days: int) -> tuple[date, date]:
    """The last ``days`` days whose data is final, the same for the whole test run; the end is excluded."""
    end = _settled_until()
    return end - days * ONE_DAY, end


def hours_of(day: date) -> int:
    """The length of a day in Paris: 23, 24 or 25 hours."""
    bounds = [datetime(each.year, each.month, each.day, tzinfo=PARIS).astimezone(UTC) for each in (day, day + ONE_DAY)]
    return (bounds[1] - bounds[0]) // timedelta(hours=1)


@dataclass
class Seen:
    """The secrets seen so far, which no other account may read."""

    texts: list[str] = field(default_factory=list)
    series: list[list[int]] = field(default_factory=list)

    @property
    def secrets(self) -> Secrets:
        """The secrets to search for."""
        return Secrets(self.texts, self.series)


@dataclass
class Enedis:
    """The simulated Enedis: the calls it received, its responses to direct requests, and its faults."""

    client: httpx.Client

    def calls(self, usage_point_id: str | None = None, api: str = MEASURES_API) -> list[Document]:
        """The calls that arrived, oldest first."""
        chosen = {"api": api, "usage_point_id": usage_point_id}
        answer = self.client.get("/control/calls", params={name: value for name, value in chosen.items() if value})
        calls: list[Document] = _json(answer, 200)
        return calls

    def count(self) -> int:
        """The number of measure calls received since the start, for all accounts."""
        answer = self.client.get("/control/calls/count", params={"api": MEASURES_API})
        return int(_json(answer, 200)["count"])

    def fail(self, usage_point_id: str, **fault: Any) -> None:
        """Arm a fault for one household, so that it does not affect the others."""
        _json(self.client.post("/control/faults", json={**fault, "usage_point_id": usage_point_id}), 201)

    def set(self, **conditions: Any) -> None:
        """Change the conditions: quotas, latency and so on."""
        _json(self.client.post("/control/settings", json=conditions), 200)

    def conditions(self) -> Document:
        """The present conditions."""
        found: Document = _json(self.client.get("/control/settings"), 200)
        return found

    def set_clock(self, now: datetime | None) -> None:
        """Set the simulator's clock; ``None``: the machine's time."""
        _json(self.client.post("/control/clock", json={"now": now and now.isoformat()}), 200)

    def measure(self, dataset: str, usage_point_id: str, start: date, end: date) -> list[Mapping[str, str]]:
        """The points that a direct request returns, without the gateway."""
        params = {"pointId": usage_point_id, "dateDebut": str(start), "dateFin": str(end)}
        if dataset == "daily_consumption_max_power":
            params |= {"mesuresPas": "P1D", "grandeurPhysique": "PMA"}
        path = f"/mesure_synchrone_auto/v2/{RESOURCES[dataset]}"
        answer = self.client.get(path, params=params, headers={"Authorization": f"Bearer {self._token}"})
        points: list[Mapping[str, str]] = _json(answer, 200)["grandeur"][0]["points"]
        return points

    @cached_property
    def _token(self) -> str:
        form = {"grant_type": "client_credentials", "client_id": "releve-simulator", "client_secret": SIMULATOR_SECRET}
        return str(_json(self.client.post("/oauth2/v3/token", data=form), 200)["access_token"])


@dataclass
class Person:
    """An account holder. ``seen``: the secrets that only this account may read."""

    client: httpx.Client
    account_id: str
    api_key: str = field(repr=False)
    seen: Seen = field(default_factory=Seen, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request of this account."""
        return {"Authorization": f"Bearer {self.api_key}"}

    def get(self, path: str, status: int = 200, **options: Any) -> Document:
        """Send a GET request; returns the document."""
        headers = self.headers | options.pop("headers", {})
        document: Document = _json(self.client.get(path, headers=headers, **options), status)
        return document

    def post(self, path: str, body: Document, status: int) -> Document:
        """Send a POST request; returns the document."""
        document: Document = _json(self.client.post(path, json=body, headers=self.headers), status)
        return document

    def patch(self, path: str, body: Document) -> Document:
        """Send a PATCH request; returns the document."""
        document: Document = _json(self.client.patch(path, json=body, headers=self.headers), 200)
        return document

    def ask_consent(self, usage_point_id: str | None = None, proof: Document | None = None) -> Document:
        """Request a consent."""
        body: Document | None = {"usage_point_id": usage_point_id} if usage_point_id else None
        if body and proof:
            body["proof"] = proof
        started: Document = _json(self.client.post("/v1/consents", json=body, headers=self.headers), 201)
        self.seen.texts.append(started["state"])
        return started

    def open_link(self, started: Document) -> str:
        """Follow the link of a consent as a program does, to the provider's page; the client keeps the cookie."""
        return str(_json(self.client.post(started["authorize_url"]), 200)["provider_url"])

    def give_consent(self, usage_point_id: str) -> Document:
        """Complete a consent as a program does; returns the callback's response."""
        url = self.open_link(self.ask_consent())
        self.seen.texts.append(usage_point_id)
        answer = self.client.get(f"{url}&auto=approve&usage_point_id={usage_point_id}", follow_redirects=True)
        granted: Document = _json(answer, 200)
        return granted

    def submit(self, usage_point_id: str, dataset: str, start: date, end: date, **headers: str) -> Document:
        """Request data without waiting."""
        body = {"usage_point_id": usage_point_id, "dataset": dataset, "start": str(start), "end": str(end)}
        job: Document = _json(self.client.post("/v1/jobs", json=body, headers=self.headers | headers), 202)
        return job

    def wait_for(self, job: Document, seconds: float = PATIENCE_SECONDS) -> Document:
        """Wait for a job's end; returns the job."""
        deadline = time.monotonic() + seconds
        while job["status"] not in ENDED:
            assert time.monotonic() < deadline, f"{job['id']} has not ended: {job['progress']}"
            job = self.get(job["links"]["self"], headers={"Prefer": "wait=5"})
        return job

    def fetch(self, usage_point_id: str, dataset: str, start: date, end: date) -> Document:
        """Request data and wait until it is stored."""
        return self.wait_for(self.submit(usage_point_id, dataset, start, end))

    def read(self, usage_point_id: str, dataset: str, start: date, end: date) -> httpx.Response:
        """Read the stored data."""
        path = f"/v1/usage-points/{usage_point_id}/readings/{dataset}"
        answer = self.client.get(path, params={"start": str(start), "end": str(end)}, headers=self.headers)
        self.seen.series.append([reading["value"] for reading in _json(answer, 200)["readings"]])
        return answer


class Told:
    """The events that `releve up` prints after it is ready."""

    def __init__(self, gateway: Gateway) -> None:
        """Start to read events."""
        self._events: list[Document] = []
        self._arrived = threading.Condition()
        threading.Thread(target=self._listen, args=(gateway.process.stdout,), daemon=True).start()

    def wait_for(self, event: str, name: str) -> Document:
        """The first event of that kind about that process."""
        with self._arrived:

            def found() -> Document | None:
                return next((each for each in self._events if (each["event"], each.get("name")) == (event, name)), None)

            told = self._arrived.wait_for(found, PATIENCE_SECONDS)
            assert told, f"no {event} of {name} within {PATIENCE_SECONDS:g} s, but {self._events}"
            return told

    def _listen(self, lines: Iterator[str]) -> None:
        # Stopping the gateway closes the stream that is read here.
        with suppress(ValueError):
            for line in lines:
                with self._arrived:
                    self._events.append(json.loads(line))
                    self._arrived.notify_all()


@dataclass
class Stage:
    """A running gateway with its surroundings. ``begun_on``: the day on which it was started."""

    gateway: Gateway
    receiver: OtlpReceiver
    enedis: Enedis
    client: httpx.Client
    told: Told
    begun_on: date
    people: list[Person] = field(default_factory=list)
    is_killed: bool = False
    _numbers: Iterator[int] = field(default_factory=lambda: count(99_000_010_000_000))

    def kill(self) -> None:
        """Send SIGKILL to `releve up`; returns when it has ended. Does not wait for its children."""
        self.is_killed = True
        self.gateway.process.kill()
        assert -signal.SIGKILL == self.gateway.process.wait(PATIENCE_SECONDS)

    def new_person(self, email: str | None = None) -> Person:
        """Create an account."""
        created = _json(self.client.post("/v1/accounts", json={"email": email}), 201)
        person = Person(self.client, created["account"]["id"], created["api_key"])
        person.seen.texts += [person.api_key, person.api_key.removeprefix("rlv_")]
        self.people.append(person)
        return person

    def new_household(self, profile: Profile = Profile.STANDARD) -> str:
        """The usage point of a household with that profile, not yet shared."""
        numbers = (str(number) for number in self._numbers)
        return next(number for number in numbers if household_of(number).profile is profile)

    def spans_text(self) -> bytes:
        """The readable text of the spans received so far, each distinct text once."""
        texts = {
            json.dumps(
                [
                    span.name,
                    span.attributes,
                    span.status_message,
                    [(each.name, each.attributes) for each in span.events],
                ],
                default=str,
                sort_keys=True,
            )
            for span in self.receiver.spans()
        }
        return "\n".join(sorted(texts)).encode()

    def secrets_in_spans(self) -> int:
        """How often a secret of one account appears in the spans received so far."""
        seen = [person.seen for person in self.people]
        texts, series = chain(*(each.texts for each in seen)), chain(*(each.series for each in seen))
        return count_hits(Secrets(list(texts), list(series)), self.spans_text())


def trace_header() -> tuple[str, dict[str, str]]:
    """A trace started by the caller: its id, and the header that makes the gateway continue it."""
    trace_id = os.urandom(16).hex()
    # The flag asks for no tracing, which is not for a caller to decide.
    return trace_id, {"traceparent": f"00-{trace_id}-{os.urandom(8).hex()}-00"}


def _json(answer: httpx.Response, status: int) -> Any:
    assert status == answer.status_code, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
    return answer.json()
