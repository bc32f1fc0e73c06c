"""ASGI applications served over real HTTP, each on its own loopback port."""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import certifi
import orjson
import pytest
import uvicorn

from tests.support.patience import PATIENCE_SECONDS

Scope = Mapping[str, Any]


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application in a thread; yields its URL."""
    # Bound and listening before the thread runs: clients can connect without waiting for a ready signal. TCP by name,
    # or asyncio does not switch off Nagle's algorithm and every response takes 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            ws="none",
            loop="asyncio",
            # An idle connection is not closed just as a client reuses it.
            timeout_keep_alive=int(10 * PATIENCE_SECONDS),
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="served")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def one_authority(directory: Path) -> Iterator[None]:
    """Make HTTP clients trust a single certificate authority.

    Tests do not use TLS, and loading all authorities takes each new client longer than most tests take.
    """
    first, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END CERTIFICATE-----\n")
    (directory / "authority.pem").write_text(first + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(directory / "authority.pem"))
        yield


@dataclass(frozen=True)
class Reply:
    """A response of a scripted provider: a JSON value, or raw bytes, possibly delayed or in pieces."""

    body: Any = None
    status: int = 200
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    # Nothing is sent until then.
    after: threading.Event | None = None
    # The body is sent in pieces, this many seconds apart.
    drop_seconds: float | None = None
    cut: bool = False


@dataclass(frozen=True)
class Received:
    """A received request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class ScriptedProvider:
    """A provider that sends the configured responses in order, repeating the last one; and a token on request."""

    def __init__(self, token_path: str) -> None:
        self._token_path = token_path
        self.start_again(Reply())

    def start_again(self, token: Reply) -> None:
        """Reset the provider; token requests receive this response."""
        self.token = token
        self._script: deque[Reply] = deque()
        self.received: list[Received] = []
        self.token_requests: list[Received] = []

    def will_answer(self, *replies: Reply) -> None:
        """Replace the script."""
        self._script = deque(replies)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = Received(
            scope["method"],
            scope["path"],
            dict(parse_qsl(scope["query_string"].decode())),
            {name.decode(): value.decode() for name, value in scope["headers"]},
            body,
        )
        if scope["path"] == self._token_path:
            self.token_requests.append(request)
            await _answer(self.token, send)
        else:
            self.received.append(request)
            await _answer(self._script.popleft() if len(self._script) > 1 else self._script[0], send)


async def _answer(reply: Reply, send: Any) -> None:
    if reply.after is not None:
        await asyncio.to_thread(reply.after.wait)
    content = orjson.dumps(reply.body) if reply.content is None else reply.content
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    if not reply.drop_seconds:
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if reply.cut:
        await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
        return
    for piece in _pieces(content) if reply.drop_seconds else []:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(reply.drop_seconds or 0)
    await send({"type": "http.response.body", "body": b"" if reply.drop_seconds else content})


def _pieces(content: bytes) -> Sequence[bytes]:
    return [content[index : index + 1] for index in range(len(content))]
