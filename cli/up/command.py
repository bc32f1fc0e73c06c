"""`releve up`: everything on one machine, in one foreground command.

Owns the order in which things are checked, claimed and started, and the command's output. Must never start a child
itself: the supervisor does.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.up.data_directory import DataDirectory, DataDirectoryRefused, open_data_directory
from cli.up.embedded_valkey import SocketPlace, ValkeyMissing, place_socket
from cli.up.events import Notice, Refused, Reporter, Starting
from cli.up.forks import ForkServer, running_fork_server
from cli.up.ports import PortRefused, WantedPort, claim_ports
from cli.up.process_table import (
    REMEMBERING_STAGE,
    Listening,
    needs_simulator,
    needs_valkey,
    plan_processes,
    without_secrets,
)
from cli.up.report import reporter_for
from cli.up.source_watcher import watch_folders
from cli.up.spawn import Guard
from cli.up.supervisor import Limits, Supervisor


@dataclass(frozen=True)
class UpOptions:
    """The options of `releve up`. Port 0 means any free port."""

    data_dir: Path
    host: str
    port: int
    flower_port: int
    simulator_port: int
    output: str
    reload: bool
    while_stdin_open: bool


def run_up(options: UpOptions, environ: Mapping[str, str], limits: Limits | None = None) -> int:
    """Run everything until a stop is requested; return the exit code: 0 after a requested stop, else 1.

    ``limits``: overrides the supervisor's defaults.
    """
    report = reporter_for(options.output)
    try:
        with open_data_directory(options.data_dir) as directory:
            listening = _claim(options, environ)
            return asyncio.run(_run(options, environ, directory, listening, report, limits))
    except (DataDirectoryRefused, PortRefused, ValkeyMissing) as refusal:
        report(Refused(str(refusal)))
        return 1


def _claim(options: UpOptions, environ: Mapping[str, str]) -> Listening:
    wanted = [
        WantedPort("--port", options.host, options.port),
        WantedPort("--flower-port", options.host, options.flower_port),
    ]
    if needs_simulator(environ):
        wanted.append(WantedPort("--simulator-port", options.host, options.simulator_port))
    api, flower, *rest = claim_ports(wanted)
    return Listening(options.host, api, flower, rest[0] if rest else None)


async def _run(
    options: UpOptions,
    environ: Mapping[str, str],
    directory: DataDirectory,
    listening: Listening,
    report: Reporter,
    limits: Limits | None,
) -> int:
    # The guard holds the lock too: a start after a kill -9 waits until the last process has ended.
    async with await Guard.start(inherited=(directory.lock,)) as guard, AsyncExitStack() as stack:
        socket: SocketPlace | None = None
        if needs_valkey(environ):
            socket = place_socket(directory.valkey)
            if socket.private_directory is not None:
                # The guard removes it in every case: after a stop, which closes its pipe, and after a kill.
                guard.watch_directory(socket.private_directory)
        plan = plan_processes(environ, directory, listening, socket)
        report(Starting(str(directory.path), os.getpid()))
        # A changed file must be imported again; and outside Linux, system libraries do not survive a fork.
        forks = not options.reload and sys.platform == "linux"
        fork_server = await stack.enter_async_context(_guarded_fork_server(environ, guard)) if forks else None
        for notice in plan.notices:
            report(Notice(notice))
        supervisor = Supervisor(
            plan.children,
            report,
            guard,
            directory.logs,
            addresses=plan.addresses,
            limits=limits,
            changes=watch_folders() if options.reload else None,
            fork_server=fork_server,
        )
        if options.while_stdin_open:
            _stop_with_stdin(supervisor)
        return await supervisor.run()


@asynccontextmanager
async def _guarded_fork_server(environ: Mapping[str, str], guard: Guard) -> AsyncIterator[ForkServer]:
    """A fork server without secrets, for the duration of the block."""
    async with running_fork_server(without_secrets(environ)) as server:
        guard.watch_group(server.pid, REMEMBERING_STAGE)
        try:
            yield server
        finally:
            # Before it ends: afterwards its pid may be reused. It exits on its own if no supervisor is left to stop it.
            guard.forget_group(server.pid)


def _stop_with_stdin(supervisor: Supervisor) -> None:
    """Stop when standard input closes: the process that started this command with a pipe has ended."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            supervisor.request_stop("standard input ended")

    try:
        loop.add_reader(descriptor, read)
    except PermissionError:  # A file or the null device: cannot be polled, its end never arrives.
        supervisor.request_stop("standard input is not a pipe")
