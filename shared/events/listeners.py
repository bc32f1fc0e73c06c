"""Event listeners in one process: one connection receives the events of all accounts and distributes them.

A listener receives the events from now on. It buffers a bounded number of events; a listener that is slower, or that
joined while the connection was down, is *behind* and reads the missed events from the store. So memory does not grow
with a slow reader, and no event is lost with a connection.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from shared.core.errors import ServiceUnavailable, TooManyListeners
from shared.core.task_cancellation import cancel_all
from shared.events.store import Event, EventStore
from shared.observability.logging import get_logger

logger = get_logger(__name__)

WAITS_PER_ACCOUNT = 100
"""The maximum number of concurrently waiting requests of one account, in one process."""
_KEPT_FOR_A_LISTENER = 200
_READY_SECONDS = 2.0
_PAUSE_SECONDS = 1.0
_CHECK_SECONDS = 15.0


class Purpose(StrEnum):
    """The purpose of a listener: one long-polling response, or a stream of events."""

    WAIT = "wait"
    STREAM = "stream"


@dataclass(slots=True)
class AccountCache:
    """State shared by the listeners of one account: the PRMs (14 digits) by their internal ids, and the last event sent
    with its serialised form."""

    prms: dict[str, str] = field(default_factory=dict, repr=False)
    last_told: tuple[str, bytes] = ("", b"")


class Listener:
    """A listener to the events of one account."""

    __slots__ = ("_heard", "_news", "account_id", "behind", "cache", "ended", "key_id", "purpose")

    def __init__(self, account_id: str, purpose: Purpose, key_id: str | None, cache: AccountCache) -> None:
        """``key_id``: the API key; listening ends when it is no longer usable."""
        self.account_id = account_id
        self.cache = cache
        self.purpose = purpose
        self.key_id = key_id
        self.behind = True
        self.ended = False
        self._heard: deque[Event] = deque()
        self._news = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait until there are events to take, events were missed, or listening ended; ``False`` on timeout."""
        if self._news.is_set():
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        return self._news.is_set()

    def take(self) -> list[Event]:
        """The events received since the last call, in order."""
        events = list(self._heard)
        self._heard.clear()
        if not self.ended:
            self._news.clear()
        return events

    def catch_up(self) -> bool:
        """Whether events were missed since the last call and must be read from the store; discards the buffer then."""
        was_behind, self.behind = self.behind, False
        if was_behind:
            self.take()
        return was_behind

    def hear(self, event: Event) -> None:
        """Receive an event."""
        if len(self._heard) >= _KEPT_FOR_A_LISTENER:
            self.fall_behind()
        elif not self.behind:
            self._heard.append(event)
        self._news.set()

    def fall_behind(self) -> None:
        """Discard the buffer; the next events must be read from the store."""
        self._heard.clear()
        self.behind = True
        self._news.set()

    def end(self) -> None:
        """End the listening."""
        self.ended = True
        self._news.set()


class EventListeners:
    """All listeners of this process."""

    def __init__(
        self,
        events: EventStore,
        usable_keys: Callable[[Collection[str]], Awaitable[Collection[str]]],
        *,
        streams_per_account: int,
        streams: int,
    ) -> None:
        """Receive from ``events``, from the first listener on. ``usable_keys``: filters ids of API keys for those that
        are still accepted. ``streams``: the limit of this process."""
        self._events = events
        self._usable_keys = usable_keys
        self._limits = {Purpose.STREAM: streams_per_account, Purpose.WAIT: WAITS_PER_ACCOUNT}
        self._streams = streams
        self._listeners: dict[str, set[Listener]] = {}
        self._count = dict.fromkeys(Purpose, 0)
        self._hearing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def join(self, account_id: str, purpose: Purpose, key_id: str | None = None) -> Listener:
        """A new listener to this account; pass it to `leave` afterwards.

        Raises `TooManyListeners` for the account's limit, and `ServiceUnavailable` for that of the process or while it
        is closing.
        """
        if self._closed or (purpose is Purpose.STREAM and self._count[purpose] >= self._streams):
            raise ServiceUnavailable
        here = self._listeners.get(account_id, set())
        if sum(each.purpose is purpose for each in here) >= self._limits[purpose]:
            raise TooManyListeners
        cache = next(iter(here)).cache if here else AccountCache()
        listener = Listener(account_id, purpose, key_id, cache)
        self._listeners.setdefault(account_id, here).add(listener)
        self._count[purpose] += 1
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._check_keys())]
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop listening. Idempotent."""
        here = self._listeners.get(listener.account_id, set())
        if listener in here:
            here.remove(listener)
            self._count[listener.purpose] -= 1
        if not here:
            self._listeners.pop(listener.account_id, None)
        listener.end()

    async def ready(self) -> None:
        """Wait until this process receives events, so that no later event is missed. Times out quickly, because without
        Redis no events are received."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_SECONDS):
                await self._hearing.wait()

    @property
    def count(self) -> dict[Purpose, int]:
        """The number of listeners in this process, by purpose."""
        return dict(self._count)

    def end(self) -> None:
        """End all listeners, and refuse new ones."""
        self._closed = True
        for listener in self._all():
            listener.end()

    async def close(self) -> None:
        """End all listeners, refuse new ones, and stop receiving events."""
        self.end()
        await cancel_all(*self._tasks)

    async def _hear(self) -> None:
        while True:
            try:
                async for heard in self._events.hear():
                    if heard is None:
                        self._hearing.set()
                        for listener in self._all():
                            listener.fall_behind()
                    else:
                        account_id, event = heard
                        for listener in self._listeners.get(account_id, ()):
                            listener.hear(event)
            except ServiceUnavailable as error:
                # Listeners lose nothing: they are behind as soon as events are received again.
                logger.warning("events not heard", error=type(error.__cause__).__name__)
            except Exception:
                logger.exception("events not heard")
            self._hearing.clear()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _check_keys(self) -> None:
        """End listeners whose key is no longer accepted: key revoked or expired, account suspended or erased."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            try:
                await self.check_keys()
            except Exception:
                # Without the database no key can be authenticated either; the next round checks again.
                logger.exception("keys of listeners not checked")

    async def check_keys(self) -> None:
        """Run this check once, now."""
        shown = {listener.key_id for listener in self._all() if listener.key_id is not None}
        usable = set(await self._usable_keys(shown)) if shown else set()
        for listener in self._all():
            if listener.key_id is not None and listener.key_id in shown - usable:
                listener.end()

    def _all(self) -> list[Listener]:
        return [listener for here in self._listeners.values() for listener in here]
