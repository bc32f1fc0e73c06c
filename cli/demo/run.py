"""The demo: an account, a consent, three years of days, sixty days of half-hours, cached, traced, encrypted.

Each step checks what it shows. The first failed check ends the demo with a message and status 1.
"""

import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.demo.display import figures_table, month_chart, trace_tree
from cli.demo.gateway import Gateway, GatewayFailed, running_gateway
from cli.demo.otlp_receiver import Node, OtlpReceiver, Span
from cli.demo.plaintext import Secrets, count_file_hits, count_hits, files_to_search
from shared.core.calendar import day_of

YEARS_DAYS = 1095
CURVE_DAYS = 60
CHART_DAYS = 30
JOB_SECONDS = 300.0
TRACE_SECONDS = 120.0
ENDED = frozenset({"succeeded", "partial", "failed", "cancelled"})


class DemoFailed(Exception):
    """A check of the demo failed."""


@dataclass
class Figures:
    """The demo's measurements; the names are those of ``DEMO_JSON``."""

    ok: bool = False
    calls_first: int = 0
    calls_again: int = 0
    readings: int = 0
    trace_spans: int = 0
    plaintext_hits: int = 0
    seconds: float = 0.0


@dataclass
class Seen:
    """The confidential data that the demo received."""

    texts: list[str] = field(default_factory=list)
    series: list[list[int]] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)

    @property
    def secrets(self) -> Secrets:
        """The secrets to search for."""
        return Secrets(self.texts, self.series)


def run_demo() -> int:
    """Run the demo. Returns 0 only if every check passed; ``DEMO_JSON``: a file for the figures."""
    console = Console()
    figures = Figures()
    started = time.monotonic()
    try:
        _tell_story(console, figures)
        figures.ok = True
    except (DemoFailed, GatewayFailed, httpx.HTTPError) as failure:
        console.print(f"[bold red]✗ {failure}[/]")
    figures.seconds = round(time.monotonic() - started, 1)
    console.print(figures_table(vars(figures)))
    if os.environ.get("DEMO_JSON"):
        Path(os.environ["DEMO_JSON"]).write_text(json.dumps(vars(figures)) + "\n")
    return 0 if figures.ok else 1


def _tell_story(console: Console, figures: Figures) -> None:
    seen = Seen()
    with tempfile.TemporaryDirectory(prefix="releve-demo-") as directory, OtlpReceiver() as receiver:
        data_dir = Path(directory) / "data"
        console.print("Starting Relève: Valkey, API, two workers, beat, Flower and a simulated Enedis …")
        with running_gateway(data_dir, {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}) as gateway:
            _done(console, f"running in {len(gateway.pids)} processes")
            with httpx.Client(base_url=gateway.api, timeout=40, follow_redirects=True) as client:
                EventFeed(console, figures, gateway, client, receiver, seen).tell()
            console.print(f"  API documentation: {gateway.docs}   Flower: {gateway.flower} (with a login)")
            pids = dict(gateway.pids)
        _require(not _alive(pids.values()), "a process was left behind")
        _done(console, "stopped; nothing is left running")
        _search_files(console, figures, seen, data_dir)


