"""The supervisor over real processes: start order, readiness, deaths, restarts."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.up.child import AcceptsTcp, AnswersHttp, Child, Finishes
from cli.up.events import (
    ChildExited,
    ChildReady,
    ChildRestarted,
    Failed,
    Ready,
)
from cli.up.supervisor import Limits
from tests.integration.cli.conftest import PATIENT, Supervised

if TYPE_CHECKING:
    from tests.integration.cli.conftest import IsRunning, MakeChild, Supervise, WaitUntilGone

pytestmark = pytest.mark.anyio


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_child_starts_only_after_those_it_needs_are_ready(
    supervise: Supervise, make_child: MakeChild, tmp_path: Path
) -> None:
    mark = tmp_path / "first-is-ready"
    # A started child has a log.
    look = f"assert not os.path.exists({str(tmp_path / 'second.log')!r})"
    first = make_child("first", f"{look}; open({str(mark)!r}, 'w'); announce_ready(); pause()")
    second = make_child("second", f"os.stat({str(mark)!r}); announce_ready(); pause()", after=("first",))

    async with supervise([second, first]) as supervised:
        await supervised.told.wait_for(Ready)

    assert [event.name for event in supervised.told.of(ChildReady)] == ["first", "second"]


async def test_ready_is_told_once_with_the_pids_of_the_running_children(
    supervise: Supervise, make_child: MakeChild, is_running: IsRunning
) -> None:
    step = make_child("step", "", ready=Finishes())
    one, two = make_child("one", after=("step",)), make_child("two", after=("step",))

    async with supervise([step, one, two]) as supervised:
        ready = await supervised.told.wait_for(Ready)
        alive = {name: is_running(pid) for name, pid in ready.pids.items()}

    assert alive == {"one": True, "two": True}
    assert len(supervised.told.of(Ready)) == 1


async def test_http_child_is_ready_once_it_answers_200(supervise: Supervise, make_child: MakeChild) -> None:
    port = free_port()
    script = f"""
from http.server import *
answers = iter([503, 503, 200])
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, flush=True)  # First: the test reads this as soon as it is answered.
        self.send_response(next(answers)); self.end_headers()
HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""
    child = make_child("web", script, ready=AnswersHttp("127.0.0.1", port, "/health"))

    async with supervise([child]) as supervised:
        await supervised.told.wait_for(Ready)
        log = supervised.supervisor.log_of("web").read_text()

    assert [line for line in log.splitlines() if line == "/health"] == ["/health"] * 3


async def test_tcp_child_is_ready_once_it_accepts(supervise: Supervise, make_child: MakeChild) -> None:
    port = free_port()
    script = f"import socket; s = socket.create_server(('127.0.0.1', {port})); pause()"

    async with supervise([make_child("tcp", script, ready=AcceptsTcp("127.0.0.1", port))]) as supervised:
        await supervised.told.wait_for(Ready)


async def test_death_during_start_stops_everything_and_shows_the_log(
    supervise: Supervise, make_child: MakeChild, wait_until_gone: WaitUntilGone
) -> None:
    healthy = make_child("healthy")
    broken = make_child("broken", "[print('line', n) for n in range(30)]; sys.exit(3)", after=("healthy",))

    async with supervise([healthy, broken]) as supervised:
        exit_code = await supervised.exit_code()

    (failed,) = supervised.told.of(Failed)
    assert (exit_code, failed.name, failed.reason) == (1, "broken", "ended (status 3)")
    assert failed.log_tail == tuple(f"line {n}" for n in range(10, 30))
    wait_until_gone([event.pid for event in supervised.told.of(ChildReady)])


async def test_log_tail_of_a_failure_leaves_out_earlier_runs(
    supervise: Supervise, make_child: MakeChild, tmp_path: Path
) -> None:
    (tmp_path / "broken.log").write_text("of an earlier run\n")

    async with supervise([make_child("broken", "sys.exit('of this run')")]) as supervised:
        await supervised.exit_code()

    assert supervised.told.of(Failed)[0].log_tail == ("of this run",)


async def test_missing_program_fails_with_a_message(supervise: Supervise, tmp_path: Path) -> None:
    child = Child("ghost", (str(tmp_path / "no-such-program"),), ready=Finishes())

    async with supervise([child]) as supervised:
        exit_code = await supervised.exit_code()

    (failed,) = supervised.told.of(Failed)
    assert exit_code == 1
    assert "no-such-program" in failed.log_tail[-1]


