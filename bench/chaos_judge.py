"""Evaluates a chaos run: every job, every call, every day, and every call at the provider.

Black-box evaluation: from the API, the simulated Enedis's log, the household's true readings, and the ledger in Redis.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import inf
from typing import Any

from bench.chaos_injections import Injection
from bench.chaos_ledger import JobRecord
from bench.chaos_load import Resident
from bench.household import Document, Household
from bench.truth import Verdict, judge, told_of, true_day
from shared.core.calendar import day_of, days_between
from shared.core.datasets import DATASETS
from shared.jobs.models import Lane

# The maximum duration of a call in addition to the response time, on a machine that is busy restarting a process; and
# the maximum time from the check of stored data to the arrival of the request: the longest wait for a slot, plus
# transfer. Where starting a process takes longer, that time applies instead.
_SLACK_SECONDS = 5.0
_BEGUN_SECONDS = 3.0
# The concurrent calls of a worker.
_THREADS = 8
_UNWANTED_REASONS = frozenset({"not_fetched", "provider_error"})
_RESOURCES = {
    "courbe_de_charge_consommation": "consumption_load_curve",
    "courbe_de_charge_production": "production_load_curve",
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """An admitted call at the provider: time (monotonic), days, and resource."""

    at: float
    usage_point_id: str
    resource: str
    start: date
    end: date

    @classmethod
    def of(cls, call: Document) -> "Arrival":
        """Create it from the simulator's log."""
        start, end = date.fromisoformat(call["start"]), date.fromisoformat(call["end"])
        return cls(call["monotonic_seconds"], call["usage_point_id"], call["path"].rpartition("/")[2], start, end)

    def overlaps(self, other: "Arrival") -> bool:
        """Whether both request a common day."""
        return self.start < other.end and other.start < self.end


@dataclass
class Outcome:
    """One scenario: its injections, its work, and the results."""

    scenario: str
    injections: int = 0
    in_air: int = 0
    jobs: int = 0
    calls_planned: int = 0
    calls_made: int = 0
    repeated: int = 0
    repeats_allowed: int = 0
    repeated_beyond_hand: int = 0
    repeated_for_no_reason: int = 0
    asked_though_stored: int = 0
    asked_again: int = 0
    days: int = 0
    days_lost: int = 0
    days_wrong: int = 0
    stuck: int = 0
    given_up: int = 0
    settled_twice: int = 0
    unsettled: int = 0
    untold: int = 0
    left_over: int = 0
    planned_twice: int = 0
    refused: int = 0
    most_in_a_second: int = 0
    ended_by_themselves: int = 0
    seconds: float = 0.0
    recoveries: dict[str, float] = field(default_factory=dict)
    never_recovered: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def longest_recovery_seconds(self) -> float:
        """The maximum over all injections."""
        return max(self.recoveries.values(), default=0.0)

    @property
    def violations(self) -> dict[str, int]:
        """The counters that must be zero."""
        return {
            "days_lost": self.days_lost,
            "days_wrong": self.days_wrong,
            "jobs_stuck": self.stuck,
            "calls_given_up": self.given_up,
            "calls_settled_twice": self.settled_twice,
            "calls_not_settled": self.unsettled,
            "job_ends_not_told": self.untold,
            "left_over_in_the_ledger": self.left_over,
            "series_refreshed_twice": self.planned_twice,
            "calls_repeated_for_no_reason": self.repeated_for_no_reason,
            "calls_repeated_beyond_what_was_in_hand": self.repeated_beyond_hand,
            "calls_for_stored_days": self.asked_though_stored,
            "calls_when_asked_again": self.asked_again,
            "processes_that_ended_by_themselves": self.ended_by_themselves,
            "calls_in_hand_never_done": self.never_recovered,
        }


def judge_jobs(outcome: Outcome, jobs: Sequence[JobRecord], left_over: int) -> None:
    """Every job has ended, its end was published, and each of its calls was settled exactly once."""
    outcome.jobs = len(jobs)
    outcome.left_over = left_over
    for job in jobs:
        if DATASETS[job.dataset].is_series:
            outcome.calls_planned += job.calls_total
        outcome.stuck += not job.has_ended
        # A job with nothing to fetch ends in the response itself.
        outcome.untold += job.has_ended and job.calls_total > 0 and not job.ends
        outcome.given_up += job.calls_failed
        if job.has_ended:
            outcome.unsettled += max(0, job.calls_total - job.outcomes) + (job.calls_done != job.calls_total)
        outcome.settled_twice += max(0, job.calls_done - job.outcomes) + max(
            0, job.steps - job.calls_total, job.ends - 1
        )


def judge_waves(outcome: Outcome, jobs: Sequence[JobRecord]) -> None:
    """The refresh planned no duplicates."""
    planned = Counter((job.account_id, job.dataset) for job in jobs if job.lane == Lane.BULK)
    outcome.planned_twice = planned.total() - len(planned)


