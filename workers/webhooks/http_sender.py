"""HTTP to webhook receivers: untrusted addresses, responses that are not stored.

Each request opens a new connection to an address that was just checked, under the host name of the URL: TLS is verified
against that name, without another DNS lookup. No redirects, no proxy from the environment, no cookies. Only the status
of a response is kept.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from time import monotonic

import httpx

from shared.events.deliveries import Attempt, DeliveryError
from shared.events.webhook_urls import Target, TargetRefused, WebhookTargets
from shared.observability.tracing import untraced

TIMEOUT_SECONDS = 15.0
"""Total timeout: DNS lookup, connecting, sending, and the status of the response."""
_CONNECT_SECONDS = 5.0
# The number of addresses to try: an unreachable IPv6 address must not fail the delivery.
_MOST_ADDRESSES = 3
# The rest of a response is read for a short time: some receivers roll back when the connection breaks.
_HEAR_OUT_BYTES = 16_384
_HEAR_OUT_SECONDS = 1.0


class Receivers:
    """Requests to receivers."""

    def __init__(self, transport: httpx.AsyncBaseTransport, targets: WebhookTargets, timeout_seconds: float) -> None:
        """Send through ``transport``, to the addresses that ``targets`` allows."""
        self._transport = transport
        self._targets = targets
        self._timeout_seconds = timeout_seconds

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send one message and return the outcome. Raises no error that a receiver could cause."""
        at, begun, status, milliseconds = datetime.now(UTC), monotonic(), None, None
        error: DeliveryError | None
        try:
            # Not traced: tracing adds a header, and receivers' addresses must not appear in traces.
            with untraced():
                async with asyncio.timeout(self._timeout_seconds):
                    target, addresses = await self._targets.find(url)
                    response = await self._send(target, addresses, headers, body)
                status, milliseconds = response.status_code, int((monotonic() - begun) * 1000)
                await _hear_out(response)
        except TargetRefused:
            error = DeliveryError.TARGET_REFUSED
        except (httpx.TimeoutException, TimeoutError):
            error = DeliveryError.TIMEOUT
        except httpx.ConnectError as failure:
            error = DeliveryError.TLS_FAILED if _is_of_tls(failure) else DeliveryError.UNREACHABLE
        except httpx.NetworkError:
            error = DeliveryError.UNREACHABLE
        except httpx.TransportError:
            error = DeliveryError.GARBAGE
        else:
            error = _error_of(status)
        if milliseconds is None:
            milliseconds = int((monotonic() - begun) * 1000)
        return Attempt(at, error, status, milliseconds)

    async def _send(
        self, target: Target, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        *others, last = addresses[:_MOST_ADDRESSES]
        for address in others:
            # Nothing was sent when the connection failed.
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._send_to(address, target, headers, body)
        return await self._send_to(last, target, headers, body)

    async def _send_to(self, address: str, target: Target, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        host = f"[{address}]" if ":" in address else address
        request = httpx.Request(
            "POST",
            f"{target.scheme}://{host}:{target.port}{target.path}",
            headers={**headers, "Host": target.authority},
            content=body,
            extensions={
                "sni_hostname": target.host,
                "timeout": httpx.Timeout(self._timeout_seconds, connect=_CONNECT_SECONDS).as_dict(),
            },
        )
        return await self._transport.handle_async_request(request)


@asynccontextmanager
async def open_receivers(
    targets: WebhookTargets, most_at_once: int, timeout_seconds: float = TIMEOUT_SECONDS
) -> AsyncIterator[Receivers]:
    """Requests to receivers, with a limit of concurrent ones."""
    # No connection is reused: TLS was verified for the host name of the request that opened it.
    limits = httpx.Limits(max_connections=most_at_once, max_keepalive_connections=0)
    async with httpx.AsyncHTTPTransport(limits=limits) as transport:
        yield Receivers(transport, targets, timeout_seconds)


async def _hear_out(response: httpx.Response) -> None:
    read = 0
    try:
        with suppress(httpx.TransportError, TimeoutError):
            async with asyncio.timeout(_HEAR_OUT_SECONDS):
                async for chunk in response.aiter_raw():
                    read += len(chunk)
                    if read > _HEAR_OUT_BYTES:
                        break
    finally:
        await response.aclose()


def _error_of(status: int) -> DeliveryError | None:
    if httpx.codes.is_success(status):
        return None
    if status == httpx.codes.GONE:
        return DeliveryError.GONE
    return DeliveryError.REDIRECT if httpx.codes.is_redirect(status) else DeliveryError.BAD_STATUS


def _is_of_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
