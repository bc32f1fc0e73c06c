"""A supervisor over small Python scripts, and helpers to observe it."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from cli.up.child import Announces, Child
from cli.up.events import Event
from cli.up.forks import ForkServer
from cli.up.spawn import Guard
from cli.up.supervisor import Limits, Supervisor
from tests.support.patience import PATIENCE_SECONDS

# No child is killed or abandoned because the machine is slow.
PATIENT = Limits(stop_seconds=(PATIENCE_SECONDS,))
EventType = TypeVar("EventType", bound=Event)


class Recorder:
    """A reporter that keeps its events, and lets a test await them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._told = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._told.set()

    def of(self, kind: type[EventType]) -> list[EventType]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    async def wait_for(self, kind: type[EventType], count: int = 1) -> EventType:
        """Wait for the `count`-th event of a kind."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.of(kind)) < count:
                self._told.clear()
                await self._told.wait()
        return self.of(kind)[count - 1]


class Supervised:
    """A running supervisor."""

    def __init__(self, supervisor: Supervisor, guard: Guard, told: Recorder, running: "asyncio.Task[int]") -> None:
        self.supervisor = supervisor
        self.guard = guard
        self.told = told
        self._running = running

    async def stop(self) -> int:
        """Request its stop; returns its exit code."""
        self.supervisor.request_stop("the test asks")
        return await self.exit_code()

    async def exit_code(self) -> int:
        """Wait until it has exited by itself; returns its exit code."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asyncio.shield(self._running)


class Supervise(Protocol):
    """Run a supervisor for the duration of a block; on exit, none of its processes is left."""

    def __call__(
        self,
        children: Sequence[Child],
        *,
        limits: Limits | None = None,
        changes: AsyncIterator[frozenset[str]] | None = None,
        fork_server: ForkServer | None = None,
    ) -> AbstractAsyncContextManager[Supervised]: ...


@pytest.fixture
def supervise(tmp_path: Path) -> Supervise:
    @contextlib.asynccontextmanager
    async def block(
        children: Sequence[Child],
        *,
        limits: Limits | None = None,
        changes: AsyncIterator[frozenset[str]] | None = None,
        fork_server: ForkServer | None = None,
    ) -> AsyncIterator[Supervised]:
        told = Recorder()
        async with await Guard.start() as guard:
            supervisor = Supervisor(
                children,
                told,
                guard,
                tmp_path,
                limits=limits or PATIENT,
                changes=changes,
                fork_server=fork_server,
            )
            running = asyncio.create_task(supervisor.run())
            try:
                yield Supervised(supervisor, guard, told, running)
            finally:
                supervisor.request_stop("the test is over")
                await running

    return block


class MakeChild(Protocol):
    """A child that runs a Python script; it can announce itself with `announce_ready()` and wait with `pause()`."""

    def __call__(self, name: str, script: str = ..., **fields: Any) -> Child: ...


@pytest.fixture
def make_child() -> MakeChild:
    head = "from cli.up.ready_pipe import announce_ready\nfrom signal import *\nimport os, subprocess, sys, time\n"

    def make(name: str, script: str = "announce_ready(); pause()", **fields: Any) -> Child:
        chosen: dict[str, Any] = {"ready": Announces(), "ready_seconds": PATIENCE_SECONDS, "env": dict(os.environ)}
        chosen |= fields
        return Child(name=name, argv=(sys.executable, "-c", head + script), **chosen)

    return make


IsRunning = Callable[[int], bool]
WaitUntil = Callable[[Callable[[], bool]], None]
WaitUntilGone = Callable[[Sequence[int]], None]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return not Path("/proc").exists()  # Not Linux: it accepted the signal.
    return state not in "ZX"


@pytest.fixture
def is_running() -> IsRunning:
    """Whether a process runs; a zombie does not."""
    return _is_running


@pytest.fixture
def wait_until() -> WaitUntil:
    """Poll for a condition that no event reports."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"not in {PATIENCE_SECONDS:g} s"
            time.sleep(0.02)

    return wait


@pytest.fixture
def wait_until_gone(wait_until: WaitUntil) -> WaitUntilGone:
    """Wait for the end of processes that are not our children."""
    return lambda pids: wait_until(lambda: not any(_is_running(pid) for pid in pids))