def judge_arrivals(
    outcome: Outcome,
    calls: Sequence[Document],
    injections: Sequence[Injection],
    people: Mapping[str, Resident],
    latency_seconds: float,
    start_seconds: float = 0.0,
) -> None:
    """No day was requested twice, except for calls in flight when their worker or the broker was removed. ``people``:
    by usage point; ``start_seconds``: the time this machine needed to start a process."""
    longest_seconds = latency_seconds + max(_SLACK_SECONDS, start_seconds)
    begun_seconds = max(_BEGUN_SECONDS, start_seconds)
    arrivals = [Arrival.of(call) for call in calls if call["status"] != 429]
    outcome.refused = len(calls) - len(arrivals)
    outcome.calls_made = len(arrivals)
    outcome.most_in_a_second = _most_in_a_second([call["monotonic_seconds"] for call in calls])
    earlier: dict[tuple[str, str], list[Arrival]] = defaultdict(list)
    spoiled: Counter[int] = Counter()
    for arrival in arrivals:
        before = earlier[arrival.usage_point_id, arrival.resource]
        same = [each for each in before if each.overlaps(arrival)]
        before.append(arrival)
        for each in same[-1:]:
            found = _spoiler(each, arrival, people[arrival.usage_point_id].lane, injections, longest_seconds)
            outcome.repeated += 1
            if found is None:
                outcome.repeated_for_no_reason += 1
                outcome.notes.append(f"asked twice: {each} and {arrival}")
            else:
                spoiled[found] += 1
        account_id = people[arrival.usage_point_id].account_id
        outcome.asked_though_stored += _was_stored(arrival, account_id, injections, begun_seconds)
    in_hand = [_THREADS * len(each.lanes) for each in injections]
    outcome.repeats_allowed = sum(in_hand)
    outcome.repeated_beyond_hand = sum(max(0, spoiled[number] - most) for number, most in enumerate(in_hand))


def judge_days(outcome: Outcome, households: Iterable[Household], jobs: Sequence[JobRecord], now: datetime) -> None:
    """Every requested day is stored with the meter's values, or missing for a valid reason."""
    wanted: dict[tuple[str, str], set[date]] = defaultdict(set)
    for job in jobs:
        if DATASETS[job.dataset].is_series:
            wanted[job.account_id, job.dataset].update(days_between(job.start, job.end))
    for household in households:
        for dataset in (name for account_id, name in wanted if account_id == household.account_id):
            _judge_series(outcome, household, dataset, wanted[household.account_id, dataset], now)


def judge_recoveries(outcome: Outcome, injections: Sequence[Injection]) -> None:
    """The calls in progress at each injection completed, and the longest recovery."""
    outcome.injections = len(injections)
    outcome.in_air = sum(each.in_air for each in injections)
    outcome.never_recovered = sum(len(each.waiting) for each in injections)
    for each in injections:
        took = inf if each.recovery_seconds is None else each.recovery_seconds
        outcome.recoveries[each.what] = max(took, outcome.recoveries.get(each.what, 0.0))


def _spoiler(
    first: Arrival, again: Arrival, lane: Lane, injections: Sequence[Injection], longest_seconds: float
) -> int | None:
    """The injection that interrupted the first of two calls, before the second one arrived."""
    return next(
        (
            number
            for number, each in enumerate(injections)
            if lane in each.lanes and each.begun - longest_seconds <= first.at <= each.ended and again.at > each.begun
        ),
        None,
    )


def _was_stored(arrival: Arrival, account_id: str, injections: Sequence[Injection], begun_seconds: float) -> bool:
    """Whether the first or the last day of a call was known before the call started."""
    if arrival.resource not in _RESOURCES:
        return False
    series = account_id, _RESOURCES[arrival.resource]
    edges = {arrival.start, arrival.end - timedelta(days=1)}
    return any(
        not edges.isdisjoint(each.stored.get(series, ()))
        for each in injections
        if each.ended + begun_seconds < arrival.at
    )


def _most_in_a_second(moments: Sequence[float]) -> int:
    """The most arrivals in any second."""
    ordered = sorted(moments)
    return max((index - bisect_left(ordered, at - 1.0) + 1 for index, at in enumerate(ordered)), default=0)


def _judge_series(outcome: Outcome, household: Household, dataset: str, wanted: set[date], now: datetime) -> None:
    document = household.read(dataset, min(wanted), max(wanted) + timedelta(days=1))
    stored: dict[date, dict[datetime, Any]] = defaultdict(dict)
    for reading in document["readings"]:
        start, told = told_of(reading)
        stored[day_of(start)][start] = told
    reasons = dict(_reasons(document))
    for day in sorted(wanted):
        truth = true_day(household.usage_point_id, dataset, day)
        verdict = judge(stored[day], truth, is_missing=day in reasons)
        is_lost = verdict is Verdict.UNEXPLAINED or reasons.get(day) in _UNWANTED_REASONS
        outcome.days += 1
        outcome.days_wrong += verdict is Verdict.WRONG
        outcome.days_lost += is_lost
        if is_lost or verdict is Verdict.WRONG:
            outcome.notes.append(f"{verdict}: {dataset} of {day}, {reasons.get(day)}")


def _reasons(document: Mapping[str, Any]) -> Iterator[tuple[date, str]]:
    for gap in document["missing"]:
        for day in days_between(date.fromisoformat(gap["start"]), date.fromisoformat(gap["end"])):
            yield day, gap["reason"]
