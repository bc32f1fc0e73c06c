"""The supervisor over real processes: start order, readiness, deaths, restarts."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.up.child import AcceptsTcp, AnswersHttp, Child, Finishes
from cli.up.events import (
    AwaitingChange,
    ChildExited,
    ChildKilled,
    ChildReady,
    ChildRestarted,
    Failed,
    Ready,
    Reloading,
    Stopped,
)
from cli.up.log_rotation import LOG_LIMIT_BYTES
from cli.up.supervisor import Limits
from tests.integration.cli.conftest import PATIENT, Supervised

if TYPE_CHECKING:
    from tests.integration.cli.conftest import IsRunning, MakeChild, Supervise, WaitUntil, WaitUntilGone

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


async def test_child_that_ignores_sigterm_is_killed(
    supervise: Supervise, make_child: MakeChild, wait_until_gone: WaitUntilGone
) -> None:
    stubborn = make_child("stubborn", "signal(SIGTERM, SIG_IGN); announce_ready(); pause()")

    async with supervise([stubborn], limits=Limits(stop_seconds=(0.1,))) as supervised:
        ready = await supervised.told.wait_for(Ready)
        exit_code = await supervised.stop()

    assert (exit_code, [event.name for event in supervised.told.of(ChildKilled)]) == (0, ["stubborn"])
    wait_until_gone(list(ready.pids.values()))


async def test_later_stage_is_asked_to_stop_only_when_the_earlier_has_ended(
    supervise: Supervise, make_child: MakeChild, tmp_path: Path
) -> None:
    order = tmp_path / "order"

    def script(name: str, seconds: float) -> str:
        note = f"open({str(order)!r}, 'a').write('{name}\\n')"
        return f"""
def end(*_):
    time.sleep({seconds})
    {note}
    sys.exit()
signal(SIGTERM, end); announce_ready(); pause()
"""

    # A store that is stopped at the same time would end first.
    children = [make_child("store", script("store", 0), stop_stage=2), make_child("worker", script("worker", 0.1))]
    async with supervise(children) as supervised:
        await supervised.told.wait_for(Ready)
        await supervised.stop()

    assert order.read_text().split() == ["worker", "store"]


async def test_asked_twice_it_kills_at_once(supervise: Supervise, make_child: MakeChild) -> None:
    stubborn = make_child("stubborn", "signal(SIGTERM, SIG_IGN); announce_ready(); pause()")

    async with supervise([stubborn], limits=Limits(stop_seconds=(600.0,))) as supervised:
        await supervised.told.wait_for(Ready)
        supervised.supervisor.request_stop("once")
        supervised.supervisor.request_stop("twice")
        exit_code = await supervised.exit_code()

    assert exit_code == 0


async def test_stop_during_the_start_leaves_nothing(
    supervise: Supervise, make_child: MakeChild, wait_until_gone: WaitUntilGone
) -> None:
    children = [make_child("first"), make_child("slow", "pause()"), make_child("never", after=("slow",))]

    async with supervise(children) as supervised:
        first = await supervised.told.wait_for(ChildReady)
        exit_code = await supervised.stop()

    assert exit_code == 0
    assert supervised.told.of(Stopped)
    assert supervised.told.of(Failed) == []
    wait_until_gone([first.pid])


async def test_losing_the_guard_stops_everything(
    supervise: Supervise, make_child: MakeChild, wait_until_gone: WaitUntilGone
) -> None:
    async with supervise([make_child("one")]) as supervised:
        ready = await supervised.told.wait_for(Ready)
        os.kill(supervised.guard.pid, signal.SIGKILL)
        exit_code = await supervised.exit_code()

    assert (exit_code, supervised.told.of(Failed)[0].name) == (1, "guard")
    wait_until_gone(list(ready.pids.values()))


async def _changes(queue: asyncio.Queue[frozenset[str]]) -> AsyncIterator[frozenset[str]]:
    while True:
        yield await queue.get()


async def test_change_restarts_only_the_children_of_that_folder(
    supervise: Supervise, make_child: MakeChild, is_running: IsRunning
) -> None:
    changes: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    children = [make_child("api", reload_on=frozenset({"api"})), make_child("worker", reload_on=frozenset({"workers"}))]

    async with supervise(children, changes=_changes(changes)) as supervised:
        before = (await supervised.told.wait_for(Ready)).pids
        await changes.put(frozenset({"workers"}))
        restarted = await supervised.told.wait_for(ChildRestarted)
        api_runs = is_running(before["api"])

    assert [event.name for event in supervised.told.of(Reloading)] == ["worker"]
    assert restarted.name == "worker"
    assert restarted.pid != before["worker"]
    assert api_runs


async def test_broken_change_waits_for_the_next_one(
    supervise: Supervise, make_child: MakeChild, tmp_path: Path
) -> None:
    source = tmp_path / "source.py"
    source.write_text("")
    changes: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    script = f"exec(open({str(source)!r}).read()); announce_ready(); pause()"

    async with supervise(
        [make_child("api", script, reload_on=frozenset({"api"}))], changes=_changes(changes)
    ) as supervised:
        await supervised.told.wait_for(Ready)
        source.write_text("def (")
        await changes.put(frozenset({"api"}))
        awaiting = await supervised.told.wait_for(AwaitingChange)
        source.write_text("")
        await changes.put(frozenset({"api"}))
        await supervised.told.wait_for(ChildRestarted)
        exit_code = await supervised.stop()

    assert "SyntaxError" in awaiting.log_tail[-1]
    assert exit_code == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
async def test_children_share_no_pipe_of_the_supervisor(supervise: Supervise, make_child: MakeChild) -> None:
    """The guard's pipe must close with the supervisor, and not stay open in a child."""
    listing = """
here = "/proc/self/fd/"
print(*(os.readlink(here + n) for n in os.listdir(here) if os.path.lexists(here + n)), sep="\\n")
"""
    look = make_child("look", listing, ready=Finishes(), after=("other",))

    async with supervise([make_child("other"), look]) as supervised:
        await supervised.told.wait_for(Ready)
        held = supervised.supervisor.log_of("look").read_text().splitlines()

    assert "/dev/null" in held
    assert [name for name in held if name.startswith("pipe:")] == []


async def test_log_that_grows_too_long_is_moved_aside_while_the_child_runs(
    supervise: Supervise, make_child: MakeChild, wait_until: WaitUntil, tmp_path: Path
) -> None:
    # Up to the limit, and then one more: output written while the log is moved would be lost.
    written = f"print('x' * {LOG_LIMIT_BYTES}, end='', flush=True); print(flush=True)"
    talkative = make_child("talkative", f"{written}; announce_ready(); pause()")

    async with supervise([talkative], limits=Limits(log_check_seconds=0.02)) as supervised:
        ready = await supervised.told.wait_for(Ready)
        await asyncio.to_thread(wait_until, lambda: not (tmp_path / "talkative.log").stat().st_size)
        os.kill(ready.pids["talkative"], signal.SIGKILL)
        await supervised.told.wait_for(ChildRestarted)

    assert (tmp_path / "talkative.log.1").stat().st_size == LOG_LIMIT_BYTES + 1
