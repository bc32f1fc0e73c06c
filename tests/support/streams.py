"""Event streams over real HTTP: the API served on a loopback port, in the event loop of the test."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from api.events.streams import listening_until_exit
from tests.support.patience import PATIENCE_SECONDS


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the test run."""
        yield


@dataclass(frozen=True)
class Served:
    """The API as clients see it, and its server."""

    server: uvicorn.Server
    client: httpx.AsyncClient


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[Served]:
    """Serve an application whose resources are open already."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Small buffers: few bytes are in transit to a client that does not read.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    # Streams end because they are closed, not because the server's timeout expired.
    patience = int(PATIENCE_SECONDS)
    server = _Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=patience
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with (
        listening_until_exit(app.state.resources.listeners),
        httpx.AsyncClient(base_url=address, timeout=PATIENCE_SECONDS) as client,
    ):
        yield Served(server, client)
    server.should_exit = True
    await serving


@dataclass(frozen=True)
class Told:
    """One event as received over the wire."""

    id: str | None
    type: str | None
    data: Any


class Stream:
    """A server's stream, event by event."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()
        self.comments = 0
        self.retry: int | None = None

    async def next(self) -> Told | None:
        """The next event; ``None`` at the end of the stream."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            fields: dict[str, str] = {}
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if not line and "data" in fields:
                    return Told(fields.get("id"), fields.get("event"), json.loads(fields["data"]))
                if not line:
                    fields = {}
                elif name == "retry":
                    self.retry = int(value)
                elif line.startswith(":"):
                    self.comments += 1
                else:
                    fields[name] = value
            return None

    async def next_id(self) -> str:
        """The next id, including one without an event."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await anext(line.removeprefix("id: ") async for line in self._lines if line.startswith("id: "))

    async def rest(self) -> list[str | None]:
        """The types of all events until the end."""
        types = []
        while told := await self.next():
            types.append(told.type)
        return types


@asynccontextmanager
async def listening_to(client: httpx.AsyncClient, path: str, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
    """An open stream."""
    async with client.stream("GET", path, headers=dict(headers)) as answer:
        if answer.status_code >= 400:
            await answer.aread()
        yield Stream(answer)
