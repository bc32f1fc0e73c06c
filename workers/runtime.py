"""One event loop for a whole worker process, on a thread of its own, with everything opened on it once.

Celery's threads hand their coroutines to it and wait. One loop means one set of connections, whatever the number of
calls that are in the air at the same time.
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
class Workshop:
    """What the tasks of one process work with."""

    resources: Resources
    fetcher: Fetcher
    consent_exchange: ConsentExchange
    enedis: Provider
    public_data: PublicData


class Runtime:
    """The loop, and the workshop on it. `start` before the first task, `stop` after the last."""

    def __init__(self, settings: Settings) -> None:
        """Remember the settings; nothing is opened yet."""
        self._settings = settings
        self._stack = AsyncExitStack()
        # Made by `start`: a loop opens sockets of its own.
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread
        self._workshop: Workshop | None = None

    def start(self) -> None:
        """Run the loop and open everything on it."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="releve-loop", daemon=True)
        self._thread.start()
        self._workshop = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def run(self, work: Callable[[Workshop], Awaitable[Result]]) -> Result:
        """Do ``work`` on the loop, from any thread, in the caller's trace; returns or raises what it does."""
        workshop = self._workshop
        if workshop is None:
            raise RuntimeError("the runtime was not started")

        async def done() -> Result:
            return await work(workshop)

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()

    def stop(self) -> None:
        """Close everything and end the loop."""
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> Workshop:
        resources = await self._stack.enter_async_context(open_resources(self._settings))
        http = await self._stack.enter_async_context(open_http(self._settings.enedis_timeout_seconds))
        providers = build_providers(resources, http)
        enedis = providers["enedis"]
        return Workshop(
            resources,
            Fetcher(resources, providers),
            ConsentExchange(resources, enedis),
            enedis,
            PublicData(resources, build_public_providers(resources, http)),
        )
