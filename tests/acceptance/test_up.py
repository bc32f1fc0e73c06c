"""`releve up` on one machine: what it refuses, how it ends, and that nothing is lost or left behind."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cli.demo.gateway import FOREIGN_PREFIXES, GatewayFailed
from cli.guard import is_alive, kill_group
from cli.processes import COMMAND
from tests.acceptance.conftest import running_stage
from tests.acceptance.stage import Person, Stage, settled_days

pytestmark = [
    pytest.mark.timeout(110),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the table of processes in /proc"),
]

STOP_SECONDS = 15.0


def process_table() -> Iterator[tuple[int, int, int]]:
    """Number, parent and group of every process that runs."""
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
    """A process, those it started, and those that they started."""
    family = {pid}
    while more := {each for each, parent, _ in process_table() if parent in family} - family:
        family |= more
    return family


def wait_until_gone(groups: set[int]) -> None:
    """Wait for the end of every process of these groups; nothing announces it. Those that stay are killed."""
    deadline = time.monotonic() + STOP_SECONDS
    while left := [pid for pid, _, group in process_table() if group in groups]:
        if time.monotonic() > deadline:
            for group in groups:
                kill_group(group)
            pytest.fail(f"still run: {left}")
        time.sleep(0.02)


def run_up(data_dir: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """`releve up` as people start it, when it is expected to end by itself."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
    argv: Sequence[str] = [*COMMAND, "up", "--data-dir", str(data_dir), *options]
    return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def running_until_killed(data_dir: Path) -> Iterator[Stage]:
    """A gateway that does not end by itself."""
    with pytest.raises(GatewayFailed, match="status -9"), running_stage(data_dir, {}) as stage:
        yield stage


def test_a_port_in_use_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        ended = run_up(tmp_path / "data", "--port", port, "--flower-port", "0", "--simulator-port", "0")

    assert 1 == ended.returncode
    assert f"port {port}" in ended.stdout
    assert "--port" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert [] == list((tmp_path / "data" / "logs").iterdir())


def test_a_second_one_on_the_same_data_directory_is_refused_and_harms_nothing(stage: Stage) -> None:
    ended = run_up(stage.gateway.data_dir, "--port", "0", "--flower-port", "0", "--simulator-port", "0")

    assert 1 == ended.returncode
    assert f"process {stage.gateway.process.pid}" in ended.stdout
    assert "--data-dir" in ended.stdout
    assert {"status": "ready"} == httpx.get(f"{stage.gateway.api}/health/ready").json()


def test_a_kill_leaves_no_process_and_a_new_start_finds_everything_and_ends_on_sigterm(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running_until_killed(data_dir) as stage:
        person, stored = fill(stage)
        family = family_of(stage.gateway.process.pid)
        os.kill(stage.gateway.process.pid, signal.SIGKILL)
        # Each child, the guard too, leads a group of its own.
        wait_until_gone(family - {stage.gateway.process.pid})

    with running_stage(data_dir, {}) as stage:
        again = Person(stage.client, person.account_id, person.api_key)
        found = read_everything(again)
        start, end = settled_days(14)
        (point,) = again.get("/v1/usage-points")["usage_points"]
        job = again.fetch(point["usage_point_id"], "consumption_load_curve", start, end)
        calls = stage.enedis.count()
        children = family_of(stage.gateway.process.pid)
        stage.gateway.process.send_signal(signal.SIGTERM)
        status = stage.gateway.process.wait(STOP_SECONDS)

    assert {stage.gateway.process.pid, *stage.gateway.pids.values()} < children
    assert stored == found
    assert ("succeeded", 0, 0) == (job["status"], job["progress"]["calls_total"], calls)
    assert (0, []) == (status, [pid for pid in children if is_alive(pid)])


def fill(stage: Stage) -> tuple[Person, bytes]:
    """Somebody with two weeks of curve; and what they read."""
    person, usage_point_id = stage.new_person(), stage.new_household()
    person.give_consent(usage_point_id)
    assert "succeeded" == person.fetch(usage_point_id, "consumption_load_curve", *settled_days(14))["status"]
    return person, read_everything(person)


def read_everything(person: Person) -> bytes:
    """What is stored of the curve of the one usage point that there is."""
    (point,) = person.get("/v1/usage-points")["usage_points"]
    answer = person.read(point["usage_point_id"], "consumption_load_curve", *settled_days(14))
    days = {reading["start"][:10] for reading in answer.json()["readings"]}
    assert ("hit", 14) == (answer.headers["X-Cache-Status"], len(days))
    return answer.content
