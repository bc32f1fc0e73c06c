"""The events of `releve up`, one dataclass each.

Owns the names and fields of the events, which programs rely on (`--output json`). Must never hold a secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Event:
    """An event reported to users and programs."""

    event: ClassVar[str]


@dataclass(frozen=True)
class Starting(Event):
    """The children are about to be started; all checks have passed."""

    event = "starting"
    data_dir: str
    pid: int
    """The pid of `releve up` itself."""


@dataclass(frozen=True)
class Notice(Event):
    """A notice, for example that a secret was generated, and its location."""

    event = "notice"
    message: str


@dataclass(frozen=True)
class Refused(Event):
    """Nothing was started; states why."""

    event = "refused"
    message: str


@dataclass(frozen=True)
class ChildReady(Event):
    """A child became ready for the first time."""

    event = "child_ready"
    name: str
    pid: int
    seconds: float
    """Seconds since its start."""


@dataclass(frozen=True)
class Ready(Event):
    """Everything is ready. `addresses` are flattened into the event: `api`, `docs`, `flower`…"""

    event = "ready"
    addresses: Mapping[str, str | None]
    pids: Mapping[str, int]
    seconds: float


@dataclass(frozen=True)
class ChildExited(Event):
    """A child exited or was killed from outside, and is restarted."""

    event = "child_exited"
    name: str
    pid: int
    reason: str
    returncode: int | None
    """Negative: the signal number. None when it is running but did not become ready in time."""


@dataclass(frozen=True)
class ChildRestarted(Event):
    """A child is ready again."""

    event = "child_restarted"
    name: str
    pid: int


@dataclass(frozen=True)
class Reloading(Event):
    """A file changed, the child is restarted."""

    event = "reloading"
    name: str


@dataclass(frozen=True)
class AwaitingChange(Event):
    """With `--reload`: a child fails to start; it is restarted when a file changes."""

    event = "awaiting_change"
    name: str
    reason: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed(Event):
    """A child failed fatally; everything is stopped."""

    event = "failed"
    name: str
    reason: str
    log: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stopping(Event):
    """Everything is being stopped."""

    event = "stopping"
    reason: str


@dataclass(frozen=True)
class ChildKilled(Event):
    """A child did not end in time and was killed."""

    event = "child_killed"
    name: str
    pid: int


@dataclass(frozen=True)
class Stopped(Event):
    """Nothing is left running."""

    event = "stopped"
    exit_code: int
    seconds: float = field(default=0.0)


Reporter = Callable[[Event], None]
