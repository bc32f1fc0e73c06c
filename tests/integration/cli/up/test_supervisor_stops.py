"""The supervisor over real processes: stops, the guard, reloads, and logs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.up.child import Finishes
from cli.up.events import (
    AwaitingChange,
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

if TYPE_CHECKING:
    from tests.integration.cli.conftest import IsRunning, MakeChild, Supervise, WaitUntil, WaitUntilGone

pytestmark = pytest.mark.anyio


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
