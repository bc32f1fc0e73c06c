"""Asking the gateway over HTTP: one place for waiting when it says so, and for turning its refusals into words.

Must never follow a redirect: the key goes to the address that the person named, and nowhere else. Must never let a text
in that a terminal would obey.
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
# Whoever would have to wait longer is told so instead.
LONGEST_PAUSE_SECONDS = 60
# Longer than the gateway lets anybody wait with `Prefer: wait`.
_TIMEOUT_SECONDS = 40.0
_BUSY = (429, 503)


class Gateway:
    """A gateway, asked with one key or with none."""

    def __init__(
        self, client: httpx.Client, tell: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """``tell`` is told about every pause; ``sleep`` makes them."""
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
        """The JSON document of an answer; empty when there is none. Raises `Refused`, `Unreachable`, `Failure`."""
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
        """A successful answer of which nothing is read yet. Raises `Refused`, `Unreachable`, `Failure`."""
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
            self._tell(f"the gateway asks to wait {pause:g} s: {refusal}")
            self.sleep(pause)
            attempt += 1

    def _pause_seconds(self, answer: httpx.Response, attempt: int) -> float | None:
        """How long to wait before asking the same again; ``None``: it is not worth it, or would do something twice."""
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
            return Failure(f"{self.url} leads elsewhere; log in with the address of the gateway itself")
        return self._stranger(answer)

    def _stranger(self, answer: httpx.Response) -> Failure:
        return Failure(
            f"{self.url} answers {answer.status_code}, and not as a Relève gateway does: is the address right?"
        )


def _problem(answer: httpx.Response) -> Document:
    """The problem document of an answer, or nothing."""
    if not answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        problem = all_printable(answer.json())
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


@contextmanager
def open_gateway(url: str, credentials: Credentials | None, tell: Callable[[str], None]) -> Iterator[Gateway]:
    """A gateway to ask, with a key or, to make an account, without."""
    headers = {"User-Agent": f"releve/{version('releve')}", "Accept": "application/json"}
    if credentials:
        headers["Authorization"] = f"Bearer {credentials.api_key}"
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        yield Gateway(client, tell)
