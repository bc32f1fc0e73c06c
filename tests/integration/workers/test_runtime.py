"""One event loop per process: many threads submit work, the loop runs it, and its outcome is returned to them."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.config.settings import Settings
from shared.core.errors import ProviderUnavailable
from workers.runtime import Runtime, WorkerContext

trace_of_the_caller: contextvars.ContextVar[str] = contextvars.ContextVar("trace_of_the_caller", default="none")


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """A running runtime."""
    started = Runtime(settings)
    started.start()
    yield started
    started.stop()


def test_work_is_done_on_one_loop_whichever_thread_brings_it(runtime: Runtime) -> None:
    async def place(_: WorkerContext) -> tuple[int, int]:
        return id(asyncio.get_running_loop()), threading.get_ident()

    with ThreadPoolExecutor(4) as threads:
        places = set(threads.map(lambda _: runtime.run(place), range(20)))

    ((_, thread),) = places
    assert threading.get_ident() != thread


def test_work_of_many_threads_goes_on_at_the_same_time(runtime: Runtime) -> None:
    together = asyncio.Barrier(4)

    async def meet(_: WorkerContext) -> int:
        # The barrier opens when all four have arrived.
        return await together.wait()

    with ThreadPoolExecutor(4) as threads:
        assert {0, 1, 2, 3} == set(threads.map(lambda _: runtime.run(meet), range(4)))


def test_an_error_is_raised_where_the_work_came_from(runtime: Runtime) -> None:
    async def fail(_: WorkerContext) -> None:
        raise ProviderUnavailable

    with pytest.raises(ProviderUnavailable):
        runtime.run(fail)


def test_work_goes_on_in_the_trace_of_its_thread(runtime: Runtime) -> None:
    async def trace(_: WorkerContext) -> str:
        await asyncio.sleep(0)
        return trace_of_the_caller.get()

    def work(name: str) -> str:
        trace_of_the_caller.set(name)
        return runtime.run(trace)

    with ThreadPoolExecutor(3) as threads:
        assert ["a", "b", "c"] == list(threads.map(work, "abc"))
    assert "none" == trace_of_the_caller.get()


def test_all_work_shares_the_same_open_parts(runtime: Runtime) -> None:
    async def resources(shop: WorkerContext) -> int:
        await shop.resources.jobs.waiting_calls()
        return id(shop)

    assert runtime.run(resources) == runtime.run(resources)


def test_without_a_start_there_is_nothing_to_work_with(settings: Settings) -> None:
    async def nothing(_: WorkerContext) -> None:
        raise AssertionError

    with pytest.raises(RuntimeError, match="not started"):
        Runtime(settings).run(nothing)


def test_after_a_stop_nothing_is_left_of_it(settings: Settings) -> None:
    runtime = Runtime(settings)
    before = set(threading.enumerate())
    runtime.start()

    async def loop(_: WorkerContext) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    running = runtime.run(loop)
    runtime.stop()

    assert running.is_closed()
    assert "releve-loop" not in {thread.name for thread in set(threading.enumerate()) - before}
