"""Waiting for something to end, without asking again and again: the account's events say when to look."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.jobs import Event, JobStore

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
    jobs: JobStore,
    account_id: str,
    concerns: Callable[[Event], bool],
    wait_seconds: float,
) -> Thing:
    """What ``load`` gives as soon as it ``is_over``, or at the end of the wait.

    Nothing is missed: where the events end is noted before the first look.
    """
    deadline = asyncio.get_running_loop().time() + wait_seconds
    after = await jobs.last_event_id(account_id) if wait_seconds > 0 else ""
    thing = await load()
    while not is_over(thing):
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            break
        events = await jobs.next_events(account_id, after, min(left, _LOOK_AGAIN_SECONDS))
        after = events[-1].id if events else after
        if not events or any(map(concerns, events)):
            thing = await load()
    return thing
