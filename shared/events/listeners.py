"""Listening to events in one process: one connection hears of all accounts, and passes on to everybody who listens.

A listener is given what happens from now on. It keeps a bounded number of events that nobody has taken yet; who is
slower than that, or joined while nothing was heard, is *behind*: the store has what it missed. So nothing grows with a
slow reader, and nothing is lost with a connection.
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
"""So many requests of one account may wait for something at a time, in one process."""
_KEPT_FOR_A_LISTENER = 200
_READY_SECONDS = 2.0
_PAUSE_SECONDS = 1.0
_CHECK_SECONDS = 15.0


class Purpose(StrEnum):
    """What somebody listens for: one answer that is held back, or a stream of events."""

    WAIT = "wait"
    STREAM = "stream"


@dataclass(slots=True)
class Commons:
    """What those who listen to one account need not each have: its usage points' 14 digits by their internal ids, and
    the event that was told last, as it was told."""

    prms: dict[str, str] = field(default_factory=dict, repr=False)
    last_told: tuple[str, bytes] = ("", b"")


class Listener:
    """Somebody who listens to one account."""

    __slots__ = ("_heard", "_news", "account_id", "behind", "commons", "ended", "key_id", "purpose")

    def __init__(self, account_id: str, purpose: Purpose, key_id: str | None, commons: Commons) -> None:
        """``key_id``: with whose end the listening ends."""
        self.account_id = account_id
        self.commons = commons
        self.purpose = purpose
        self.key_id = key_id
        self.behind = True
        self.ended = False
        self._heard: deque[Event] = deque()
        self._news = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait until there is something to take, something was missed, or the end; ``False``: nothing, for so long."""
        if self._news.is_set():
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        return self._news.is_set()

    def take(self) -> list[Event]:
        """What was heard since the last time, in order."""
        events = list(self._heard)
        self._heard.clear()
        if not self.ended:
            self._news.clear()
        return events

    def catch_up(self) -> bool:
        """Whether something was missed since the last time, which the store has; what was heard is taken with it."""
        was_behind, self.behind = self.behind, False
        if was_behind:
            self.take()
        return was_behind

    def hear(self, event: Event) -> None:
        """Be told of an event."""
        if len(self._heard) >= _KEPT_FOR_A_LISTENER:
            self.fall_behind()
        elif not self.behind:
            self._heard.append(event)
        self._news.set()

    def fall_behind(self) -> None:
        """What is to be told next has to be read from the store."""
        self._heard.clear()
        self.behind = True
        self._news.set()

    def end(self) -> None:
        """There is nothing more to hear."""
        self.ended = True
        self._news.set()


class EventListeners:
    """Everybody who listens in this process."""

    def __init__(
        self,
        events: EventStore,
        usable_keys: Callable[[Collection[str]], Awaitable[Collection[str]]],
        *,
        streams_per_account: int,
        streams: int,
    ) -> None:
        """Hear from ``events``, from the first listener on. ``usable_keys``: those of some ids of API keys that still
        let in. ``streams``: so many in this process."""
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
        """A listener to this account, to be given to `leave`.

        Raises `TooManyListeners` for the account's limit, and `ServiceUnavailable` for that of the process or while it
        is closing.
        """
        if self._closed or (purpose is Purpose.STREAM and self._count[purpose] >= self._streams):
            raise ServiceUnavailable
        here = self._listeners.get(account_id, set())
        if sum(each.purpose is purpose for each in here) >= self._limits[purpose]:
            raise TooManyListeners
        commons = next(iter(here)).commons if here else Commons()
        listener = Listener(account_id, purpose, key_id, commons)
        self._listeners.setdefault(account_id, here).add(listener)
        self._count[purpose] += 1
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._check_keys())]
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop listening; the second time it does nothing."""
        here = self._listeners.get(listener.account_id, set())
        if listener in here:
            here.remove(listener)
            self._count[listener.purpose] -= 1
        if not here:
            self._listeners.pop(listener.account_id, None)
        listener.end()

    async def ready(self) -> None:
        """Wait until this process hears, so that nothing that happens from here on is missed; not for long: without
        Redis it does not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_SECONDS):
                await self._hearing.wait()

    @property
    def count(self) -> dict[Purpose, int]:
        """How many listen in this process."""
        return dict(self._count)

    def end(self) -> None:
        """End everybody's listening, and let nobody join any more."""
        self._closed = True
        for listener in self._all():
            listener.end()

    async def close(self) -> None:
        """The same, and hear nothing any more."""
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
                # Whoever listens loses nothing: it is behind as soon as events are heard again.
                logger.warning("events not heard", error=type(error.__cause__).__name__)
            except Exception:
                logger.exception("events not heard")
            self._hearing.clear()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _check_keys(self) -> None:
        """End the listening of who could not begin it any more: key revoked or expired, account suspended or gone."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            try:
                await self.check_keys()
            except Exception:
                # Without the database nobody can be let in either; the next round finds who is to go.
                logger.exception("keys of listeners not checked")

    async def check_keys(self) -> None:
        """Do so now."""
        shown = {listener.key_id for listener in self._all() if listener.key_id is not None}
        usable = set(await self._usable_keys(shown)) if shown else set()
        for listener in self._all():
            if listener.key_id is not None and listener.key_id in shown - usable:
                listener.end()

    def _all(self) -> list[Listener]:
        return [listener for here in self._listeners.values() for listener in here]
