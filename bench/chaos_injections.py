"""Fault injections: killed processes, an unavailable broker, lost messages; and their timing.

Prefers times with calls in flight, and measures how long the calls in progress take to recover.
"""

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from math import inf
from random import Random
from signal import Signals

from redis.exceptions import RedisError

from bench.chaos_gateway import ChaosGateway
from bench.chaos_ledger import Held, LedgerView
from bench.chaos_load import CURVES, Load
from shared.jobs.models import Lane

BOTH = frozenset(Lane)
# Few or no calls in flight is a valid time too, but not worth waiting for.
_IN_THE_AIR = 3
_AIR_SECONDS = 240.0
_WATCH_SECONDS = 0.2
# Calls of about the last second are examined to choose a time.
_LOOK_BACK = 60


@dataclass
class Injection:
    """One injection. Times are from the machine's monotonic clock.

    ``lanes``: the lanes whose calls it can have interrupted; ``in_air``: how many of them were at the provider.
    ``held``: the calls in progress that still have to complete, ``waiting`` those that have not yet. ``stored``: by
    account and dataset, the days known right after it.
    """

    what: str
    lanes: frozenset[Lane]
    begun: float
    ended: float = inf
    in_air: int = 0
    held: list[Held] = field(default_factory=list)
    waiting: list[Held] = field(default_factory=list)
    stored: Mapping[tuple[str, str], frozenset[date]] = field(default_factory=dict)
    recovered: float | None = None

    @property
    def recovery_seconds(self) -> float | None:
        """From its end until the last call in progress completed; ``None``: one never did."""
        return None if self.recovered is None else max(0.0, self.recovered - self.ended)


class Chaos:
    """The injections into one gateway."""

    def __init__(
        self, gateway: ChaosGateway, ledger: LedgerView, load: Load, chance: Random, shift_seconds: float
    ) -> None:
        """``chance`` determines the times. ``shift_seconds``: the offset of the gateway's clock."""
        self.injections: list[Injection] = []
        self.shift_seconds = shift_seconds
        self._gateway = gateway
        self._ledger = ledger
        self._load = load
        self._chance = chance
        self._last_call = 0
        # By name, the pids of processes that were ended and are not known to be restarted.
        self._ended: dict[str, int] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within the block, observe when the calls in progress complete."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_WATCH_SECONDS):
                # An unavailable broker is polled again.
                with suppress(RedisError):
                    self.look()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            self.look()

    def look(self) -> None:
        """Check which calls have completed."""
        for injection in self.injections:
            if injection.recovered is None and injection.ended < inf:
                injection.waiting = self._ledger.unsettled(injection.waiting)
                if not injection.waiting:
                    injection.recovered = time.monotonic()

    @contextmanager
    def befalling(self, what: str, lanes: Collection[Lane] = BOTH) -> Iterator[Injection]:
        """The injection happens within the block, and has ended when the block exits."""
        held = self._ledger.held(lanes, time.time() + self.shift_seconds)
        in_air = sum(self._in_air(lane) for lane in lanes)
        injection = Injection(what, frozenset(lanes), time.monotonic(), in_air=in_air, held=held)
        yield injection
        injection.waiting = injection.held
        injection.stored = self._stored()
        injection.ended = time.monotonic()
        self.injections.append(injection)

    def await_moment(self, *lanes: Lane) -> None:
        """Return at a random time at which calls of these lanes are at the provider; after a timeout, at any time."""
        deadline = time.monotonic() + _AIR_SECONDS
        while any(map(self._is_about_to_send, lanes)) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(self._chance.uniform(0.0, 0.6))

    def end_worker(self, lane: Lane, number: Signals, *, is_awaited: bool = True) -> None:
        """Kill or stop a worker while it works; return when its replacement is ready, unless not ``is_awaited``."""
        name = f"worker-{lane}"
        self.await_moment(lane)
        with self.befalling(f"{name} {number.name}", [lane]):
            self._ended[name] = self._gateway.signal(name, number)
        if is_awaited:
            self._await_another(name)

    def end_beat(self, number: Signals, *, is_awaited: bool = True) -> None:
        """Kill beat; return when its replacement is ready, if ``is_awaited``: else use `await_all`."""
        with self.befalling(f"beat {number.name}", []):
            self._ended["beat"] = self._gateway.signal("beat", number)
        if is_awaited:
            self._await_another("beat")

    def await_all(self) -> None:
        """Return when every ended process is running again: one that starts while its broker is unavailable exits."""
        for name in list(self._ended):
            self._await_another(name)

    def end_broker(self, number: Signals, away_seconds: float = 0.0) -> None:
        """End the broker while calls are in flight, and restart it after ``away_seconds``."""
        self.await_moment(*Lane)
        with self.befalling(f"broker {number.name}"):
            self._gateway.broker.end(number)
            time.sleep(away_seconds)
            self._gateway.broker.start()

    def freeze_broker(self, seconds: float) -> None:
        """Suspend the broker for a while: connections stay open without a response or an error."""
        self.await_moment(*Lane)
        with self.befalling("broker frozen"):
            self._gateway.broker.freeze()
            time.sleep(seconds)
            self._gateway.broker.thaw()

    def lose_messages(self, lane: Lane) -> None:
        """Remove messages from the broker."""
        self.await_moment(lane)
        with self.befalling("messages lost", [lane]) as injection:
            injection.held = self._ledger.lose_messages(lane, self._chance)

    def _await_another(self, name: str) -> None:
        self._gateway.wait_restarted(name, self._ended.pop(name))

    def _is_about_to_send(self, lane: Lane) -> bool:
        """Whether a lane has work, and little of it is at the provider."""
        return self._in_air(lane) < _IN_THE_AIR and self._ledger.waiting(lane) > 0

    def _in_air(self, lane: Lane) -> int:
        """The number of a lane's calls that are at the provider without a response."""
        calls = self._gateway.calls(max(0, self._last_call - _LOOK_BACK))
        self._last_call = max([self._last_call, *(call["number"] for call in calls)])
        points = {each.usage_point_id for each in self._load.people_of(lane)}
        return sum(call["status"] is None and call["usage_point_id"] in points for call in calls)

    def _stored(self) -> Mapping[tuple[str, str], frozenset[date]]:
        accounts = [each.account_id for each in self._load.households]
        return {
            (account_id, dataset): days
            for dataset in CURVES
            for account_id, days in self._ledger.stored_days(accounts, dataset).items()
        }
