"""The supervisor's side of the fork server: processes that start quickly and share their imports.

Owns the server process and the state of the forked ones. Must stay optional: when the server cannot fork, the caller
starts the same command as a separate program.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence

from cli.up.fork_server import PACKET_BYTES, Request

SERVER_COMMAND = (sys.executable, "-P", "-m", "cli.up.fork_server")
# The status that a shell reports for an unknown command.
UNKNOWN_END = 255


class NotForked(Exception):
    """The fork server is gone, or cannot accept this request."""


class ForkedProcess:
    """A forked process: the part of the `asyncio.subprocess.Process` interface that the supervisor needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        """Its exit status, or the negative number of a signal; None while it runs."""
        return self._end.result() if self._end.done() else None

    async def wait(self) -> int:
        """Return its `returncode` when it has ended."""
        return await asyncio.shield(self._end)

    def has_ended(self, returncode: int) -> None:
        """Record its end; only the first call counts."""
        if not self._end.done():
            self._end.set_result(returncode)


class ForkServer:
    """A running fork server."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self._process = process
        self._channel: socket.socket | None = channel
        self._asked: deque[asyncio.Future[ForkedProcess]] = deque()
        self._forked: dict[int, ForkedProcess] = {}
        asyncio.get_running_loop().add_reader(channel, self._read, channel)

    @property
    def pid(self) -> int:
        """The server's process id, and that of its group."""
        return self._process.pid

    async def fork(
        self, words: Sequence[str], environment: Mapping[str, str], log: int, gate: int, *announcement: int
    ) -> ForkedProcess:
        """Fork ``releve`` with these arguments; the process continues when it reads a byte from the gate.

        ``log``, ``gate``, ``announcement``: descriptors; the last is its readiness pipe, if it has one.

        Raises:
            NotForked: no process was forked.
        """
        if self._channel is None:
            raise NotForked("the fork server has ended")
        answer: asyncio.Future[ForkedProcess] = asyncio.get_running_loop().create_future()
        packet = Request(words, dict(environment)).to_packet()
        try:
            socket.send_fds(self._channel, [packet], [log, gate, *announcement])
        except OSError as error:
            raise NotForked(f"the fork server does not accept the request: {error.strerror}") from None
        self._asked.append(answer)
        return await answer

    async def close(self) -> None:
        """End the server; the caller must end the forked processes before."""
        self._lose()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    def _read(self, channel: socket.socket) -> None:
        try:
            packet = channel.recv(PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._lose()
            return
        said: dict[str, int] = json.loads(packet)
        if "forked" in said:
            process = self._forked[said["forked"]] = ForkedProcess(said["forked"])
            answer = self._asked.popleft()
            if not answer.done():
                answer.set_result(process)
        else:
            self._forked.pop(said["ended"]).has_ended(said["status"])

    def _lose(self) -> None:
        """The connection is lost: pending fork requests fail, and the ends of processes can no longer be observed."""
        if self._channel is None:
            return
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._channel = None
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(NotForked("the fork server has ended"))
        for process in self._forked.values():
            process.has_ended(UNKNOWN_END)


@contextlib.asynccontextmanager
async def running_fork_server(environment: Mapping[str, str]) -> AsyncIterator[ForkServer]:
    """A fork server for the duration of the block; it is still importing when the block begins, and forks afterwards.

    ``environment``: the server's own. Must contain no secret: every forked process can read it.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        ours.setblocking(False)
        os.set_inheritable(theirs.fileno(), True)
        process = await asyncio.create_subprocess_exec(
            *SERVER_COMMAND,
            str(theirs.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
            pass_fds=(theirs.fileno(),),
        )
    server = ForkServer(process, ours)
    try:
        yield server
    finally:
        await server.close()
