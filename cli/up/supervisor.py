"""The supervisor: starts the children in order, keeps them running, stops them all.

Owns the lifecycle of every child, from its start to its last process. Independent of what the children do, of ports and
of settings. Must never block its event loop, and must never end while a process it started runs.
"""

import asyncio
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cli.up.child import Child, Finishes
from cli.up.events import (
    AwaitingChange,
    ChildExited,
    ChildKilled,
    ChildReady,
    ChildRestarted,
    Failed,
    Ready,
    Reloading,
    Reporter,
    Stopped,
    Stopping,
)
from cli.up.forks import ForkServer
from cli.up.log_rotation import bound_log, log_path
from cli.up.readiness import describe_end, until_ready
from cli.up.spawn import Guard, Running, spawn
from shared.core.task_cancellation import cancel_all

LOG_TAIL_LINES = 20


@dataclass(frozen=True)
class Limits:
    """The supervisor's timeouts. The stages of a stop together stay under 15 seconds."""

    stop_seconds: tuple[float, ...] = (8.0, 2.0, 3.0)
    """Time for the children of each stop stage to end after SIGTERM; later stages use the last value."""
    restarts: int = 3
    """The number of restarts of one child within the window; the next exit stops everything."""
    restart_window_seconds: float = 60.0
    log_check_seconds: float = 60.0


class ChildFailed(Exception):
    """A child failed fatally."""

    def __init__(self, event: Failed) -> None:
        super().__init__(f"{event.name} {event.reason}")
        self.event = event

    @classmethod
    def of(cls, running: Running, reason: str) -> Self:
        """The failure of a child, with its last output."""
        tail = tuple(running.log_tail(LOG_TAIL_LINES))
        return cls(Failed(running.child.name, reason, str(running.log), log_tail=tail))


