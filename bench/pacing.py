"""The share of Enedis's quota that four worker processes use, and whether they ever exceed it, by the arrival times
that the simulated Enedis logged; and the interactive waiting time while bulk takes every slot it may use.

With only the per-second limit it takes two minutes; with the real limits an hour and a few minutes, so that the first
slots are an hour old at the end. Reads the environment of the gateway's worker: Linux only.
"""

import asyncio
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from bench.household import BenchFailed, Household
from cli.demo.gateway import Gateway, running_gateway
from cli.up.child import COMMAND
from shared.config.settings import load_settings
from shared.core.calendar import DayRange, day_of
from shared.core.datasets import DATASETS, Series
from shared.jobs.models import Lane
from shared.readings.planning import plan_calls, windows_of
from shared.resources import open_resources
from simulator.households import household_of
from simulator.known_points import Profile

PER_SECOND = 5
PER_HOUR = 1000
BULK_PER_HOUR = 850
BURST_SECONDS = 120.0
HOUR_SECONDS = 64 * 60.0
_LATENCY_SECONDS = 0.2
_DATASET = "consumption_load_curve"
_WEEKS = 100
# Published long ago, independent of the time of day.
_SETTLED = timedelta(days=12)
_EXTRA_WORKERS = (Lane.INTERACTIVE, Lane.BULK)
_SETTLE_SECONDS = 3.0
_SETTINGS: Mapping[str, str] = {
    "ENEDIS_PER_SECOND": str(PER_SECOND),
    "SIMULATOR_PER_SECOND": str(PER_SECOND),
    # Stricter than clock hours, which were observed at Enedis.
    "SIMULATOR_HOUR_WINDOW": "sliding",
    "SIMULATOR_LATENCY_SECONDS": str(_LATENCY_SECONDS),
    "SIMULATOR_LOG_SIZE": "100000",
    "RELEVE_REGISTRATIONS_PER_HOUR": "100000",
    "RELEVE_FETCH_QUOTA": "100000",
    "RELEVE_READ_QUOTA": "100000",
}
_WIDE_HOUR = {"ENEDIS_PER_HOUR": "1000000", "SIMULATOR_PER_HOUR": "1000000"}
_REAL_HOUR = {"ENEDIS_PER_HOUR": str(PER_HOUR), "SIMULATOR_PER_HOUR": str(PER_HOUR)}


@dataclass
class Asked:
    """An interactive request of one call: request and response time, epoch seconds; ``None``: timed out."""

    usage_point_id: str
    start: str
    asked: float
    ended: float | None


