"""The simulator's clocks: the simulated instant, and the machine's time for arriving calls.

Two clocks that must not be confused: ``now`` is the simulated instant (it determines published data, expired consents
and the current quota hour) and can be set; ``monotonic`` and ``epoch_seconds`` are the machine's and timestamp arriving
calls. No other module of the simulator reads a clock.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def machine_now() -> datetime:
    """The machine's current instant, in UTC."""
    return datetime.now(UTC)


class Clock:
    """A settable clock. By default it shows the machine's time."""

    def __init__(
        self,
        wall: Callable[[], datetime] = machine_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = timedelta(0)
        self._frozen_at: datetime | None = None

    def now(self) -> datetime:
        """The simulated instant, aware, in UTC."""
        if self._frozen_at is not None:
            return self._frozen_at
        return self._wall() + self._offset

    def monotonic(self) -> float:
        """Monotonic seconds, for windows and arrival times."""
        return self._monotonic()

    def epoch_seconds(self) -> float:
        """The machine's own Unix time, whatever instant is simulated."""
        return self._wall().timestamp()

    def set(self, now: datetime, *, frozen: bool = False) -> None:
        """Set the simulated instant to `now`; it then advances, or stays when `frozen`.

        Raises:
            ValueError: `now` has no time zone.
        """
        if now.tzinfo is None:
            raise ValueError("the simulated instant needs a time zone")
        self._offset = now.astimezone(UTC) - self._wall()
        self._frozen_at = now.astimezone(UTC) if frozen else None

    def reset(self) -> None:
        """Show the machine's time again."""
        self._offset = timedelta(0)
        self._frozen_at = None


class ManualClock(Clock):
    """A clock that only advances explicitly: for exact tests of windows and expiries."""

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(UTC)
        self._elapsed_seconds = 0.0
        super().__init__(
            wall=lambda: self._start + timedelta(seconds=self._elapsed_seconds),
            monotonic=lambda: self._elapsed_seconds,
        )

    def advance(self, seconds: float) -> None:
        """Advance both clocks by `seconds`."""
        self._elapsed_seconds += seconds
