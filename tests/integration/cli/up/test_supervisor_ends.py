"""The end of a supervisor in a separate process: by a signal, or killed without a chance to clean up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.up.guard import __file__ as guard_program
from tests.support.patience import PATIENCE_SECONDS

if TYPE_CHECKING:
    from tests.integration.cli.conftest import IsRunning, WaitUntilGone

PROGRAM = Path(__file__).parents[1] / "supervised_program.py"
PATIENT = "from cli.up.ready_pipe import announce_ready\nimport signal\nannounce_ready()\nsignal.pause()"
STUBBORN = PATIENT.replace("announce_ready()\n", "signal.signal(signal.SIGTERM, signal.SIG_IGN); announce_ready()\n", 1)
WITH_GRANDCHILD = f"""
import subprocess, sys
grandchild = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(grandchild.pid, flush=True)
{PATIENT}
"""


class Program:
    """A supervisor in a separate process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def await_event(self, kind: str) -> dict[str, Any]:
        """Read events until one of this kind."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == kind:
                return event
        raise AssertionError(f"ended without {kind}")


StartProgram = Callable[..., Program]


@pytest.fixture
def start_program(tmp_path: Path) -> Iterator[StartProgram]:
    started: list[subprocess.Popen[str]] = []

    def start(
        *children: tuple[str, str, int], directory: Path | None = None, stop_seconds: float = PATIENCE_SECONDS
    ) -> Program:
        asked = {
            "logs": str(tmp_path),
            "directory": directory and str(directory),
            "stop_seconds": [stop_seconds],
            "ready_seconds": PATIENCE_SECONDS,
            "children": children,
        }
        process = subprocess.Popen([sys.executable, str(PROGRAM), json.dumps(asked)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return Program(process)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_everything_with_status_0(
    start_program: StartProgram, wait_until_gone: WaitUntilGone, number: signal.Signals
) -> None:
    program = start_program(("one", PATIENT, 0), ("two", PATIENT, 1))
    ready = program.await_event("ready")

    program.process.send_signal(number)

    assert program.await_event("stopping")["reason"] == number.name
    assert program.await_event("stopped")["exit_code"] == 0
    assert program.process.wait(PATIENCE_SECONDS) == 0
    wait_until_gone([*ready["pids"].values(), int(ready["guard"])])


def test_stubborn_child_does_not_hold_up_the_stop(start_program: StartProgram, wait_until_gone: WaitUntilGone) -> None:
    program = start_program(("stubborn", STUBBORN, 0), ("patient", PATIENT, 2), stop_seconds=0.2)
    ready = program.await_event("ready")

    program.process.terminate()

    assert program.process.wait(PATIENCE_SECONDS) == 0
    wait_until_gone([*ready["pids"].values(), int(ready["guard"])])


def test_second_signal_kills_at_once(start_program: StartProgram, wait_until_gone: WaitUntilGone) -> None:
    program = start_program(("stubborn", STUBBORN, 0))
    ready = program.await_event("ready")

    program.process.send_signal(signal.SIGINT)
    program.await_event("stopping")
    program.process.send_signal(signal.SIGINT)
    stopped = program.await_event("stopped")

    assert stopped["exit_code"] == 0
    assert stopped["seconds"] < PATIENCE_SECONDS, "it waited until the child's time was over"
    wait_until_gone(list(ready["pids"].values()))


def test_kill_of_the_supervisor_leaves_no_process_and_no_directory(
    start_program: StartProgram, wait_until_gone: WaitUntilGone, is_running: IsRunning, tmp_path: Path
) -> None:
    directory = tmp_path / "socket"
    directory.mkdir()
    (directory / "valkey.sock").touch()
    program = start_program(
        ("patient", PATIENT, 0), ("stubborn", STUBBORN, 0), ("parent", WITH_GRANDCHILD, 1), directory=directory
    )
    ready = program.await_event("ready")
    grandchild = int((tmp_path / "parent.log").read_text())
    everything = [*ready["pids"].values(), grandchild, int(ready["guard"])]
    assert all(is_running(pid) for pid in everything)

    program.process.kill()

    wait_until_gone(everything)
    assert not directory.exists()


def test_kill_of_the_supervisor_during_the_start_leaves_no_process(
    start_program: StartProgram, wait_until_gone: WaitUntilGone, tmp_path: Path
) -> None:
    program = start_program(
        ("first", PATIENT, 0), ("second", f"import os; print(os.getpid(), flush=True)\n{STUBBORN}", 0)
    )
    first = program.await_event("child_ready")

    program.process.kill()
    program.process.wait()

    pids = [int(line) for line in (tmp_path / "second.log").read_text().split()]
    wait_until_gone([first["pid"], *pids])


def test_kill_of_the_supervisor_by_its_whole_group_leaves_no_process(
    tmp_path: Path, wait_until_gone: WaitUntilGone
) -> None:
    asked = {
        "logs": str(tmp_path),
        "directory": None,
        "stop_seconds": [PATIENCE_SECONDS],
        "ready_seconds": PATIENCE_SECONDS,
        "children": [("one", PATIENT, 0)],
    }
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), json.dumps(asked)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    ready = Program(process).await_event("ready")

    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    wait_until_gone([*ready["pids"].values(), int(ready["guard"])])


def test_gate_does_not_open_for_a_child_whose_supervisor_is_gone(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    ended = subprocess.run(
        [sys.executable, "-I", "-S", guard_program, "gate", "/usr/bin/touch", str(mark)],
        stdin=subprocess.DEVNULL,
        check=False,
    )

    assert ended.returncode == 1
    assert not mark.exists()


def test_gate_opens_when_told_and_leaves_nothing_on_standard_input() -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-S", guard_program, "gate", sys.executable, "-c", "print(repr(input()))"],
        input="gsecret",
        capture_output=True,
        text=True,
        check=False,
    )

    assert "EOFError" in ended.stderr
    assert ended.stdout == ""


def test_guard_leaves_alone_what_it_was_told_has_ended(is_running: IsRunning) -> None:
    """By then another process may have its id."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as other:
        told = f"group {other.pid} 0\nended {other.pid}\n"

        subprocess.run([sys.executable, "-I", "-S", guard_program, "watch"], input=told, text=True, check=True)

        assert is_running(other.pid)
