"""The verdict of a chaos run: each violated guarantee is detected."""

from dataclasses import replace
from datetime import date
from math import inf
from typing import Any

from bench.chaos_injections import Injection
from bench.chaos_judge import Outcome, judge_arrivals, judge_jobs, judge_recoveries, judge_waves
from bench.chaos_ledger import JobRecord
from bench.chaos_load import Resident
from shared.jobs.models import Lane
from tests.support.cases import case

POINT, ACCOUNT, CURVE = "99000000000011", "acc_1", "consumption_load_curve"
PEOPLE = {POINT: Resident(ACCOUNT, Lane.BULK)}
DONE = JobRecord(
    "job_1",
    ACCOUNT,
    CURVE,
    date(2026, 3, 1),
    date(2026, 3, 15),
    Lane.BULK,
    "succeeded",
    calls_total=2,
    calls_done=2,
    calls_failed=0,
    outcomes=2,
    steps=2,
    ends=1,
)
KILLED = Injection("worker-bulk SIGKILL", frozenset({Lane.BULK}), begun=10.5, ended=10.6, recovered=20.0)


def call(at: float, first: int = 1, last: int = 8, status: int = 200) -> dict[str, Any]:
    """A call for days of March, as in the simulator's log."""
    return {
        "monotonic_seconds": at,
        "usage_point_id": POINT,
        "path": "/mesure_synchrone_auto/v2/courbe_de_charge_consommation",
        "start": f"2026-03-{first:02}",
        "end": f"2026-03-{last:02}",
        "status": status,
    }


def broken(outcome: Outcome) -> dict[str, int]:
    """The violated guarantees."""
    return {name: count for name, count in outcome.violations.items() if count}


def of_arrivals(calls: list[dict[str, Any]], *injections: Injection) -> Outcome:
    """The verdict on calls that each took a second."""
    outcome = Outcome("some")
    judge_arrivals(outcome, calls, injections, PEOPLE, latency_seconds=1.0)
    return outcome


def test_a_job_of_which_each_call_was_settled_once_breaks_no_promise() -> None:
    outcome = Outcome("some")

    judge_jobs(outcome, [DONE, replace(DONE, id="job_2")], left_over=0)

    assert {} == broken(outcome)
    assert (2, 4) == (outcome.jobs, outcome.calls_planned)


def test_a_job_that_is_not_as_it_was_promised_shows() -> None:
    cases: list[tuple[JobRecord, str]] = [
        (replace(DONE, status="running", calls_done=1, outcomes=1, ends=0, steps=1), "jobs_stuck"),
        (replace(DONE, calls_done=3), "calls_settled_twice"),
        (replace(DONE, ends=2), "calls_settled_twice"),
        (replace(DONE, steps=3), "calls_settled_twice"),
        (replace(DONE, ends=0, steps=1), "job_ends_not_told"),
        (replace(DONE, outcomes=1, calls_done=1), "calls_not_settled"),
        (replace(DONE, calls_failed=1, status="partial"), "calls_given_up"),
    ]

    for job, promise in cases:
        with case(job, promise):
            outcome = Outcome("some")

            judge_jobs(outcome, [DONE, job], left_over=0)

            assert promise in broken(outcome)


def test_what_is_left_of_calls_when_all_have_ended_shows() -> None:
    outcome = Outcome("some")

    judge_jobs(outcome, [DONE], left_over=1)

    assert {"left_over_in_the_ledger": 1} == broken(outcome)


def test_a_series_that_was_planned_twice_by_the_refresh_shows() -> None:
    outcome = Outcome("some")

    judge_waves(outcome, [DONE, replace(DONE, id="job_2"), replace(DONE, id="job_3", lane=Lane.INTERACTIVE)])

    assert {"series_refreshed_twice": 1} == broken(outcome)


def test_days_that_were_asked_for_once_or_again_after_a_refusal_break_no_promise() -> None:
    outcome = of_arrivals([call(1.0), call(1.1, 8, 15), call(2.0, 15, 22, status=429), call(3.0, 15, 22)])

    assert {} == broken(outcome)
    assert (3, 0, 1) == (outcome.calls_made, outcome.repeated, outcome.refused)


def test_what_was_in_the_air_when_its_worker_was_killed_may_be_asked_for_again() -> None:
    outcome = of_arrivals([call(10.0), call(25.0)], KILLED)

    assert {} == broken(outcome)
    assert (1, 8) == (outcome.repeated, outcome.repeats_allowed)


def test_what_was_asked_for_again_without_a_reason_shows() -> None:
    cases: list[tuple[float, float, Injection | None]] = [
        # Nothing had happened.
        (10.0, 25.0, None),
        # The call had ended long before, or came after it.
        (2.0, 25.0, KILLED),
        (11.0, 25.0, KILLED),
        # The worker was another lane's.
        (10.0, 25.0, replace(KILLED, lanes=frozenset({Lane.INTERACTIVE}))),
        # The call was repeated before.
        (10.0, 10.2, KILLED),
    ]

    for first, again, injection in cases:
        with case(first, again, injection):
            outcome = of_arrivals([call(first), call(again)], *filter(None, [injection]))

            assert {"calls_repeated_for_no_reason": 1} == broken(outcome)


def test_more_repetitions_than_a_worker_has_calls_in_hand_show() -> None:
    firsts = [call(10.0, day, day + 1) for day in range(1, 11)]

    outcome = of_arrivals([*firsts, *(call(25.0, day, day + 1) for day in range(1, 11))], KILLED)

    assert {"calls_repeated_beyond_what_was_in_hand": 2} == broken(outcome)


def test_a_call_whose_first_or_last_day_was_stored_before_shows() -> None:
    cases: list[tuple[int, Any]] = [(1, True), (7, True), (4, False), (8, False)]

    for day, is_broken in cases:
        with case(day, is_broken):
            stored = {(ACCOUNT, CURVE): frozenset({date(2026, 3, day)})}

            outcome = of_arrivals([call(25.0)], replace(KILLED, stored=stored))

            assert is_broken == ("calls_for_stored_days" in broken(outcome))


def test_of_all_recoveries_the_longest_counts() -> None:
    outcome = Outcome("some")

    judge_recoveries(outcome, [KILLED, replace(KILLED, ended=5.0), replace(KILLED, what="else", ended=19.0)])

    assert {KILLED.what: 15.0, "else": 1.0} == outcome.recoveries
    assert (15.0, {}) == (outcome.longest_recovery_seconds, broken(outcome))


def test_a_call_in_hand_that_is_never_done_shows() -> None:
    outcome = Outcome("some")

    judge_recoveries(outcome, [KILLED, replace(KILLED, recovered=None, waiting=[("job_1", 0)])])

    assert (inf, {"calls_in_hand_never_done": 1}) == (outcome.longest_recovery_seconds, broken(outcome))
