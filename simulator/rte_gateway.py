"""The API gateway in front of RTE's APIs: opaque tokens, per-API subscriptions, EcoWatt's pause, faults, in that order.

The application has the same credentials at RTE and Enedis. Independent of colours and signals.
"""

import base64
import binascii
import hmac
import secrets
from datetime import datetime
from math import ceil

from fastapi import Request, Response

from simulator import rte_errors
from simulator.clock import Clock
from simulator.conditions import Conditions
from simulator.config import SimulatorSettings
from simulator.errors import Refusal
from simulator.gateway import Gateway, Produce, call_of, refused

TOKEN_SECONDS = 7_199


class RteTokens:
    """The opaque tokens that were issued and not deleted yet."""

    def __init__(self, settings: SimulatorSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._expires_at: dict[str, float] = {}

    def issue(self, authorization: str | None) -> str:
        """A token for HTTP Basic credentials. Raises: Refusal."""
        secret = self._settings.client_secret.get_secret_value()
        expected = f"{self._settings.client_id}:{secret}".encode()
        if not hmac.compare_digest(_basic_credentials(authorization), expected):
            raise rte_errors.wrong_credentials()
        now = self._clock.monotonic()
        self._expires_at = {token: end for token, end in self._expires_at.items() if end > now}
        token = secrets.token_urlsafe(36)
        self._expires_at[token] = now + TOKEN_SECONDS
        return token

    def check(self, authorization: str | None) -> None:
        """Accept the value of an `Authorization` header. Raises: Refusal."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or self._expires_at.get(token, 0.0) <= self._clock.monotonic():
            raise rte_errors.wrong_token()

    def clear(self) -> int:
        """Delete all tokens. Returns their number."""
        count = len(self._expires_at)
        self._expires_at.clear()
        return count


class RtePause:
    """The time of the last EcoWatt call, on the simulated clock: a test need not wait a quarter of an hour."""

    def __init__(self, clock: Clock, conditions: Conditions) -> None:
        self._clock = clock
        self._conditions = conditions
        self._asked_at: datetime | None = None

    def admit(self) -> None:
        """Admit a call and record it; a refused one does not count. Raises: Refusal."""
        now = self._clock.now()
        if self._asked_at is not None:
            elapsed = (now - self._asked_at).total_seconds()
            # A clock set back does not end the pause; it must not block a test for days either.
            if 0 <= elapsed < self._conditions.ecowatt_pause_seconds:
                raise rte_errors.too_soon(ceil(self._conditions.ecowatt_pause_seconds - elapsed))
        self._asked_at = now

    def clear(self) -> None:
        """Delete the time of the last call."""
        self._asked_at = None


class RteGateway:
    """Admits or refuses calls to RTE's APIs."""

    def __init__(self, conditions: Conditions, tokens: RteTokens, pause: RtePause, gateway: Gateway) -> None:
        self._conditions = conditions
        self._tokens = tokens
        self._pause = pause
        self._gateway = gateway

    async def answer(self, request: Request, api: str, produce: Produce, *, is_paused: bool = False) -> Response:
        """The response of an API that needs a token; `is_paused`: calls are subject to the pause."""
        call = call_of(request)
        call.api = api
        try:
            self._tokens.check(request.headers.get("authorization"))
            if api in self._conditions.unsubscribed_apis:
                raise rte_errors.not_subscribed()
            if is_paused:
                self._pause.admit()
        except Refusal as refusal:
            return refused(refusal, call)
        return await self.answer_anybody(request, api, produce)

    async def answer_anybody(self, request: Request, api: str, produce: Produce) -> Response:
        """The response of the token endpoint and of the open data: no token needed, but faults."""
        return await self._gateway.answer_unmetered(request, api, produce)


def _basic_credentials(authorization: str | None) -> bytes:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
