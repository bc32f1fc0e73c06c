"""Processes killed during a job: the job completes without intervention, with few repeated calls. All processes at
once: nothing is lost or left behind."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from cli.up.guard import is_alive, kill_group
from tests.support.gateways import IMPATIENT, running_stage
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import ONE_DAY, Document, Person, Stage, settled_days

TWO_WEEKS = 14

# The number of calls that a job keeps in the queue: at most that many can be lost with a killed process.
IN_FLIGHT = 4


@pytest.fixture
def stage(everyday_stage: Stage) -> Stage:
    """The gateway with the default settings."""
    return everyday_stage


def run_until(person: Person, job: Document, is_reached: Callable[[Document], bool]) -> None:
    """Wait until the job reaches a state; it must not end before."""
    while not is_reached(job := person.get(job["links"]["self"], headers={"Prefer": "wait=1"})):
        assert job["status"] in ("queued", "running")


def asked_twice(calls: list[Document], start: date, end: date) -> Counter[date]:
    """The days that were requested more than once; every day was requested."""
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
    ended = person.wait_for(job)

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
    # A machine under load may send a call so late that the next second's calls come too close: refused, and repeated.
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


def process_table() -> Iterator[tuple[int, int, int]]:
    """Id, parent and group of every running process."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # It has just ended.
        if state not in "ZX":
            yield int(entry.name), int(parent), int(group)


def family_of(pid: int) -> set[int]:
    """A process and all its descendants."""
    family = {pid}
    while more := {each for each, parent, _ in process_table() if parent in family} - family:
        family |= more
    return family


def wait_until_gone(groups: set[int]) -> None:
    """Poll for the end of every process of these groups, as no event reports it. Remaining processes are killed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := [pid for pid, _, group in process_table() if group in groups]:
        if time.monotonic() > deadline:
            for group in groups:
                kill_group(group)
            pytest.fail(f"still run: {left}")
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the table of processes in /proc")
def test_a_kill_leaves_no_process_and_a_new_start_finds_everything_and_ends_on_sigterm(
    everyday_stage_to_kill: Stage, person: Person, household: str
) -> None:
    stage = everyday_stage_to_kill
    days = settled_days(TWO_WEEKS)
    assert "succeeded" == person.fetch(household, "consumption_load_curve", *days)["status"]
    stored = read_everything(person)
    family = family_of(stage.gateway.process.pid)
    stage.kill()
    # Each child, including the guard, leads its own process group.
    wait_until_gone(family - {stage.gateway.process.pid})

    with running_stage(stage.gateway.data_dir, IMPATIENT) as stage:
        again = Person(stage.client, person.account_id, person.api_key)
        found = read_everything(again)
        job = again.fetch(household, "consumption_load_curve", *days)
        calls = len(stage.enedis.calls(household))
        children = family_of(stage.gateway.process.pid)
        stage.gateway.process.send_signal(signal.SIGTERM)
        status = stage.gateway.process.wait(PATIENCE_SECONDS)

    assert {stage.gateway.process.pid, *stage.gateway.pids.values()} < children
    assert stored == found
    assert ("succeeded", 0, 0) == (job["status"], job["progress"]["calls_total"], calls)
    assert (0, []) == (status, [pid for pid in children if is_alive(pid)])


def read_everything(person: Person) -> bytes:
    """The stored curve of the account's only usage point."""
    (point,) = person.get("/v1/usage-points")["usage_points"]
    answer = person.read(point["usage_point_id"], "consumption_load_curve", *settled_days(TWO_WEEKS))
    days = {reading["start"][:10] for reading in answer.json()["readings"]}
    assert ("hit", TWO_WEEKS) == (answer.headers["X-Cache-Status"], len(days))
    return answer.content