async def test_child_that_never_becomes_ready_stops_everything(supervise: Supervise, make_child: MakeChild) -> None:
    async with supervise([make_child("mute", "pause()", ready_seconds=0.2)]) as supervised:
        exit_code = await supervised.exit_code()

    assert (exit_code, supervised.told.of(Failed)[0].reason) == (1, "was not ready after 0.2 s")


async def test_closing_the_announcement_without_a_word_is_not_ready(
    supervise: Supervise, make_child: MakeChild
) -> None:
    silent = make_child("silent", "os.close(int(os.environ['RELEVE_READY_FD'])); pause()", ready_seconds=0.5)

    async with supervise([silent]) as supervised:
        exit_code = await supervised.exit_code()

    assert (exit_code, supervised.told.of(Failed)[0].reason) == (1, "was not ready after 0.5 s")


async def test_killed_child_is_started_again_and_the_others_go_on(
    supervise: Supervise, make_child: MakeChild, is_running: IsRunning
) -> None:
    async with supervise([make_child("one"), make_child("two")]) as supervised:
        before = (await supervised.told.wait_for(Ready)).pids
        os.kill(before["one"], signal.SIGKILL)
        exited = await supervised.told.wait_for(ChildExited)
        restarted = await supervised.told.wait_for(ChildRestarted)
        two_runs = is_running(before["two"])
        exit_code = await supervised.stop()

    assert (exited.name, exited.pid, exited.reason, exited.returncode) == ("one", before["one"], "ended (signal 9)", -9)
    assert restarted.pid != before["one"]
    assert two_runs
    assert exit_code == 0


async def test_what_a_killed_child_had_started_is_ended_with_it(
    supervise: Supervise, make_child: MakeChild, wait_until_gone: WaitUntilGone, tmp_path: Path
) -> None:
    pid_file = tmp_path / "grandchild"
    script = f"""
grandchild = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
open({str(pid_file)!r}, "w").write(str(grandchild.pid))
announce_ready(); pause()
"""
    async with supervise([make_child("parent", script)]) as supervised:
        ready = await supervised.told.wait_for(Ready)
        grandchild = int(pid_file.read_text())
        os.kill(ready.pids["parent"], signal.SIGKILL)
        await supervised.told.wait_for(ChildRestarted)

        wait_until_gone([grandchild])


# Ready, and then exited with status 0: not before the supervisor has noticed that it was ready.
ENDS_WHEN_ASKED = "signal(SIGUSR1, lambda *_: sys.exit()); announce_ready(); pause()"


async def end_again_and_again(supervised: Supervised, name: str, times: int) -> None:
    """Make a child exit by itself as soon as it is ready, ``times`` times."""
    pid = (await supervised.told.wait_for(Ready)).pids[name]
    for number in range(1, times + 1):
        os.kill(pid, signal.SIGUSR1)
        if number < times:
            pid = (await supervised.told.wait_for(ChildRestarted, count=number)).pid


async def test_more_than_three_restarts_within_the_window_stop_everything(
    supervise: Supervise, make_child: MakeChild
) -> None:
    # Longer than four starts take.
    limits = Limits(stop_seconds=PATIENT.stop_seconds, restart_window_seconds=3600.0)

    async with supervise([make_child("calm"), make_child("hasty", ENDS_WHEN_ASKED)], limits=limits) as supervised:
        await end_again_and_again(supervised, "hasty", 4)
        exit_code = await supervised.exit_code()

    assert exit_code == 1
    assert len(supervised.told.of(ChildExited)) == 3
    (failed,) = supervised.told.of(Failed)
    assert (failed.name, failed.reason) == ("hasty", "ended (status 0), after 3 restarts within 3600 s")


def test_unless_told_otherwise_the_window_is_a_minute_with_three_restarts() -> None:
    assert (Limits().restarts, Limits().restart_window_seconds) == (3, 60.0)


async def test_restarts_outside_of_the_window_are_forgotten(supervise: Supervise, make_child: MakeChild) -> None:
    limits = Limits(stop_seconds=PATIENT.stop_seconds, restart_window_seconds=0.0)

    async with supervise([make_child("hasty", ENDS_WHEN_ASKED)], limits=limits) as supervised:
        await end_again_and_again(supervised, "hasty", 5)
        await supervised.told.wait_for(ChildRestarted, count=5)
        exit_code = await supervised.stop()

    assert exit_code == 0
