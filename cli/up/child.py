"""A child as the supervisor sees it: its command, its readiness, and its stop order.

Owns the definition of a child and the readiness probes. Must never start a process.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

HTTP_OK = 200
# `-P`: a folder named `api` or `shared` in the current directory must not shadow this project's packages.
COMMAND = (sys.executable, "-P", "-m", "cli.main")


class Probe(Protocol):
    """Checks whether a running child is ready now. Returns False instead of raising."""

    async def __call__(self) -> bool: ...


@dataclass(frozen=True)
class Announces:
    """Ready once the child has called `cli.up.ready_pipe.announce_ready`."""


@dataclass(frozen=True)
class Finishes:
    """Ready once the child has ended with status 0: a step of the start, not a service."""


@dataclass(frozen=True)
class AcceptsTcp:
    """Ready once a TCP connection is accepted."""

    host: str
    port: int

    async def __call__(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        writer.close()
        return True


@dataclass(frozen=True)
class AnswersHttp:
    """Ready once `GET path` returns 200."""

    host: str
    port: int
    path: str

    async def __call__(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        try:
            writer.write(f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n".encode())
            status_line = await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()
        # "HTTP/1.1 200 OK"
        words = status_line.split()
        return len(words) > 1 and words[1] == str(HTTP_OK).encode()


@dataclass(frozen=True)
class Child:
    """One supervised process."""

    name: str
    """As used in file names and events: `worker-bulk`."""
    argv: tuple[str, ...]
    ready: Probe | Announces | Finishes
    # Holds secrets: never printed.
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    after: tuple[str, ...] = ()
    """Names of the children that must be ready before this one starts."""
    stop_stage: int = 0
    """Stage 0 is stopped first; a stage begins when the previous one has ended."""
    ready_seconds: float = 60.0
    """Readiness timeout; generous: the very first start compiles every module."""
    reload_on: frozenset[str] = frozenset()
    """Folders whose changes restart this child with `--reload`."""

    @property
    def words(self) -> tuple[str, ...] | None:
        """The arguments after `releve`, for the project's own commands; None: another program."""
        ours = len(COMMAND)
        return self.argv[ours:] if self.argv[:ours] == COMMAND else None

    @property
    def title(self) -> str:
        """The display name: `worker bulk`."""
        return self.name.replace("-", " ")