@dataclass
class EventFeed:
    """The steps that run while the gateway is up."""

    console: Console
    figures: Figures
    gateway: Gateway
    client: httpx.Client
    receiver: OtlpReceiver
    seen: Seen

    def tell(self) -> None:
        """From no account to readings, a second time without provider calls, and the trace of the request."""
        usage_point_id = self._become_a_user()
        today = day_of(datetime.now(UTC))
        asked = {
            "daily_consumption": (today - timedelta(days=YEARS_DAYS), today),
            "consumption_load_curve": (today - timedelta(days=CURVE_DAYS), today),
        }
        before = self._provider_calls()
        trace_ids = [self._fetch(usage_point_id, dataset, *days) for dataset, days in asked.items()]
        self.figures.calls_first = self._provider_calls() - before
        _require(self.figures.calls_first > 0, "the first request made no provider call")
        for dataset, days in asked.items():
            self._read(usage_point_id, dataset, *days)
        _done(self.console, f"{self.figures.readings} readings, with {self.figures.calls_first} calls to Enedis")
        before = self._provider_calls()
        for dataset, days in asked.items():
            self._fetch(usage_point_id, dataset, *days)
        self.figures.calls_again = self._provider_calls() - before
        _require(self.figures.calls_again == 0, "the second request made provider calls")
        _done(self.console, "requested again: no call to Enedis")
        self._show_trace(trace_ids[0])

    def _become_a_user(self) -> str:
        created = self._json(self.client.post("/v1/accounts"), 201)
        self.client.headers["Authorization"] = f"Bearer {created['api_key']}"
        self.seen.texts += [created["api_key"], created["api_key"].removeprefix("rlv_")]
        _done(self.console, f"account {created['account']['id']}; its API key is shown once and stored nowhere")
        consent = self._json(self.client.post("/v1/consents"), 201)
        # As in a browser: the gateway's page, then the simulated Enedis's page, then the redirect back.
        page = self._json(self.client.post(consent["authorize_url"]), 200)["provider_url"]
        self._json(self.client.get(f"{page}&auto=approve"), 200)
        point = self._json(self.client.get("/v1/usage-points"), 200)["usage_points"][0]
        usage_point_id = str(point["usage_point_id"])
        self.seen.texts.append(usage_point_id)
        _done(self.console, f"consent given for usage point {usage_point_id}, until {point['consent']['expires_on']}")
        return usage_point_id

    def _fetch(self, usage_point_id: str, dataset: str, start: date, end: date) -> str:
        """Submit a job and wait until it ends; returns its trace id."""
        body = {"usage_point_id": usage_point_id, "dataset": dataset, "start": str(start), "end": str(end)}
        trace_id = os.urandom(16).hex()
        # A client with its own tracing sends such a header; the demo uses it to find the trace.
        headers = {"traceparent": f"00-{trace_id}-{os.urandom(8).hex()}-01"}
        job = self._json(self.client.post("/v1/jobs", json=body, headers=headers), 202)
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as progress:
            bar = progress.add_task(dataset, total=job["progress"]["calls_total"] or 1)
            deadline = time.monotonic() + JOB_SECONDS
            while job["status"] not in ENDED:
                _require(time.monotonic() < deadline, f"the job for {dataset} did not end")
                waiting = self.client.get(job["links"]["self"], headers={"Prefer": "wait=1"})
                job = self._json(waiting, 200)
                progress.update(bar, completed=job["progress"]["calls_done"])
            progress.update(bar, completed=job["progress"]["calls_total"] or 1)
        _require(job["status"] == "succeeded", f"the job for {dataset} ended {job['status']}: {job['error']}")
        return trace_id

    def _read(self, usage_point_id: str, dataset: str, start: date, end: date) -> None:
        answer = self.client.get(
            f"/v1/usage-points/{usage_point_id}/readings/{dataset}", params={"start": str(start), "end": str(end)}
        )
        body = self._json(answer, 200)
        _require(answer.headers["X-Cache-Status"] == "hit", f"{dataset} is not served from the store")
        readings = body["readings"]
        self.figures.readings += len(readings)
        self.seen.series.append([reading["value"] for reading in readings])
        self.seen.answers.append(answer.content)
        unexplained = [gap for gap in body["missing"] if gap["reason"] != "not_published_yet"]
        _require(bool(readings) and not unexplained, f"{dataset} has gaps: {unexplained}")
        if dataset == "daily_consumption":
            self.console.print(month_chart(readings[-CHART_DAYS:], f"  The last {CHART_DAYS} days"))

    def _show_trace(self, trace_id: str) -> None:
        def reaches_provider(spans: Sequence[Span]) -> bool:
            return any(_is_provider_call(span) for span in spans if span.trace_id == trace_id)

        try:
            self.receiver.wait_until(reaches_provider, TRACE_SECONDS)
        except TimeoutError:
            raise DemoFailed("the trace does not reach the provider") from None
        roots = self.receiver.tree(trace_id)
        self.figures.trace_spans = sum(1 for root in roots for _ in root.walk())
        _require(_connected(roots), "the trace is not connected")
        self.console.print(trace_tree(roots))
        _done(self.console, f"one trace of {self.figures.trace_spans} spans, from the request to Enedis")

    def _provider_calls(self) -> int:
        answer = httpx.get(f"{self.gateway.simulator}/control/calls/count", params={"api": "mesure_synchrone_auto"})
        return int(self._json(answer, 200)["count"])

    def _json(self, answer: httpx.Response, status: int) -> Any:
        if answer.status_code != status:
            raise DemoFailed(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
        return answer.json()


def _search_files(console: Console, figures: Figures, seen: Seen, data_dir: Path) -> None:
    secrets = seen.secrets
    # Validates the search itself: it must find the secrets in the API's responses.
    _require(all(count_hits(secrets, answer) > 0 for answer in seen.answers), "the search misses known secrets")
    paths = files_to_search(data_dir)
    names = {path.suffix for path in paths}
    _require({".aof", ".db", ".log"} <= names, f"the files to search are missing: {sorted(names)}")
    figures.plaintext_hits = count_file_hits(secrets, paths)
    _require(figures.plaintext_hits == 0, f"{figures.plaintext_hits} secrets can be read in the files left behind")
    _done(
        console,
        f"searched for {secrets.readings} readings, the usage point and the key in {len(paths)} files of Redis, SQL "
        "and logs: none is readable",
    )


def _is_provider_call(span: Span) -> bool:
    return span.kind == "client" and any("mesure_synchrone" in str(value) for value in span.attributes.values())


def _connected(roots: Sequence[Node]) -> bool:
    """Whether the request is the only root, with the provider calls below it."""
    if len(roots) != 1 or roots[0].span.kind != "server":
        return False
    return any(_is_provider_call(span) for _, span in roots[0].walk())


def _alive(pids: Any) -> list[int]:
    alive = []
    for pid in pids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        alive.append(pid)
    return alive


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DemoFailed(otherwise)


def _done(console: Console, what: str) -> None:
    console.print(f"[green]✓[/] {what}")
