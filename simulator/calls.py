"""The log of received calls to the simulated Enedis: time, API, usage point, and response status.

Bounded: the oldest calls are dropped, the totals keep counting. Calls to `/control` are not logged.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Call:
    """One call. `status` is None while it is in progress. Times are arrival times."""

    number: int
    epoch_seconds: float
    monotonic_seconds: float
    method: str
    path: str
    api: str = ""
    usage_point_id: str | None = None
    start: str | None = None
    end: str | None = None
    status: int | None = None
    error: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class CallFilter:
    """A filter for calls; None matches everything."""

    api: str | None = None
    path: str | None = None
    usage_point_id: str | None = None
    status: int | None = None
    after: int = 0

    def matches(self, call: Call) -> bool:
        """Whether `call` matches. `path` is a substring of the call's path."""
        return (
            call.number > self.after
            and self.api in (None, call.api)
            and (self.path is None or self.path in call.path)
            and self.usage_point_id in (None, call.usage_point_id)
            and self.status in (None, call.status)
        )


class CallLog:
    """The last `size` calls, and totals by API since the last `clear`."""

    def __init__(self, size: int) -> None:
        self._calls: deque[Call] = deque(maxlen=size)
        self._number = 0
        self._totals: Counter[str] = Counter()

    def open(self, method: str, path: str, epoch_seconds: float, monotonic_seconds: float) -> Call:
        """Log the arrival of a call; the other fields are set while it is processed."""
        self._number += 1
        call = Call(self._number, epoch_seconds, monotonic_seconds, method, path)
        self._calls.append(call)
        return call

    def close(self, call: Call, status: int) -> None:
        """Log the response status of a call."""
        call.status = status
        # Only known API names are counted separately, so that arbitrary paths cannot make this table grow.
        self._totals[call.api or "unknown"] += 1

    def find(self, wanted: CallFilter) -> Iterator[Call]:
        """The matching calls in the log, oldest first."""
        return (call for call in self._calls if wanted.matches(call))

    def totals(self) -> dict[str, int]:
        """Completed calls by API since the last `clear`, including those dropped from the log."""
        return dict(self._totals)

    def clear(self) -> None:
        """Delete all calls. Numbering continues, so that a reader's `after` stays valid."""
        self._calls.clear()
        self._totals.clear()