class Supervisor:
    """Runs children until a stop is requested or a child fails fatally."""

    def __init__(
        self,
        children: Sequence[Child],
        report: Reporter,
        guard: Guard,
        log_directory: Path,
        *,
        addresses: Mapping[str, str | None] | None = None,
        limits: Limits | None = None,
        changes: AsyncIterator[frozenset[str]] | None = None,
        fork_server: ForkServer | None = None,
    ) -> None:
        """Create it within a running event loop.

        Args:
            children: in any order; `after` decides.
            report: receives every event.
            guard: notified of every process group.
            log_directory: where each child's output goes.
            addresses: reported with the event `ready`.
            limits: the timeouts.
            changes: folders in which a file changed; the children that `reload_on` them are restarted.
            fork_server: from which the project's own commands are forked, if it is used.
        """
        self._children = children
        self._report = report
        self._guard = guard
        self._log_directory = log_directory
        self._addresses = addresses or {}
        self._limits = limits or Limits()
        self._changes = changes
        self._fork_server = fork_server
        self._started = time.monotonic()
        self._ready = {child.name: asyncio.Event() for child in children}
        self._changed = {child.name: asyncio.Event() for child in children}
        self._running: dict[str, Running] = {}
        self._stop_requested: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._stopping = False

    def log_of(self, name: str) -> Path:
        """The log of a child."""
        return log_path(self._log_directory, name)

    def request_stop(self, reason: str) -> None:
        """Stop everything; a second request kills everything."""
        if not self._stop_requested.done():
            self._stop_requested.set_result(reason)
        if self._stopping:
            for running in self._running.values():
                running.kill()
        self._stopping = True

    async def run(self) -> int:
        """Start everything, keep it running, and stop it.

        Returns the exit code: 0 after a requested stop, 1 when a child failed. SIGINT, SIGTERM and SIGHUP request it.
        """
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self.request_stop, number.name)
        keeping = asyncio.create_task(self._keep_all())
        try:
            either: tuple[asyncio.Future[Any], ...] = (keeping, self._stop_requested)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            failure = await self._give_up(keeping)
        finally:
            seconds = await self._stop_all(self._stop_requested.result() if self._stop_requested.done() else "failure")
            for number in numbers:
                loop.remove_signal_handler(number)
        exit_code = 0 if failure is None else 1
        self._report(Stopped(exit_code, seconds))
        return exit_code

    async def _give_up(self, keeping: asyncio.Task[None]) -> ChildFailed | None:
        """End the task that keeps the children running; report and return the failure that ended it, if one did."""
        keeping.cancel()
        await asyncio.wait({keeping})
        if keeping.cancelled() or (error := keeping.exception()) is None:
            return None
        failures = error.subgroup(ChildFailed) if isinstance(error, BaseExceptionGroup) else None
        if failures is None:
            raise error
        if self._stop_requested.done():
            return None  # Failures during a requested stop do not count.
        failure = next(_leaves(failures))
        self._report(failure.event)
        return failure

    async def _keep_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for child in self._children:
                group.create_task(self._keep(child), name=child.name)
            group.create_task(self._tell_ready())
            group.create_task(self._bound_logs())
            group.create_task(self._watch_guard())
            if self._changes is not None:
                group.create_task(self._follow(self._changes))

    async def _keep(self, child: Child) -> None:
        """One child's lifecycle: start it when its dependencies are ready, then restart it whenever it ends."""
        for name in child.after:
            await self._ready[name].wait()
        restarts: deque[float] = deque()
        while True:
            self._changed[child.name].clear()
            running, reason = await self._start(child)
            if reason is None and isinstance(child.ready, Finishes):
                return
            if reason is None:
                reason = await self._until_end_or_change(running)
            if reason is None:
                self._report(Reloading(child.name))
                await self._end(running)
                continue
            await self._end(running)
            if self._changes is not None and child.reload_on and self._ready[child.name].is_set():
                # Most likely caused by the file that was just saved; it will be saved again soon.
                tail = tuple(running.log_tail(LOG_TAIL_LINES))
                self._report(AwaitingChange(child.name, reason, log_tail=tail))
                await self._changed[child.name].wait()
                continue
            self._count_restart(running, reason, restarts)
            self._report(ChildExited(child.name, running.pid, reason, running.process.returncode))

    async def _start(self, child: Child) -> tuple[Running, str | None]:
        """Start a child and wait until it is ready; return it, and the reason if it is not."""
        started = time.monotonic()
        running = await spawn(child, self._guard, self.log_of(child.name), self._fork_server)
        self._running[child.name] = running
        reason = await until_ready(running)
        if reason is None and self._ready[child.name].is_set():
            self._report(ChildRestarted(child.name, running.pid))
        elif reason is None:
            self._report(ChildReady(child.name, running.pid, round(time.monotonic() - started, 3)))
            self._ready[child.name].set()
            if isinstance(child.ready, Finishes):
                await self._end(running)
        return running, reason

    async def _until_end_or_change(self, running: Running) -> str | None:
        """Wait until a child ends, and return how; or until one of its files changed, and return None."""
        ended = asyncio.create_task(running.process.wait())
        changed = asyncio.create_task(self._changed[running.child.name].wait())
        try:
            await asyncio.wait({ended, changed}, return_when=asyncio.FIRST_COMPLETED)
            return describe_end(ended.result()) if ended.done() else None
        finally:
            await cancel_all(ended, changed)

    def _count_restart(self, running: Running, reason: str, restarts: deque[float]) -> None:
        """Allow one more restart of a child that ended, or raise ChildFailed."""
        if not self._ready[running.child.name].is_set():
            raise ChildFailed.of(running, reason)
        now = time.monotonic()
        while restarts and now - restarts[0] > self._limits.restart_window_seconds:
            restarts.popleft()
        if len(restarts) >= self._limits.restarts:
            window = f"{self._limits.restart_window_seconds:g} s"
            raise ChildFailed.of(running, f"{reason}, after {len(restarts)} restarts within {window}")
        restarts.append(now)

    async def _tell_ready(self) -> None:
        for event in self._ready.values():
            await event.wait()
        pids = {name: running.pid for name, running in self._running.items()}
        self._report(Ready(self._addresses, pids, round(time.monotonic() - self._started, 3)))

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(self._limits.log_check_seconds)
            for running in self._running.values():
                bound_log(running.log)

    async def _watch_guard(self) -> None:
        await self._guard.ended()
        # Without it a kill -9 would leave processes behind; preventing that takes precedence over continuing.
        raise ChildFailed(Failed("guard", "has ended", log=""))

    async def _follow(self, changes: AsyncIterator[frozenset[str]]) -> None:
        async for folders in changes:
            for child in self._children:
                if child.reload_on & folders:
                    self._changed[child.name].set()

    async def _stop_all(self, reason: str) -> float:
        """Stop the running children, stage after stage; return the seconds it took."""
        self._stopping = True
        self._report(Stopping(reason))
        started = time.monotonic()
        for stage in sorted({running.child.stop_stage for running in self._running.values()}):
            await self._end(*(running for running in self._running.values() if running.child.stop_stage == stage))
        return round(time.monotonic() - started, 3)

    async def _end(self, *group: Running) -> None:
        """End children of one stop stage, and every process they started."""
        for running in group:
            running.terminate()
        waits = {asyncio.create_task(running.process.wait()): running for running in group}
        grace = self._limits.stop_seconds
        try:
            _, stubborn = await asyncio.wait(waits, timeout=grace[min(group[0].child.stop_stage, len(grace) - 1)])
            for wait in stubborn:
                waits[wait].kill()
                self._report(ChildKilled(waits[wait].child.name, waits[wait].pid))
            await asyncio.gather(*waits)
        finally:
            await cancel_all(*waits)
        for running in group:
            running.kill()  # Remaining descendants; usually none.
            running.close()
            self._guard.forget_group(running.pid)
            del self._running[running.child.name]


def _leaves(group: BaseExceptionGroup[ChildFailed]) -> Iterator[ChildFailed]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
