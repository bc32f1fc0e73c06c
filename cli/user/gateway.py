"""HTTP client of the gateway: the only place for pauses on its request, and for turning its errors into messages.

Must never follow a redirect: the key goes only to the address that the user configured. Must never return a text with
terminal control characters.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import httpx

from cli.user.credentials import Credentials
from cli.user.failures import Failure, Refused, Unreachable
from cli.user.words import all_printable

Document = dict[str, Any]

ATTEMPTS = 5
# Beyond this pause, the command fails with a message instead.
LONGEST_PAUSE_SECONDS = 60
# Longer than the gateway's maximum for `Prefer: wait`.
_TIMEOUT_SECONDS = 40.0
_BUSY = (429, 503)


class Gateway:
    """A gateway, called with one key or with none."""

    def __init__(
        self, client: httpx.Client, tell: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """``tell`` reports every pause; ``sleep`` performs it."""
        self.client = client
        self._tell = tell
        self.sleep = sleep

    @property
    def url(self) -> str:
        """Its address."""
        return str(self.client.base_url).rstrip("/")

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Document | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document:
        """The JSON document of a response; empty when there is none. Raises `Refused`, `Unreachable`, `Failure`."""
        with self.stream(method, path, params=params, body=body, headers=headers) as answer:
            content = answer.read()
        try:
            document = all_printable(answer.json()) if content else {}
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise self._stranger(answer)
        return document

    def get(self, path: str, **params: str) -> Document:
        """A document. Raises `Refused`, `Unreachable`, `Failure`."""
        return self.ask("GET", path, params=params)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Document | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """A successful response with an unread body. Raises `Refused`, `Unreachable`, `Failure`."""
        request = self.client.build_request(method, path, params=params or None, json=body, headers=headers)
        try:
            answer = self._send(request)
            try:
                yield answer
            finally:
                answer.close()
        except httpx.TransportError as error:
            raise Unreachable(self.url, error) from None

    def _send(self, request: httpx.Request) -> httpx.Response:
        attempt = 1
        while True:
            answer = self.client.send(request, stream=True)
            if answer.is_success:
                return answer
            answer.read()
            refusal, pause = self._refusal(answer), self._pause_seconds(answer, attempt)
            if pause is None:
                raise refusal
            self._tell(f"the gateway requests a pause of {pause:g} s: {refusal}")
            self.sleep(pause)
            attempt += 1

    def _pause_seconds(self, answer: httpx.Response, attempt: int) -> float | None:
        """The pause before a retry; ``None``: a retry is pointless, or not idempotent."""
        request = answer.request
        is_repeatable = request.method != "POST" or "Idempotency-Key" in request.headers or answer.status_code == 429
        if answer.status_code not in _BUSY or attempt == ATTEMPTS or not is_repeatable:
            return None
        if _problem(answer).get("retryable") is False:
            return None
        named = answer.headers.get("Retry-After", "")
        pause = float(named) if named.isascii() and named.isdigit() else 2.0**attempt
        return pause if pause <= LONGEST_PAUSE_SECONDS else None

    def _refusal(self, answer: httpx.Response) -> Failure:
        problem = _problem(answer)
        if problem:
            return Refused(problem)
        if answer.is_redirect:
            return Failure(f"{self.url} redirects elsewhere; log in with the address of the gateway itself")
        return self._stranger(answer)

    def _stranger(self, answer: httpx.Response) -> Failure:
        return Failure(
            f"{self.url} responds with {answer.status_code}, but not like a Relève gateway: is the address right?"
        )


def _problem(answer: httpx.Response) -> Document:
    """The problem document of a response, or an empty one."""
    if not answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        problem = all_printable(answer.json())
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


@contextmanager
def open_gateway(url: str, credentials: Credentials | None, tell: Callable[[str], None]) -> Iterator[Gateway]:
    """A client of a gateway, with a key or, to create an account, without."""
    headers = {"User-Agent": f"releve/{version('releve')}", "Accept": "application/json"}
    if credentials:
        headers["Authorization"] = f"Bearer {credentials.api_key}"
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        yield Gateway(client, tell)
