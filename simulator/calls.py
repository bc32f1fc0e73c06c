"""The log of what arrived: every call to the simulated Enedis, when, for which API and point, and what it got.

Bounded: the oldest calls fall out, the totals keep counting. Calls to `/control` are not Enedis's and never appear.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Call:
    """One call. `status` is None while it is being answered. Times are arrivals."""

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
    """Which calls to look at; what is None does not matter."""

    api: str | None = None
    path: str | None = None
    usage_point_id: str | None = None
    status: int | None = None
    after: int = 0

    def matches(self, call: Call) -> bool:
        """Whether `call` is meant. `path` is a part of the call's path."""
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
        """Note that a call arrived; the rest of the record is filled in while it is answered."""
        self._number += 1
        call = Call(self._number, epoch_seconds, monotonic_seconds, method, path)
        self._calls.append(call)
        return call

    def close(self, call: Call, status: int) -> None:
        """Note what the call was answered."""
        call.status = status
        # Only known API names are counted one by one, so that odd paths cannot make this table grow.
        self._totals[call.api or "unknown"] += 1

    def find(self, wanted: CallFilter) -> Iterator[Call]:
        """The remembered calls that match, oldest first."""
        return (call for call in self._calls if wanted.matches(call))

    def totals(self) -> dict[str, int]:
        """Answered calls by API since the last `clear`, also those that fell out of the log."""
        return dict(self._totals)

    def clear(self) -> None:
        """Forget all calls. Numbers go on growing, so that a reader's `after` stays valid."""
        self._calls.clear()
        self._totals.clear()
