"""HTTP to providers: slots, token, timeouts, size limits. One request at a time; adapters interpret the responses."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from shared.core.errors import ProviderGarbage, ProviderTimeout, ProviderTokenRejected, ProviderUnavailable
from shared.jobs.models import Lane
from workers.upstream.access_tokens import Token, TokenStore
from workers.upstream.port import Slot, Slots

_Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]

# Consecutive refusals of current tokens after which the provider is assumed to accept none; and the limit of requests.
_REFUSALS = 2
_TRIES = 5
# A year of daily values is 15 kB, a week of five-minute values 250 kB.
_MAX_ANSWER_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's response: its status, and the body as JSON, or ``None`` when it is not JSON. ``retry_at``: the retry
    time of its ``Retry-After``, if any."""

    status: int
    body: Any = field(repr=False)
    received_at: datetime
    retry_at: datetime | None = None


def open_http(timeout_seconds: float) -> httpx.AsyncClient:
    """An HTTP client for providers: keep-alive, timeouts, no redirects."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds)),
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
        headers={"User-Agent": "releve/0.1", "Accept": "application/json"},
        follow_redirects=False,
    )


class ProviderClient:
    """Requests to one provider, each in a slot of its quota and with its token."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        slots: Slots,
        tokens: TokenStore,
        fetch_token: Callable[[httpx.AsyncClient], Awaitable[Token]],
    ) -> None:
        """Send requests to ``base_url`` through ``http``; ``fetch_token`` fetches a new token when one is needed."""
        self._http = http
        self._base_url = base_url
        self._slots = slots
        self._tokens = tokens
        self._fetch_token = fetch_token

    async def request(
        self,
        api: str,
        method: str,
        path: str,
        lane: Lane,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send one request in a slot of ``api``; retry in another slot when the token was refused. If another process
        has replaced the refused token in the meantime, the refusal proves nothing about the provider's current tokens.

        Raises `NoSlotYet`, `ProviderTimeout`, `ProviderUnavailable`, `ProviderGarbage`, `ProviderTokenRejected`.
        """
        request = self._http.build_request(method, self._base_url + path, params=params, json=body)
        refused = 0
        for _ in range(_TRIES):
            async with self._slots.slot(api, lane) as slot:
                try:
                    # Not before the wait for a slot: a token can expire during that wait.
                    token = await self._tokens.token(lambda: self._fetch_token(self._http))
                    request.headers["Authorization"] = f"Bearer {token}"
                    answer = await send(self._http, request, slot)
                except ProviderUnavailable:
                    slot.worked = False
                    raise
                if answer.status != httpx.codes.UNAUTHORIZED:
                    slot.worked = _is_of_a_working_provider(answer)
                    return answer
            refused += await self._tokens.discard(token)
            if refused == _REFUSALS:
                break
        raise ProviderTokenRejected

    async def close_until(self, api: str, moment: datetime) -> None:
        """Pause all calls to this API until that time."""
        await self._slots.close_until(api, moment)


async def send(http: httpx.AsyncClient, request: httpx.Request, slot: Slot | None = None) -> Answer:
    """Send a request and read its whole, bounded response, whatever its content type. With a ``slot`` the connection is
    made first, and the request written at the slot's time.

    Raises `ProviderTimeout`, `ProviderUnavailable`, `ProviderGarbage`; `NoSlotYet` when the slot was missed.
    """
    try:
        # The client's own timeout applies to each chunk; a response that trickles in would never end.
        async with asyncio.timeout(http.timeout.read) as deadline:
            if slot is not None:
                request.extensions["trace"] = _in_time(slot, deadline, http.timeout.read)
            response = await http.send(request, stream=True)
            try:
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _MAX_ANSWER_BYTES:
                        raise ProviderGarbage("The provider's response is too large.")
            finally:
                await response.aclose()
    except (httpx.TimeoutException, TimeoutError):
        raise ProviderTimeout from None
    except (httpx.TransportError, httpx.DecodingError):
        # Its text may contain the URL, and the URL a usage point.
        raise ProviderUnavailable from None
    try:
        body = json.loads(bytes(content))
    except (ValueError, RecursionError):
        body = None
    received_at = datetime.now(UTC)
    return Answer(response.status_code, body, received_at, _retry_at(response.headers, received_at))


def _retry_at(headers: httpx.Headers, received_at: datetime) -> datetime | None:
    """Seconds or a date (RFC 9110, 10.2.3), within a day: a later date indicates a wrong clock."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        moment = received_at + timedelta(seconds=int(text))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
    return min(max(moment, received_at), received_at + timedelta(days=1))


def _in_time(slot: Slot, deadline: asyncio.Timeout, timeout_seconds: float | None) -> _Trace:
    """An httpx trace callback that is awaited at each step of a request.

    https://www.encode.io/httpcore/extensions/#trace
    """
    is_reached = False

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        nonlocal is_reached
        # A proxy first receives a CONNECT request, which no provider counts.
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            await slot.reach()
            is_reached = True
            if timeout_seconds is not None:
                deadline.reschedule(asyncio.get_running_loop().time() + timeout_seconds)
        elif event.endswith("send_request_body.complete") and is_reached:
            slot.sent()

    return trace


def _is_of_a_working_provider(answer: Answer) -> bool:
    """Whether the provider worked: a refusal counts as a response, an HTML page in place of data does not."""
    return answer.status < 500 and (answer.body is not None or answer.status >= 400)
