"""Webhook receivers, good and bad: local servers with more or less correct HTTP.

The bad ones behave like receivers on the internet that are faulty or malicious. `BAD` lists them by name; the good one
returns 204 at once.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from shared.core.task_cancellation import cancel_all

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_BLOCK = b"0" * 65_536
_DROP_SECONDS = 0.05
_SLOW_SECONDS = 2.0


async def read_message(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    """The headers of one request, by lowercase name, and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    _, *lines = head.strip().split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return headers, await reader.readexactly(int(headers.get("content-length", "0")))


def answers(status: str, *headers: str, body: bytes = b"") -> Handler:
    """A handler that returns this response to every request."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return handle


async def _takes_its_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    await asyncio.sleep(_SLOW_SECONDS)
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def _never_answers(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    # Until the client times out.
    await reader.read(-1)


async def _answers_in_drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nX-Drops: ")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(_DROP_SECONDS)


async def _body_has_no_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(_DROP_SECONDS)


async def _body_is_huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n")
    while not writer.is_closing():
        writer.write(_BLOCK)
        await writer.drain()


async def _head_is_huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-More: " + _BLOCK + b"\r\n")
        await writer.drain()


async def _speaks_something_else(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    writer.write(b"\x00\xff\x16\x03 220 this is not HTTP\r\n\r\n")


async def _closes_early(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(10)


async def _breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")


async def _never_listens(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


BAD: dict[str, Handler] = {
    "slow (2 s)": _takes_its_time,
    "never answers": _never_answers,
    "answers in drops": _answers_in_drops,
    "body without end": _body_has_no_end,
    "body of 1 TiB": _body_is_huge,
    "head without end": _head_is_huge,
    "not HTTP": _speaks_something_else,
    "closes early": _closes_early,
    "breaks off": _breaks_off,
    "resets": _never_listens,
    "redirects": answers("302 Found", "Location: http://127.0.0.1:1/"),
    "500": answers("500 Internal Server Error", body=b"synthetic"),
    "410": answers("410 Gone"),
}


# More than a connection needs from its being accepted to its end.
_TURNS = 10


@asynccontextmanager
async def receiving(handler: Handler, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A running receiver; yields its URL."""

    serving: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await handler(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handle(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)
        # No connection is left open, neither by a handler that ends early nor by one that has not started.
        task.add_done_callback(lambda _task: writer.transport.abort())

    server = await asyncio.start_server(begin, host, 0, backlog=1024, ssl=tls)
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"{'https' if tls else 'http'}://{shown}:{server.sockets[0].getsockname()[1]}/webhook"
    finally:
        # A connection reaches the handler some loop iterations after it was accepted (before Python 3.12 it is left
        # open when the server has closed in the meantime), and is closed one iteration after it was aborted.
        for _ in range(_TURNS):
            await cancel_all(*serving)
            await asyncio.sleep(0)
        server.close()
        await cancel_all(*serving)
