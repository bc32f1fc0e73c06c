"""Waiting for something to end, without asking again and again: the account's events say when to look."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.core.errors import ServiceUnavailable, TooManyListeners
from shared.events.listeners import EventListeners, Purpose
from shared.events.store import Event

Thing = TypeVar("Thing")

LONGEST_WAIT_SECONDS = 30
# An event can be lost with the process that had to send it: so often it is looked without one.
_LOOK_AGAIN_SECONDS = 5.0

_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


def parse_wait(prefer: str) -> int:
    """Seconds from a ``Prefer`` header (RFC 7240), 30 at most; 0 for one that says nothing usable about waiting."""
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
    """What ``load`` gives as soon as it ``is_over``, at the end of the wait, or when this process ends.

    Nothing is missed: it listens before the first look. An account of which too many wait already waits no longer.
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
