"""What `releve up` says: one dataclass an event.

Owns the names and fields of the events, which programs rely on (`--output json`). Must never hold a secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Event:
    """Something that people and programs are told."""

    event: ClassVar[str]


@dataclass(frozen=True)
class Starting(Event):
    """The children are about to be started; nothing refuses any more."""

    event = "starting"
    data_dir: str
    pid: int
    """Of `releve up` itself."""


@dataclass(frozen=True)
class Notice(Event):
    """Something to know: a secret was made, and where it is."""

    event = "notice"
    message: str


@dataclass(frozen=True)
class Refused(Event):
    """Nothing was started, and why."""

    event = "refused"
    message: str


@dataclass(frozen=True)
class ChildReady(Event):
    """A child became ready for the first time."""

    event = "child_ready"
    name: str
    pid: int
    seconds: float
    """Since its start."""


@dataclass(frozen=True)
class Ready(Event):
    """Everything is ready. `addresses` are flattened into the event: `api`, `docs`, `flower`…"""

    event = "ready"
    addresses: Mapping[str, str | None]
    pids: Mapping[str, int]
    seconds: float


@dataclass(frozen=True)
class ChildExited(Event):
    """A child ended by itself, or was ended by someone else, and is started again."""

    event = "child_exited"
    name: str
    pid: int
    reason: str
    returncode: int | None
    """Negative: the number of the signal. None when it did not end but did not become ready in time either."""


@dataclass(frozen=True)
class ChildRestarted(Event):
    """A child is ready again."""

    event = "child_restarted"
    name: str
    pid: int


@dataclass(frozen=True)
class Reloading(Event):
    """A file changed, the child is started again."""

    event = "reloading"
    name: str


@dataclass(frozen=True)
class AwaitingChange(Event):
    """With `--reload`: a child does not start; it is started again when a file changes."""

    event = "awaiting_change"
    name: str
    reason: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed(Event):
    """A child makes it impossible to go on; everything is stopped."""

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
