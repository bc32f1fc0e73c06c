"""Starts child processes in their own groups, under the guard.

Owns the guard process and how a child is started, as a program or by a fork: registered with the guard before it runs,
its output in its log, its readiness pipe inherited. Must never decide when a child starts or ends: the supervisor does.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from cli.up import guard as guard_program
from cli.up.child import Announces, Child
from cli.up.forks import ForkServer, NotForked
from cli.up.log_rotation import bound_log
from cli.up.ready_pipe import READY_LINE, announcing_on

# Isolated, without site-packages: starts in about 15 ms and cannot be changed by the environment.
GUARD_COMMAND = (sys.executable, "-I", "-S", guard_program.__file__)


class Guard:
    """The guard process, and the end of its pipe whose closing signals that the supervisor is gone."""

    def __init__(self, process: asyncio.subprocess.Process, pipe: int) -> None:
        self._process = process
        self._pipe = pipe

    @classmethod
    async def start(cls, inherited: tuple[int, ...] = ()) -> Self:
        """Start the guard. It keeps `inherited` open until it ends, for example the data directory's lock."""
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *GUARD_COMMAND,
                "watch",
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=inherited,
            )
        finally:
            os.close(reading)
        return cls(process, writing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._pipe)
        await self._process.wait()

    @property
    def pid(self) -> int:
        """The guard's process id."""
        return self._process.pid

    async def ended(self) -> None:
        """Return when the guard has ended, which happens before the supervisor ends only if the guard is killed."""
        await self._process.wait()

    def watch_group(self, pgid: int, stop_stage: int) -> None:
        """End this group when the supervisor is gone."""
        self._tell(f"group {pgid} {stop_stage}")

    def forget_group(self, pgid: int) -> None:
        """The group has ended; its id may soon be reused."""
        self._tell(f"ended {pgid}")

    def watch_directory(self, directory: Path) -> None:
        """Remove this directory when the supervisor is gone."""
        self._tell(f"directory {directory}")

    def _tell(self, line: str) -> None:
        # A broken pipe: the guard was killed. The supervisor detects it through `ended` and stops everything.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, os.fsencode(line + "\n"))


class Process(Protocol):
    """The interface of a started process, however it was started."""

    @property
    def pid(self) -> int:
        """Its pid, which is also that of its group."""

    @property
    def returncode(self) -> int | None:
        """Its exit status, or the negative number of the signal that ended it; None while it runs."""

    async def wait(self) -> int:
        """Return its `returncode` when it has ended."""


class Running:
    """A started child."""

    def __init__(
        self,
        child: Child,
        process: Process,
        announcement: int | None,
        log: Path,
        log_start: int,
    ) -> None:
        self.child = child
        self.process = process
        self.log = log
        self._announcement = announcement
        self._log_start = log_start

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self.process.pid

    def terminate(self) -> None:
        """Send SIGTERM to it."""
        if self.process.returncode is None:
            guard_program.send_signal(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and every process it started, at once."""
        guard_program.kill_group(self.pid)

    async def announced(self) -> None:
        """Return when the child has announced that it is ready; never, if it closes the pipe without announcing."""
        if self._announcement is None:
            raise ValueError(f"{self.child.name} has no pipe to announce on")
        loop = asyncio.get_running_loop()
        word: asyncio.Future[bytes] = loop.create_future()
        descriptor = self._announcement

        def read() -> None:
            loop.remove_reader(descriptor)
            if not word.done():
                word.set_result(os.read(descriptor, len(READY_LINE)))

        loop.add_reader(descriptor, read)
        try:
            if await word != READY_LINE:
                await loop.create_future()
        finally:
            loop.remove_reader(descriptor)

    def close(self) -> None:
        """Close the child's descriptors in this process."""
        if self._announcement is not None:
            os.close(self._announcement)
            self._announcement = None

    def log_tail(self, lines: int) -> list[str]:
        """The last lines that this run of the child wrote."""
        with self.log.open("rb") as written:
            # A log that was truncated since contains only this run.
            written.seek(self._log_start if self._log_start <= self.log.stat().st_size else 0)
            text = written.read().decode(errors="replace")
        return text.splitlines()[-lines:]


async def spawn(child: Child, guard: Guard, log: Path, fork_server: ForkServer | None = None) -> Running:
    """Start a child in its own group, its output appended to `log`.

    Raises:
        OSError: the program cannot be started.
    """
    bound_log(log)
    gate_reading, gate_writing = os.pipe()
    announcing: int | None = None
    inherited: tuple[int, ...] = ()
    try:
        if isinstance(child.ready, Announces):
            announcing, child_end = os.pipe()
            inherited = (child_end,)
        with log.open("ab") as output:
            log_start = output.tell()
            process = await _start(child, fork_server, output.fileno(), gate_reading, inherited)
        guard.watch_group(process.pid, child.stop_stage)
        os.write(gate_writing, guard_program.OPEN_GATE)
    except BaseException:
        if announcing is not None:
            os.close(announcing)
        raise
    finally:
        for descriptor in (gate_reading, gate_writing, *inherited):
            os.close(descriptor)
    return Running(child, process, announcing, log, log_start)


async def _start(
    child: Child, fork_server: ForkServer | None, log: int, gate: int, inherited: tuple[int, ...]
) -> Process:
    """Start it behind its gate: forked where possible, else as a program.

    `inherited`: its readiness pipe, if it has one.
    """
    if fork_server is not None and child.words is not None:
        # Whatever the server's error: the same command starts without it, only more slowly.
        with contextlib.suppress(NotForked):
            return await fork_server.fork(child.words, child.env, log, gate, *inherited)
    return await asyncio.create_subprocess_exec(
        *GUARD_COMMAND,
        "gate",
        *child.argv,
        stdin=gate,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**child.env, **announcing_on(*inherited)},
        start_new_session=True,
        pass_fds=inherited,
    )
