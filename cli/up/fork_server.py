"""The program that the processes of `releve up` are forked from: it has imported what they need, once for all.

Run as `python -P -m cli.up.fork_server NUMBER`, where NUMBER is an inherited socket (Unix, sequential packets) whose
other end the supervisor holds. Each packet from there is a `Request` with descriptors: the log, the gate, and where to
say "ready", of who says so. Answers are `{"forked": pid}` at once, in the order of the requests, and `{"ended": pid,
"status": number}` when a process has ended. When the other end is closed, the server ends; whatever it forked is for
the guard to end.

Must never start a thread, open a connection or read a setting: everything forked from here would share it. Only for
Linux: elsewhere libraries of the system do not survive a fork.
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

# What takes time to import, the first needed first. None of them has a thread, a connection or a setting afterwards.
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
    """A process to fork: ``releve`` with these words, in this environment."""

    words: Sequence[str]
    environment: dict[str, str]

    def to_packet(self) -> bytes:
        """As it is sent."""
        return json.dumps([self.words, self.environment]).encode()

    @classmethod
    def from_packet(cls, packet: bytes) -> "Request":
        """As it was sent."""
        return cls(*json.loads(packet))


def main() -> None:
    """Serve until nobody asks any more; in each process that is forked, run its command."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    for name in PRELOADED:
        import_module(name)
    # What is never collected is never written to, and stays shared with every process.
    gc.collect()
    gc.freeze()
    setproctitle("releve fork server")
    request = serve(channel)
    if request is not None:
        run(request)


def serve(channel: socket.socket) -> Request | None:
    """Fork what is asked for. Returns None in this process, at the end; in a forked one what that one has to do."""
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
    """Become the command; returns as it does, or raises its `SystemExit`."""
    # By name, as what is preloaded: it stands above this package.
    releve = import_module("cli.main").main

    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = ["releve", *request.words]
    setproctitle(" ".join(sys.argv))
    releve()


def _past_the_gate(request: Request, log: int, gate: int, *announcement: int) -> Request:
    """Take the descriptors; return when the supervisor says so, and end when it is gone."""
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
    """Lead a group of its own: said on both sides, whoever is first, before anybody knows the process."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):  # It has ended, or is past this.
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
    except BrokenPipeError:  # The supervisor is gone; the next look at the socket says so too.
        return


if __name__ == "__main__":
    main()
