"""A gateway against an Enedis at which everything goes wrong: what becomes of each day that was asked for.

Groups of households, each befallen by some of the faults that the simulator knows, each fault meeting one call in
twenty; and a group that is spared, which must not suffer with the others. They ask as a client does, again where that
is worth it, and then every day must be stored as the meter has it, or be missing with a reason. Looks from the outside
only: the API, the simulator's counters, the logs, the ledger.
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

# Wide limits on both sides; so few attempts that the long pauses between two of them (60 and 300 s) are never made; and
# many calls in flight, most of which are pausing.
SETTINGS: Mapping[str, str] = {
    "ENEDIS_PER_SECOND": "100",
    "ENEDIS_PER_HOUR": "100000",
    "ENEDIS_PER_HOUR_V5": "100000",
    "ENEDIS_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
    # Half of all calls go wrong, and all the same Enedis is not down.
    "ENEDIS_FAILURES_BEFORE_PAUSE": "1000000",
    "RELEVE_CALL_ATTEMPTS": "3",
    "RELEVE_CALLS_IN_FLIGHT": "30",
    # All the households come from one address.
    "RELEVE_REGISTRATIONS_PER_HOUR": "100000",
    "RELEVE_CONSENT_RETURNS_PER_HOUR": "100000",
    "RELEVE_SWEEP_SECONDS": "0.5",
    "SIMULATOR_PER_SECOND": "1000",
    "SIMULATOR_PER_HOUR": "1000000",
    "SIMULATOR_PER_HOUR_V5": "1000000",
}
GENERATIONS: Mapping[str, Mapping[str, str]] = {
    "2026": {"ENEDIS_API": "2026"},
    # Whose consent page is v1's gets the simulator's v1.
    "v5": {"ENEDIS_API": "v5", "ENEDIS_AUTHORIZE_URL": "https://enedis.invalid/dataconnect/v1/oauth2/authorize"},
}
# Five curves a group, so many days each: more than two thousand point-days of curve, both changes of the clock in them.
DAYS = 420
# From so many days back on nothing is published late any more.
_SETTLED = timedelta(days=12)
_ROUNDS = 3
_JOB_SECONDS = 900.0
_ANSWER_SECONDS = 240.0
_TOKEN_SECONDS = 2.0
_CONSUMED = ("consumption_load_curve", "daily_consumption", "daily_consumption_max_power", "consumption_index")
_PRODUCED = ("production_load_curve", "daily_production", "production_index")
_PROCESSES = ("api", "worker-interactive", "worker-bulk", "beat")
_UNHANDLED = ("Traceback", "Task exception was never retrieved", '"level": "critical"')
# Every odd character that has a usage point of its own, most telling first.
_TELLING = ("110", "022", "121", "077", "088", "044", "066", "011", "132")


@dataclass
class Group:
    """Some faults (none: it is spared), the households that they befall, and what became of the days asked for."""

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
        """How many days of all groups ended so."""
        return sum(group.verdicts[verdict] for group in self.groups)

    @property
    def worth_asking_later(self) -> int:
        """Missing days that the gateway will ask for again, or would if somebody did, but not now."""
        return sum(group.worth_asking_later for group in self.groups)

    @property
    def never_met(self) -> list[str]:
        """The faults that befell no call: of them the run says nothing."""
        return [fault.name for group in self.groups for fault in group.faults if not group.hits[fault.name]]

    @property
    def violations(self) -> dict[str, int]:
        """What must be zero."""
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
    """Start a gateway for ``generation``, befall it with every fault, and judge every day.

    ``days``: how many each household asks for of each dataset. ``extra``: settings. ``without``: faults left out.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="releve-faults-") as directory:
        data_dir = Path(directory) / "data"
        settings = {**SETTINGS, **GENERATIONS[generation], **(extra or {})}
        with running_gateway(data_dir, settings) as gateway:
            outcome = befall(gateway, generation, days, without)
        # Also what they logged while they ended.
        outcome.unhandled = unhandled(data_dir / "logs")
    outcome.seconds = round(time.monotonic() - begun, 1)
    return outcome


def befall(gateway: Gateway, generation: str, days: int, without: Collection[str] = ()) -> Outcome:
    """The same to a ``gateway`` that runs with `SETTINGS` and asks an Enedis of that ``generation``, and has nothing
    to do; Enedis is as it was in the end."""
    with httpx.Client(base_url=gateway.api, timeout=_ANSWER_SECONDS, limits=UNPOOLED) as client:
        outcome = _Run(gateway, client, generation, days).outcome(without)
    outcome.unhandled = unhandled(gateway.data_dir / "logs")
    return outcome


class _Run:
    """One run: who asks for what, until nothing more is to be had."""

    def __init__(self, gateway: Gateway, client: httpx.Client, generation: str, days: int) -> None:
        self._gateway = gateway
        self._control = httpx.Client(base_url=gateway.simulator + "/control", timeout=_ANSWER_SECONDS, limits=UNPOOLED)
        self._client = client
        self._generation = generation
        self._end = day_of(datetime.now(UTC)) - _SETTLED
        self._start = self._end - timedelta(days=days)

    def outcome(self, without: Collection[str]) -> Outcome:
        """Cast the households, befall them, let them ask, and judge what they got."""
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
        """Let a used-up hour end at once: the simulated Enedis names the end of its own hour, which has just been."""
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
        """Submit what is worth asking for, and wait; every token is lost meanwhile, as when Enedis changes its key."""
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
            # Not with every job that has ended already: no call would find a token that lives until it arrives.
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
        # Days that nobody asked for.
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
        """How many measures the simulated Enedis was asked for."""
        if usage_point_id:
            answer = self._control.get("/calls/count", params={"usage_point_id": usage_point_id})
            return int(answer.raise_for_status().json()["count"])
        totals: Mapping[str, int] = self._control.get("/calls/count").raise_for_status().json()["totals"]
        return sum(number for api, number in totals.items() if api.startswith(("mesure_synchrone", "metering_data")))


def _cast(groups: int) -> Iterator[list[str]]:
    """Four usage points for each group: somebody with panels, somebody with gaps, and two of the odd ones."""
    solar, gaps, night = (_drawn(profile) for profile in (Profile.SOLAR, Profile.GAPS, Profile.NIGHT_TARIFF))
    telling = iter([f"99000000000{each}" for each in _TELLING])
    for _ in range(groups):
        yield [next(solar), next(gaps), next(telling, None) or next(night), next(telling, None) or next(night)]


def _drawn(profile: Profile) -> Iterator[str]:
    numbers = (str(number) for number in count(99_000_010_000_000))
    return (each for each in numbers if household_of(each).profile is profile)


def unhandled(logs: Path) -> list[str]:
    """Lines of the logs that tell of something that nobody had thought of."""
    return [
        line
        for name in _PROCESSES
        for path in sorted(logs.glob(f"{name}.log*"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if any(telling in line for telling in _UNHANDLED)
    ]
