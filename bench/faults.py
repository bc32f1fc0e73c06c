"""A gateway against a failing Enedis: the outcome of each requested day.

Groups of households, each with some of the simulator's faults, each fault hitting one call in twenty; and a control
group without faults, which must not be affected. They send requests like a client, with retries where useful; then
every day must be stored with the meter's values, or be missing with a reason. Black-box: uses only the API, the
simulator's counters, the logs, the ledger.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from bench.fault_orders import TIMEOUT_SECONDS, FaultOrder, all_faults, in_groups, rate_of
from bench.household import ENDED, UNPOOLED, Household
from bench.truth import Verdict, judge, told_of, true_day
from cli.demo.gateway import Gateway, running_gateway
from cli.up.embedded_valkey import place_socket
from shared.core.calendar import day_of, days_between
from simulator.households import household_of
from simulator.known_points import Profile

# Wide limits on both sides; few enough attempts to avoid the long pauses between them (60 and 300 s); and many calls in
# flight, most of which are pausing.
SETTINGS: Mapping[str, str] = {
    "ENEDIS_PER_SECOND": "100",
    "ENEDIS_PER_HOUR": "100000",
    "ENEDIS_PER_HOUR_V5": "100000",
    "ENEDIS_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
    # Half of all calls fail, although Enedis is not down.
    "ENEDIS_FAILURES_BEFORE_PAUSE": "1000000",
    "RELEVE_CALL_ATTEMPTS": "3",
    "RELEVE_CALLS_IN_FLIGHT": "30",
    # All households come from one address.
    "RELEVE_REGISTRATIONS_PER_HOUR": "100000",
    "RELEVE_CONSENT_RETURNS_PER_HOUR": "100000",
    "RELEVE_SWEEP_SECONDS": "0.5",
    "SIMULATOR_PER_SECOND": "1000",
    "SIMULATOR_PER_HOUR": "1000000",
    "SIMULATOR_PER_HOUR_V5": "1000000",
}
GENERATIONS: Mapping[str, Mapping[str, str]] = {
    "2026": {"ENEDIS_API": "2026"},
    # A consent page configured as v1 uses the simulator's v1.
    "v5": {"ENEDIS_API": "v5", "ENEDIS_AUTHORIZE_URL": "https://enedis.invalid/dataconnect/v1/oauth2/authorize"},
}
# Five curves per group with this many days each: more than two thousand point-days of curve, including both clock
# changes.
DAYS = 420
# Days this old are no longer affected by late publication.
_SETTLED = timedelta(days=12)
_ROUNDS = 3
_JOB_SECONDS = 900.0
_ANSWER_SECONDS = 240.0
_TOKEN_SECONDS = 2.0
_CONSUMED = ("consumption_load_curve", "daily_consumption", "daily_consumption_max_power", "consumption_index")
_PRODUCED = ("production_load_curve", "daily_production", "production_index")
_PROCESSES = ("api", "worker-interactive", "worker-bulk", "beat")
_UNHANDLED = ("Traceback", "Task exception was never retrieved", '"level": "critical"')
# Every special character with its own usage point, most significant first.
_TELLING = ("110", "022", "121", "077", "088", "044", "066", "011", "132")


@dataclass
class Group:
    """Some faults (none: the control group), their households, and the outcome of the requested days."""

    faults: Sequence[FaultOrder]
    households: list[Household] = field(default_factory=list)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    worth_asking_later: int = 0
    spared_but_missing: int = 0
    curve_days: int = 0
    calls: int = 0
    hits: Counter[str] = field(default_factory=Counter)


@dataclass
class Outcome:
    """A whole run with one generation."""

    generation: str
    groups: list[Group]
    seconds: float = 0.0
    calls: int = 0
    calls_again: int = 0
    not_ended: int = 0
    leases: int = 0
    unhandled: list[str] = field(default_factory=list)

    def count(self, verdict: Verdict) -> int:
        """The number of days of all groups with this verdict."""
        return sum(group.verdicts[verdict] for group in self.groups)

    @property
    def worth_asking_later(self) -> int:
        """Missing days that the gateway will request again, or would on request, but not now."""
        return sum(group.worth_asking_later for group in self.groups)

    @property
    def never_met(self) -> list[str]:
        """The faults that hit no call: the run proves nothing about them."""
        return [fault.name for group in self.groups for fault in group.faults if not group.hits[fault.name]]

    @property
    def violations(self) -> dict[str, int]:
        """The counters that must be zero."""
        return {
            "days_wrong": self.count(Verdict.WRONG),
            "days_unexplained": self.count(Verdict.UNEXPLAINED),
            "days_missing_without_a_fault": sum(group.spared_but_missing for group in self.groups),
            "unhandled_exceptions": len(self.unhandled),
            "jobs_not_ended": self.not_ended,
            "calls_left_in_the_ledger": self.leases,
        }


def run_faults(
    generation: str, days: int = DAYS, extra: Mapping[str, str] | None = None, without: Collection[str] = ()
) -> Outcome:
    """Start a gateway for ``generation``, inject every fault, and evaluate every day.

    ``days``: requested days per household and dataset. ``extra``: settings. ``without``: omitted faults.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="releve-faults-") as directory:
        data_dir = Path(directory) / "data"
        settings = {**SETTINGS, **GENERATIONS[generation], **(extra or {})}
        with running_gateway(data_dir, settings) as gateway:
            outcome = befall(gateway, generation, days, without)
        # Includes what they logged while stopping.
        outcome.unhandled = unhandled(data_dir / "logs")
    outcome.seconds = round(time.monotonic() - begun, 1)
    return outcome