@dataclass
class Paced:
    """One run: the calls received by the simulated Enedis, and the interactive waiting times."""

    name: str
    seconds: float
    possible: int
    most_in_a_second: int
    most_in_an_hour: int
    allowed_in_an_hour: int
    calls: int
    refused_for_quota: int
    other_failures: int
    waits_before: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    unanswered: int = 0
    load: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether no limit was exceeded."""
        return (
            self.most_in_a_second <= PER_SECOND
            and self.most_in_an_hour <= self.allowed_in_an_hour
            and not self.refused_for_quota
        )

    @property
    def used(self) -> float:
        """The used share of the available slots."""
        return self.calls / self.possible


def measure_pacing(seconds: float | None = None, *, is_hour: bool = False, out: Path | None = None) -> bool:
    """Run, print the table and write it to ``out``; returns whether no limit was exceeded."""
    found = run_pacing(seconds or (HOUR_SECONDS if is_hour else BURST_SECONDS), is_hour=is_hour)
    table = pacing_table(found)
    Console(width=120).print(table)
    if out is not None:
        with out.open("w", encoding="utf-8") as file:
            Console(file=file, width=120).print(table)
    return all(each.kept for each in found)


def run_pacing(seconds: float, *, is_hour: bool) -> list[Paced]:
    """Run with bulk only, then with interactive requests too; or, for more than an hour, with both and all limits."""
    extra = {**_SETTINGS, **(_REAL_HOUR if is_hour else _WIDE_HOUR)}
    # More than can be fetched in that time.
    calls = 2 * BULK_PER_HOUR + 300 if is_hour else int(2.5 * PER_SECOND * seconds)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="releve-pacing-")))
        gateway = stack.enter_context(running_gateway(directory / "data", extra))
        client = stack.enter_context(httpx.Client(base_url=gateway.api, timeout=90))
        environ = _environ_of(gateway.pids["worker-bulk"])
        for lane in _EXTRA_WORKERS:
            stack.enter_context(_worker(environ, lane, directory / f"extra-{lane}.log"))
        end = day_of(datetime.now(UTC)) - _SETTLED
        points = _points(end - timedelta(days=7 * _WEEKS))
        households = [Household(gateway, client, next(points)) for _ in range(-(-calls // _WEEKS))]
        run = _Run(gateway, Household(gateway, client, next(points)), end)
        time.sleep(_SETTLE_SECONDS)
        asyncio.run(_submit_bulk(environ, households, run.end))
        if is_hour:
            return [run.watch("an hour, both lanes", seconds, every=40.0, is_hour=True)]
        return [run.watch("bulk alone", seconds), run.watch("bulk and interactive", seconds, every=2.5)]


class _Run:
    """Observes the run, and sends the interactive requests."""

    def __init__(self, gateway: Gateway, person: Household, end: date) -> None:
        self.end = end
        self._gateway = gateway
        self._person = person
        self._weeks = iter(range(_WEEKS))
        self._seen = 0

    def watch(self, name: str, seconds: float, every: float | None = None, *, is_hour: bool = False) -> Paced:
        """Observe the run for ``seconds``, with an interactive request ``every`` so many seconds."""
        until, asked, asking = time.monotonic() + seconds, list[Asked](), list[threading.Thread]()
        loads = []
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, every or 5.0))
            loads.append(os.getloadavg()[0])
            if every and left > every and (week := next(self._weeks, None)) is not None:
                # Each on its own thread: a long wait must not delay the next request.
                asking.append(threading.Thread(target=self._ask, args=(week, asked)))
                asking[-1].start()
        for each in asking:
            each.join()
        found = self._judge(name, self._calls(), asked, is_hour=is_hour)
        found.load = round(statistics.mean(loads), 2)
        return found

    def _ask(self, week: int, asked: list[Asked]) -> None:
        start = self.end - timedelta(days=7 * (week + 1))
        mine = Asked(self._person.usage_point_id, str(start), time.time(), None)
        asked.append(mine)
        job = self._person.wait_for(self._person.submit(_DATASET, start, start + timedelta(days=7)), 60.0)
        if job["status"] == "succeeded":
            mine.ended = datetime.fromisoformat(job["finished_at"]).timestamp()

    def _calls(self) -> list[dict[str, Any]]:
        """The measure calls since the last check, oldest first."""
        params: dict[str, str | int] = {"api": "mesure_synchrone_auto", "after": self._seen}
        answer = httpx.get(f"{self._gateway.simulator}/control/calls", params=params, timeout=60)
        calls: list[dict[str, Any]] = answer.raise_for_status().json()
        if not calls:
            raise BenchFailed("no calls were made")
        self._seen = calls[-1]["number"]
        return calls

    def _judge(self, name: str, calls: Sequence[Mapping[str, Any]], asked: Sequence[Asked], *, is_hour: bool) -> Paced:
        counted = [call for call in calls if call["status"] not in (401, 429)]
        arrived = [call["monotonic_seconds"] for call in counted]
        seconds = arrived[-1] - arrived[0]
        people = {(each.usage_point_id, each.start): each for each in asked}
        of_people = [each for call in counted if (each := people.get((call["usage_point_id"], call["start"])))]
        # Between the first and the last call there is one interval fewer than calls.
        possible, used = int(seconds * PER_SECOND) + 1, len(counted)
        if is_hour:
            # Bulk may use its share at once, and again when those calls are an hour old.
            possible, used = BULK_PER_HOUR + max(0, int((seconds - 3601) * PER_SECOND)), used - len(of_people)
        return Paced(
            name,
            seconds=round(seconds, 1),
            possible=possible,
            most_in_a_second=_most_within(arrived, 1.0),
            most_in_an_hour=_most_within(arrived, 3600.0),
            allowed_in_an_hour=PER_HOUR if is_hour else 1_000_000,
            calls=used,
            refused_for_quota=sum(call["status"] == 429 for call in calls),
            other_failures=sum(call["status"] not in (None, 200, 429) for call in calls),
            waits_before=[
                call["epoch_seconds"] - each.asked
                for call in counted
                if (each := people.get((call["usage_point_id"], call["start"])))
            ],
            waits=[each.ended - each.asked - _LATENCY_SECONDS for each in asked if each.ended is not None],
            unanswered=sum(each.ended is None for each in asked),
        )


def pacing_table(found: Sequence[Paced]) -> Table:
    """The runs as a table."""
    table = Table("", *(each.name for each in found), title="Slots of Enedis's quota, four worker processes")
    for column in table.columns[1:]:
        column.justify = "right"
    rows: Mapping[str, Sequence[Any]] = {
        "seconds": [each.seconds for each in found],
        "load of the machine": [each.load for each in found],
        "allowed in any second": [PER_SECOND] * len(found),
        "most in any second": [each.most_in_a_second for each in found],
        "allowed in any hour": [each.allowed_in_an_hour for each in found],
        "most in any hour": [each.most_in_an_hour for each in found],
        "answered 429": [each.refused_for_quota for each in found],
        "answered with another error": [each.other_failures for each in found],
        "slots possible": [each.possible for each in found],
        "slots used": [each.calls for each in found],
        "slots used, %": [round(100 * each.used, 2) for each in found],
        "interactive requests": [len(each.waits) + each.unanswered for each in found],
        "of these without a response": [each.unanswered for each in found],
        "from the request to its arrival, s, p50": [_at(each.waits_before, 0.5) for each in found],
        "from the request to its arrival, s, p95": [_at(each.waits_before, 0.95) for each in found],
        "more than the provider's time, s, p50": [_at(each.waits, 0.5) for each in found],
        "more than the provider's time, s, p95": [_at(each.waits, 0.95) for each in found],
    }
    for name, values in rows.items():
        table.add_row(name, *("" if value is None else f"{value:,}" for value in values))
    return table


async def _submit_bulk(environ: Mapping[str, str], households: Sequence[Household], end: date) -> None:
    """Jobs as the nightly refresh creates them, each of a hundred calls."""
    dataset, now = DATASETS[_DATASET], datetime.now(UTC)
    days = DayRange(end - timedelta(days=7 * _WEEKS), end)
    calls = plan_calls(dataset, list(windows_of(dataset, days)))
    async with open_resources(load_settings(environ)) as resources:
        for household in households:
            point = await resources.usage_points.find(household.account_id, household.usage_point_id)
            series = Series(point.account_id, point.id, dataset.name)
            await resources.jobs.create_job(series, days, Lane.BULK, calls, {}, now)
        await resources.job_service.send_next(now)


@contextmanager
def _worker(environ: Mapping[str, str], lane: Lane, log: Path) -> Iterator[None]:
    """One more worker process."""
    with log.open("ab") as output:
        process = subprocess.Popen([*COMMAND, "worker", "--lane", lane], env=environ, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environ_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_text(encoding="utf-8").split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair and not pair.startswith("RELEVE_READY_FD"))


def _points(since: date) -> Iterator[str]:
    """Usage points with a curve from that day on."""
    for number in count(99_000_020_000_000):
        household = household_of(str(number))
        if household.profile is Profile.NIGHT_TARIFF and household.activation <= since:
            yield household.usage_point_id


def _most_within(moments: Sequence[float], seconds: float) -> int:
    """The maximum number within any window of that length."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def _at(values: Sequence[float], share: float) -> float | None:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 3) if values else None
