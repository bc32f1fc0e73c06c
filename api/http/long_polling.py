"""Long polling: wait for an object to reach its end, reloading it when an event of the account concerns it."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.core.errors import ServiceUnavailable, TooManyListeners
from shared.events.listeners import EventListeners, Purpose
from shared.events.store import Event

Thing = TypeVar("Thing")

LONGEST_WAIT_SECONDS = 30
# An event is lost if its process dies before sending it, so the object is also reloaded at this interval.
_LOOK_AGAIN_SECONDS = 5.0

_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


def parse_wait(prefer: str) -> int:
    """Seconds from a ``Prefer`` header (RFC 7240), 30 at most; 0 if it contains no valid ``wait``."""
    found = _WAIT.search(prefer[:1000])
    return min(int(found[1]), LONGEST_WAIT_SECONDS) if found else 0


async def wait_until(
    is_over: Callable[[Thing], bool],
    load: Callable[[], Awaitable[Thing]],
    listening: EventListeners,
    account_id: str,
    concerns: Callable[[Event], bool],
    wait_seconds: float,
) -> Thing:
    """The result of ``load`` as soon as it ``is_over``, when the wait times out, or when this process stops.

    No event is missed: listening starts before the first load. If too many requests of the account already wait, this
    one does not.
    """
    if wait_seconds <= 0:
        return await load()
    deadline = asyncio.get_running_loop().time() + wait_seconds
    try:
        listener = listening.join(account_id, Purpose.WAIT)
    except (TooManyListeners, ServiceUnavailable):
        return await load()
    try:
        await listening.ready()
        thing = await load()
        while not is_over(thing) and not listener.ended:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            is_told = await listener.wait(min(left, _LOOK_AGAIN_SECONDS))
            if not is_told or listener.catch_up() or any(map(concerns, listener.take())):
                thing = await load()
        return thing
    finally:
        listening.leave(listener)