def befall(gateway: Gateway, generation: str, days: int, without: Collection[str] = ()) -> Outcome:
    """The same on an idle ``gateway`` that runs with `SETTINGS` and calls an Enedis of that ``generation``; restores
    Enedis's state at the end."""
    with httpx.Client(base_url=gateway.api, timeout=_ANSWER_SECONDS, limits=UNPOOLED) as client:
        outcome = _Run(gateway, client, generation, days).outcome(without)
    outcome.unhandled = unhandled(gateway.data_dir / "logs")
    return outcome


class _Run:
    """One run: households and their requests, until no more data is available."""

    def __init__(self, gateway: Gateway, client: httpx.Client, generation: str, days: int) -> None:
        self._gateway = gateway
        self._control = httpx.Client(base_url=gateway.simulator + "/control", timeout=_ANSWER_SECONDS, limits=UNPOOLED)
        self._client = client
        self._generation = generation
        self._end = day_of(datetime.now(UTC)) - _SETTLED
        self._start = self._end - timedelta(days=days)

    def outcome(self, without: Collection[str]) -> Outcome:
        """Create the households, inject the faults, send the requests, and evaluate the results."""
        with self._control:
            known_codes = self._control.get("/faults/codes").raise_for_status().json()
            faults = [fault for fault in all_faults(known_codes, self._generation) if fault.name not in without]
            groups = [*(Group(each) for each in in_groups(faults)), Group(())]
            for group, usage_point_ids in zip(groups, _cast(len(groups)), strict=True):
                group.households = [Household(self._gateway, self._client, each) for each in usage_point_ids]
            self._set_the_clock_back()
            for group in groups:
                self._befall(group)
            found = Outcome(self._generation, groups)
            for number in range(_ROUNDS):
                before = self._calls()
                jobs = self._ask(groups)
                found.not_ended += sum(job["status"] not in ENDED for job in jobs)
                found.calls_again += self._calls() - before if number else 0
                if not jobs:
                    break
            found.calls = self._calls()
            with Redis.from_url(place_socket(self._gateway.data_dir / "valkey").redis_url) as redis:
                found.leases = redis.zcard("leases")
            for group in groups:
                self._judge(group)
            self._count_hits(groups)
            self._control.delete("/faults").raise_for_status()
            self._control.post("/clock", json={"now": None}).raise_for_status()
            return found

    def _set_the_clock_back(self) -> None:
        """End an exhausted hour at once: the simulated Enedis states the end of its own hour, which has just passed."""
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        order = {"now": (hour - timedelta(seconds=1)).isoformat(), "frozen": True}
        self._control.post("/clock", json=order).raise_for_status()

    def _befall(self, group: Group) -> None:
        for household in group.households:
            for place, fault in enumerate(group.faults):
                if fault.once and household is not group.households[0]:
                    continue
                order = {
                    **fault.order,
                    "description": fault.name,
                    "usage_point_id": household.usage_point_id,
                    "count": 1 if fault.once else None,
                    "rate": rate_of(place),
                }
                self._control.post("/faults", json=order).raise_for_status()

    def _ask(self, groups: Sequence[Group]) -> list[dict[str, Any]]:
        """Submit the useful requests, and wait; meanwhile all tokens are invalidated, as when Enedis changes its
        key."""
        jobs = [
            (household, household.submit(dataset, self._start, self._end))
            for group in groups
            for household in group.households
            for dataset in self._datasets(household)
            if self._is_worth_asking(household, dataset)
        ]
        ended = []
        deadline = time.monotonic() + _JOB_SECONDS
        lost_at = -_TOKEN_SECONDS
        for household, job in jobs:
            # Not after every ended job: no call would keep a valid token until it arrives.
            if time.monotonic() - lost_at > _TOKEN_SECONDS:
                lost_at = time.monotonic()
                self._control.delete("/tokens").raise_for_status()
            ended.append(household.wait_for(job, max(1.0, deadline - time.monotonic())))
        return ended

    def _is_worth_asking(self, household: Household, dataset: str) -> bool:
        missing = household.read(dataset, self._start, self._end)["missing"]
        now = datetime.now(UTC)
        return any(
            gap["retryable"] and (not gap["ask_again_at"] or datetime.fromisoformat(gap["ask_again_at"]) <= now)
            for gap in missing
        )

    def _datasets(self, household: Household) -> Iterator[str]:
        who = household_of(household.usage_point_id)
        for dataset in (*(_CONSUMED if who.consumes else ()), *(_PRODUCED if who.produces else ())):
            if self._generation == "2026" or not dataset.endswith("_index"):
                yield dataset

    def _judge(self, group: Group) -> None:
        for household in group.households:
            for dataset in self._datasets(household):
                document = household.read(dataset, self._start, self._end)
                self._judge_series(group, household.usage_point_id, dataset, document)

    def _judge_series(self, group: Group, usage_point_id: str, dataset: str, document: Mapping[str, Any]) -> None:
        stored: dict[date, dict[datetime, Any]] = {}
        for reading in document["readings"]:
            start, told = told_of(reading)
            stored.setdefault(day_of(start), {})[start] = told
        missing = {
            day: gap
            for gap in document["missing"]
            for day in days_between(date.fromisoformat(gap["start"]), date.fromisoformat(gap["end"]))
        }
        for day in days_between(self._start, self._end):
            truth = true_day(usage_point_id, dataset, day)
            group.verdicts[judge(stored.pop(day, {}), truth, is_missing=day in missing)] += 1
            group.curve_days += dataset.endswith("_load_curve")
            if day in missing:
                group.reasons[missing[day]["reason"]] += 1
                group.worth_asking_later += missing[day]["retryable"]
                group.spared_but_missing += truth.is_whole and not group.faults
        # Days that were not requested.
        group.verdicts[Verdict.WRONG] += len(stored)

    def _count_hits(self, groups: Sequence[Group]) -> None:
        armed = self._control.get("/faults").raise_for_status().json()
        for group in groups:
            usage_point_ids = [household.usage_point_id for household in group.households]
            group.calls = sum(self._calls(each) for each in usage_point_ids)
            for fault in armed:
                if fault["usage_point_id"] in usage_point_ids:
                    group.hits[fault["description"]] += fault["hits"]

    def _calls(self, usage_point_id: str | None = None) -> int:
        """The number of measure calls to the simulated Enedis."""
        if usage_point_id:
            answer = self._control.get("/calls/count", params={"usage_point_id": usage_point_id})
            return int(answer.raise_for_status().json()["count"])
        totals: Mapping[str, int] = self._control.get("/calls/count").raise_for_status().json()["totals"]
        return sum(number for api, number in totals.items() if api.startswith(("mesure_synchrone", "metering_data")))


def _cast(groups: int) -> Iterator[list[str]]:
    """Four usage points per group: one with panels, one with gaps, and two special ones."""
    solar, gaps, night = (_drawn(profile) for profile in (Profile.SOLAR, Profile.GAPS, Profile.NIGHT_TARIFF))
    telling = iter([f"99000000000{each}" for each in _TELLING])
    for _ in range(groups):
        yield [next(solar), next(gaps), next(telling, None) or next(night), next(telling, None) or next(night)]


def _drawn(profile: Profile) -> Iterator[str]:
    numbers = (str(number) for number in count(99_000_010_000_000))
    return (each for each in numbers if household_of(each).profile is profile)


def unhandled(logs: Path) -> list[str]:
    """Log lines that indicate unhandled errors."""
    return [
        line
        for name in _PROCESSES
        for path in sorted(logs.glob(f"{name}.log*"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if any(telling in line for telling in _UNHANDLED)
    ]
