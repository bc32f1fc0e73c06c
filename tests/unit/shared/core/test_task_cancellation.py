"""A task that must end ends, even if it does not react to its first cancellation."""

import asyncio
from contextlib import suppress

import pytest

from shared.core.task_cancellation import cancel_all
from tests.support.cases import case

pytestmark = pytest.mark.anyio


async def deaf(times: int, heard: list[str]) -> None:
    """Run without end, and ignore ``times`` cancellations."""
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
            raise AssertionError("nothing ends this but a cancellation")
        heard.append("lost")
    await asyncio.Event().wait()


async def test_a_task_that_loses_cancellations_is_ended_all_the_same() -> None:
    for times in [0, 1, 3]:
        with case(times):
            heard: list[str] = []
            task = asyncio.create_task(deaf(times, heard))
            await asyncio.sleep(0)

            await cancel_all(task)

            assert task.cancelled()
            assert ["lost"] * times == heard


async def test_how_a_task_ended_is_not_raised_here() -> None:
    async def fail() -> None:
        raise ValueError("of its own")

    ended, failed, waiting = (asyncio.create_task(each) for each in (asyncio.sleep(0), fail(), asyncio.sleep(3600)))
    await asyncio.wait({ended, failed})

    await cancel_all(ended, failed, waiting)

    assert [False, False, True] == [ended.cancelled(), failed.cancelled(), waiting.cancelled()]


async def test_without_tasks_there_is_nothing_to_wait_for() -> None:
    await cancel_all()
