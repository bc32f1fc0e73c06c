"""What is killed in the middle of a job: the job ends complete by itself, and little is asked twice."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest

from tests.acceptance.stage import ONE_DAY, Document, Person, Stage, settled_days

pytestmark = pytest.mark.timeout(110)

# How many calls a job keeps in the queue: so many can be in the hands of what is killed.
IN_FLIGHT = 4


@pytest.fixture
def stage(everyday_stage: Stage) -> Stage:
    """The gateway with the default settings."""
    return everyday_stage


def run_until(person: Person, job: Document, is_reached: Callable[[Document], bool]) -> None:
    """Let a job go on until then; it must not end before."""
    while not is_reached(job := person.get(job["links"]["self"], headers={"Prefer": "wait=1"})):
        assert job["status"] in ("queued", "running")


def asked_twice(calls: list[Document], start: date, end: date) -> Counter[date]:
    """Which of the days were asked for more than once; every one was asked for."""
    asked: Counter[date] = Counter()
    for call in calls:
        day = date.fromisoformat(call["start"])
        while day < date.fromisoformat(call["end"]):
            asked[day] += 1
            day += ONE_DAY
    assert {start + number * ONE_DAY for number in range((end - start).days)} == set(asked)
    return asked - Counter(set(asked))


def test_a_worker_killed_in_the_middle_of_100_calls_costs_nothing_but_the_calls_that_it_held(
    stage: Stage, person: Person, household: str, record_property: Callable[[str, object], None]
) -> None:
    start, end = settled_days(700)
    job = person.submit(household, "consumption_load_curve", start, end)
    run_until(person, job, lambda each: each["progress"]["calls_done"] >= 40)

    os.kill(stage.gateway.pids["worker-interactive"], signal.SIGKILL)
    ended = person.wait_for(job, seconds=60)

    assert ("succeeded", [], 100, 0) == (
        ended["status"],
        ended["missing"],
        ended["progress"]["calls_done"],
        ended["progress"]["calls_failed"],
    )
    assert "worker-interactive" == stage.told.wait_for("child_restarted", "worker-interactive")["name"]
    readings = person.read(household, "consumption_load_curve", start, end)
    assert 700 == len({reading["start"][:10] for reading in readings.json()["readings"]})
    calls = stage.enedis.calls(household)
    answered = [call for call in calls if call["status"] == 200]
    record_property("calls_made", len(calls))
    assert 100 <= len(answered) <= 100 + IN_FLIGHT
    assert len(asked_twice(answered, start, end)) <= 7 * IN_FLIGHT
    # A machine under load may send a call so late that the next second's come too close: refused, and asked again.
    assert {200, 429} >= {call["status"] for call in calls}


def test_redis_killed_in_the_middle_of_a_job_loses_nothing_of_it(stage: Stage, person: Person, household: str) -> None:
    start, end = settled_days(210)
    job = person.submit(household, "consumption_load_curve", start, end)
    run_until(person, job, lambda each: each["progress"]["calls_done"] >= 8)

    os.kill(stage.gateway.pids["valkey"], signal.SIGKILL)
    stage.told.wait_for("child_restarted", "valkey")
    ended = person.wait_for(job)

    assert ("succeeded", [], 30, 0) == (
        ended["status"],
        ended["missing"],
        ended["progress"]["calls_done"],
        ended["progress"]["calls_failed"],
    )
    readings = person.read(household, "consumption_load_curve", start, end)
    assert "hit" == readings.headers["X-Cache-Status"]
    assert 210 == len({reading["start"][:10] for reading in readings.json()["readings"]})
