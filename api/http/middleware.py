"""Middleware for every request: access log, security headers, body size limit, and the handler of last resort.

Plain ASGI: no middleware reads a body or builds a response unless necessary.
"""

import time

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.error_handlers import internal_error_response
from api.http.metrics import Meters
from shared.observability.logging import get_logger

logger = get_logger(__name__)

_QUIET = ("/health/", "/metrics")
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
# Defaults unless the route sets the header: a response loads nothing and is not cached.
_UNLESS_SET = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]


class AccessLog:
    """Logs one line per request, with the route's template, never the path, which may contain a usage point. Also
    records its metrics."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        """Log and count the responses of ``app``."""
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, then log."""
        if scope["type"] != "http" or scope["path"].startswith(_QUIET):
            await self._app(scope, receive, send)
            return
        status = 0  # stays 0 if the client disconnects, or the server stops, before a response starts

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = time.perf_counter()
        try:
            await self._app(scope, receive, note_status)
        finally:
            route, seconds = getattr(scope.get("route"), "path", "unknown"), time.perf_counter() - begun
            self._meters.note_request(scope["method"], route, status, seconds)
            logger.info(
                "request", method=scope["method"], route=route, status=status, duration_ms=round(seconds * 1000, 1)
            )


class SecurityHeaders:
    """Adds security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        """Add headers to the responses of ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve with the headers added."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in _UNLESS_SET if name not in present]
                headers += [(name, value) for name, value in _ALWAYS if name not in present]
            await send(message)

        await self._app(scope, receive, add_headers)


class LastResort:
    """Converts unhandled exceptions to a problem document without details, and logs them with a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        """Catch the exceptions of ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or respond with 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def note_begin(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_begin)
        except Exception as error:
            logger.exception("internal_error", error=type(error).__name__)
            if begun:
                raise
            await internal_error_response(Request(scope))(scope, receive, send)


class BodyLimit:
    """Rejects a body that exceeds the limit, with or without a Content-Length.

    FastAPI's own ``max_body_size`` does the same but responds in plain text, which cannot be changed.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        """Limit the bodies that ``app`` reads to ``max_body_bytes``."""
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve; reading beyond the limit raises an `HTTPException`, which becomes a problem document."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        too_large = not announced.isdigit() or len(announced) > 19 or int(announced) > self._max_body_bytes
        received_bytes = 0

        async def count() -> Message:
            nonlocal received_bytes
            if too_large:
                raise HTTPException(413)
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._max_body_bytes:
                raise HTTPException(413)
            return message

        await self._app(scope, count, send)
