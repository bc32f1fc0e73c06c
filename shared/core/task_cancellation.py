"""Ending tasks that would go on for ever."""

import asyncio
from typing import Any

_ASK_AGAIN_SECONDS = 0.05


async def cancel_all(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks, and return when they have ended; what they ended with is nobody's concern any more.

    One cancellation is not enough: before Python 3.12 `asyncio.wait_for` loses the one that comes at the moment when
    what it waits for is there, and the client of Redis uses it with every command. Whoever then waits for the task
    waits for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_ASK_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
