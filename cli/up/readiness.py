"""Waits for a started child to become ready.

Owns the race between a child's readiness, its end and its time limit. Must never end a child.
"""

import asyncio

from cli.up.child import Announces, Finishes
from cli.up.spawn import Running
from shared.core.task_cancellation import cancel_all

PROBE_SECONDS = 0.05


async def until_ready(running: Running) -> str | None:
    """Wait until a child is ready; return None, or the reason why it is not: it ended or timed out."""
    child = running.child
    ended = asyncio.create_task(running.process.wait())
    ready = asyncio.create_task(_readiness(running))
    try:
        await asyncio.wait({ended, ready}, timeout=child.ready_seconds, return_when=asyncio.FIRST_COMPLETED)
        # Checked first: a process that has ended is not ready, even if another one responds in its place.
        if ended.done():
            finished = isinstance(child.ready, Finishes) and ended.result() == 0
            return None if finished else describe_end(ended.result())
        if ready.done():
            ready.result()
            return None
        return f"was not ready after {child.ready_seconds:g} s"
    finally:
        await cancel_all(ended, ready)


def describe_end(returncode: int) -> str:
    """How a process ended, as text: `ended (signal 9)`."""
    return f"ended (signal {-returncode})" if returncode < 0 else f"ended (status {returncode})"


async def _readiness(running: Running) -> None:
    match running.child.ready:
        case Announces():
            await running.announced()
        case Finishes():
            await asyncio.Event().wait()  # Its end is watched elsewhere.
        case probe:
            ready = await probe()
            while not ready:
                # The process sends no notification; polling is the only option.
                await asyncio.sleep(PROBE_SECONDS)
                ready = await probe()
