"""One event loop per worker process, on its own thread, with all resources opened on it once.

Celery's threads submit their coroutines to it and wait. One loop means one set of connections, whatever the number of
concurrent calls.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

from shared.config.settings import Settings
from shared.resources import Resources, open_resources
from workers.consents.exchange import ConsentExchange
from workers.fetching.fetcher import Fetcher
from workers.public_data import PublicData
from workers.registry import build_providers, build_public_providers
from workers.upstream.http_client import open_http
from workers.upstream.port import Provider

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The resources shared by the tasks of one process."""

    resources: Resources
    fetcher: Fetcher
    consent_exchange: ConsentExchange
    enedis: Provider
    public_data: PublicData


class Runtime:
    """The loop and its context. Call `start` before the first task, `stop` after the last."""

    def __init__(self, settings: Settings) -> None:
        """Keep the settings; opens nothing yet."""
        self._settings = settings
        self._stack = AsyncExitStack()
        # Created by `start`: a loop opens sockets.
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread
        self._context: WorkerContext | None = None

    def start(self) -> None:
        """Run the loop and open all resources on it."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="releve-loop", daemon=True)
        self._thread.start()
        self._context = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def run(self, work: Callable[[WorkerContext], Awaitable[Result]]) -> Result:
        """Run ``work`` on the loop, from any thread, in the caller's trace; returns its result or raises its error."""
        context = self._context
        if context is None:
            raise RuntimeError("the runtime was not started")

        async def done() -> Result:
            return await work(context)

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()

    def stop(self) -> None:
        """Close all resources and stop the loop."""
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> WorkerContext:
        resources = await self._stack.enter_async_context(open_resources(self._settings))
        http = await self._stack.enter_async_context(open_http(self._settings.enedis_timeout_seconds))
        providers = build_providers(resources, http)
        enedis = providers["enedis"]
        return WorkerContext(
            resources,
            Fetcher(resources, providers),
            ConsentExchange(resources, enedis),
            enedis,
            PublicData(resources, build_public_providers(resources, http)),
        )
