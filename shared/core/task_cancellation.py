"""Cancellation of tasks that run indefinitely."""

import asyncio
from typing import Any

_ASK_AGAIN_SECONDS = 0.05


async def cancel_all(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait until they have ended; their results and exceptions are ignored.

    A single cancellation is not enough: before Python 3.12 `asyncio.wait_for` loses a cancellation that arrives when
    the awaited result is ready, and the Redis client uses it for every command. Waiting for such a task never ends.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_ASK_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
