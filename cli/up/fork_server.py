"""The program from which the processes of `releve up` are forked, with their imports already loaded.

Run as `python -P -m cli.up.fork_server NUMBER`, where NUMBER is an inherited socket (Unix, sequential packets) whose
other end the supervisor holds. Each packet from there is a `Request` with descriptors: the log, the gate and, for
children that announce readiness, the readiness pipe. Responses are `{"forked": pid}` at once, in the order of the
requests, and `{"ended": pid, "status": number}` when a process has ended. When the other end is closed, the server
ends; the guard ends the forked processes.

Must never start a thread, open a connection or read a setting: everything forked from here would share it. Linux only:
elsewhere, system libraries do not survive a fork.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from setproctitle import setproctitle

from cli.up.guard import OPEN_GATE
from cli.up.ready_pipe import announcing_on

# Slow imports, in the order of need. None of them starts a thread, opens a connection or reads a setting.
PRELOADED = (
    "shared.storage.database",
    "alembic.command",
    "simulator.app",
    "api.app",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "workers.runtime",
    "workers.tasks",
    "workers.webhooks.courier",
    "workers.processes",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.worker",
    "celery.concurrency.thread",
    "flower.command",
    "cli.services",
)
PACKET_BYTES = 1 << 20
_DESCRIPTORS = 3
_FAILED = 1


@dataclass(frozen=True)
class Request:
    """A process to fork: ``releve`` with these arguments, in this environment."""

    words: Sequence[str]
    environment: dict[str, str]

    def to_packet(self) -> bytes:
        """Serialise it for the socket."""
        return json.dumps([self.words, self.environment]).encode()

    @classmethod
    def from_packet(cls, packet: bytes) -> "Request":
        """Parse a packet from the socket."""
        return cls(*json.loads(packet))


def main() -> None:
    """Serve until the socket is closed; in each forked process, run its command."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    for name in PRELOADED:
        import_module(name)
    # Objects exempt from garbage collection are not written to, so their memory stays shared with every process.
    gc.collect()
    gc.freeze()
    setproctitle("releve fork server")
    request = serve(channel)
    if request is not None:
        run(request)


def serve(channel: socket.socket) -> Request | None:
    """Fork on request. Returns None in this process, at the end; in a forked process its request."""
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                woken.recv(PACKET_BYTES)
                _tell_ended(channel)
            if channel in ready:
                packet, descriptors, _, _ = socket.recv_fds(channel, PACKET_BYTES, _DESCRIPTORS)
                if not packet:
                    return None
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for each in (channel, woken, waking):
                        each.close()
                    return _past_the_gate(Request.from_packet(packet), *descriptors)
                _own_group(pid)
                for descriptor in descriptors:
                    os.close(descriptor)
                _tell(channel, forked=pid)


def run(request: Request) -> None:
    """Run the command; returns when it does, or raises its `SystemExit`."""
    # By name, like the preloaded modules: it is a layer above this package.
    releve = import_module("cli.main").main

    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = ["releve", *request.words]
    setproctitle(" ".join(sys.argv))
    releve()


def _past_the_gate(request: Request, log: int, gate: int, *announcement: int) -> Request:
    """Install the descriptors; return on the supervisor's signal, and exit when it is gone."""
    _own_group(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, number)
    is_open = os.read(gate, 1) == OPEN_GATE
    for descriptor in (nothing, log, gate):
        os.close(descriptor)
    if not is_open:
        os._exit(_FAILED)
    return Request(request.words, request.environment | announcing_on(*announcement))


def _own_group(pid: int) -> None:
    """Move the process into its own group: by parent and child, so that it precedes the report of the pid."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):  # It has ended, or has already set its group.
        return


def _tell_ended(channel: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(channel, ended=pid, status=os.waitstatus_to_exitcode(status))


def _tell(channel: socket.socket, **what: int) -> None:
    try:
        channel.send(json.dumps(what).encode())
    except BrokenPipeError:  # The supervisor is gone; the next read of the socket shows it too.
        return


if __name__ == "__main__":
    main()
