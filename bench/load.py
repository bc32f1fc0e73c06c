"""A load generator for one URL: `python -m bench.load`, configured by one line of JSON.

A separate process, so that its cost is not attributed to the server; and minimal, because a client slower than the
server measures itself. Supports a minimum of HTTP/1.1: keep-alive, `Content-Length`.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(frozen=True)
class Order:
    """The request to send: ``requests`` times after ``warm_up`` ones, or until the time limit."""

    host: str
    port: int
    path: str
    headers: Mapping[str, str] = field(repr=False)
    connections: int
    requests: int
    warm_up: int
    longest_seconds: float


@dataclass(frozen=True)
class Measured:
    """The results; ``failed`` counts every response other than 200."""

    requests: int
    failed: int
    seconds: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    answer_bytes: int


class Load:
    """The state shared by all connections: remaining requests, and the latencies of the completed ones."""

    def __init__(self, order: Order, requests: int) -> None:
        """Send ``requests`` requests."""
        lines = [f"GET {order.path} HTTP/1.1", f"Host: {order.host}:{order.port}"]
        lines += [f"{name}: {value}" for name, value in order.headers.items()]
        self.request = "\r\n".join([*lines, "", ""]).encode()
        self.left = requests
        self.took_seconds: list[float] = []
        self.failed = 0
        self.answer_bytes = 0


class Connection(asyncio.Protocol):
    """One connection: a request, its response, the next request."""

    def __init__(self, load: Load) -> None:
        """Take part in ``load``."""
        self._load = load
        self._received = bytearray()
        self._asked = 0.0
        self._transport: asyncio.WriteTransport
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Continue when the response is complete."""
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        head = bytes(self._received[:head_end]).lower()
        at = head.index(_LENGTH) + len(_LENGTH)
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self._received) < head_end + len(_HEAD_END) + length:
            return
        self._load.took_seconds.append(time.perf_counter() - self._asked)
        self._load.failed += not head.startswith(b"http/1.1 200")
        self._load.answer_bytes = length
        self._received.clear()
        self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        """The server or this client has closed it."""
        if not self.ended.done():
            self.ended.set_result(None)

    def _ask(self) -> None:
        if self._load.left == 0:
            self._transport.close()
            return
        self._load.left -= 1
        self._asked = time.perf_counter()
        self._transport.write(self._load.request)


async def run_load(order: Order) -> Measured:
    """Execute the order."""
    await _run(order, Load(order, order.warm_up))
    load = Load(order, order.requests)
    begun = time.perf_counter()
    await _run(order, load)
    seconds = time.perf_counter() - begun
    took = sorted(load.took_seconds)
    return Measured(
        requests=len(took),
        failed=load.failed,
        seconds=round(seconds, 2),
        requests_per_second=round(len(took) / seconds, 1),
        p50_ms=round(statistics.median(took) * 1000, 2),
        p99_ms=round(took[int(len(took) * 0.99)] * 1000, 2),
        answer_bytes=load.answer_bytes,
    )


async def _run(order: Order, load: Load) -> None:
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(load), order.host, order.port))[1]
        for _ in range(order.connections)
    ]

    def stop() -> None:
        load.left = 0

    timer = loop.call_later(order.longest_seconds, stop)
    await asyncio.gather(*(connection.ended for connection in connections))
    timer.cancel()


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run_load(Order(**json.load(sys.stdin)))))))
