"""Application tokens: `POST /oauth2/v3/token` with client credentials, and the check of a bearer token.

A token looks like Enedis's JWT and lists the subscribed APIs, but is not valid anywhere else. Supports one application.
Never returns or logs the application's secret.
"""

import base64
import binascii
import hmac
import json
import secrets
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request, Response

from simulator.clock import Clock
from simulator.config import SimulatorSettings
from simulator.errors import Refusal, invalid_token, missing_token, token_refusal
from simulator.faults import TOKEN_API
from simulator.gateway import Gateway, json_answer

_BODY_LIMIT_BYTES = 8_192


class Tokens:
    """The tokens that were issued and not deleted yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expires_at: dict[str, float] = {}

    def issue(self, ttl_seconds: int, subscribed_apis: list[str]) -> str:
        """A new token, valid for `ttl_seconds` on the machine's clock, which is also the client's."""
        now = self._clock.monotonic()
        self._expires_at = {token: end for token, end in self._expires_at.items() if end > now}
        claims = {
            "exp": int(self._clock.epoch_seconds()) + ttl_seconds,
            "subscribedAPIs": [
                {"name": name, "context": f"/{name}", "version": "v1", "subscriptionTier": "Unlimited"}
                for name in subscribed_apis
            ],
            "jti": secrets.token_hex(12),
        }
        parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
        token = ".".join([*parts, _base64url(secrets.token_bytes(32))])
        self._expires_at[token] = now + ttl_seconds
        return token

    def check(self, authorization: str | None) -> None:
        """Accept the value of an `Authorization` header.

        Raises:
            Refusal: 401; 900902 without a bearer token, 900901 with an unknown or expired one.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise missing_token()
        expires_at = self._expires_at.get(token.strip())
        if expires_at is None or expires_at <= self._clock.monotonic():
            raise invalid_token()

    def revoke(self, token: str) -> None:
        """Delete one token."""
        self._expires_at.pop(token, None)

    def clear(self) -> int:
        """Delete all tokens, as when the API gateway's key changes. Returns their number."""
        count = len(self._expires_at)
        self._expires_at.clear()
        return count


def token_router(settings: SimulatorSettings, gateway: Gateway, tokens: Tokens) -> APIRouter:
    """The routes of the token endpoint."""
    router = APIRouter(tags=["Enedis: token"])

    async def issue(request: Request) -> Response:
        if request.query_params:
            # The real endpoint tolerates it; a secret in a URL ends up in logs, so clients must not rely on it.
            raise token_refusal("invalid_request", "credentials belong in the body or in HTTP Basic, not in the query")
        form = await _read_form(request)
        client_id, client_secret = _credentials(request, form)
        known = hmac.compare_digest(client_id.encode(), settings.client_id.encode())
        secret = settings.client_secret.get_secret_value()
        if not (hmac.compare_digest(client_secret.encode(), secret.encode()) and known):
            raise token_refusal("invalid_client", "A valid OAuth client could not be found for client_id")
        grant_type = form.get("grant_type")
        if grant_type is None:
            raise token_refusal("invalid_request", "Missing grant_type parameter value")
        if grant_type != "client_credentials":
            raise token_refusal("unsupported_grant_type", "Unsupported grant_type value")
        return json_answer(
            200,
            {
                "access_token": tokens.issue(settings.token_ttl_seconds, gateway.subscribed_apis()),
                "token_type": "Bearer",
                "expires_in": settings.token_ttl_seconds,
                "scope": "default",
            },
            {"Cache-Control": "no-store", "Pragma": "no-cache"},
        )

    async def revoke(request: Request) -> Response:
        form = await _read_form(request)
        tokens.revoke(form.get("token", ""))
        return Response(status_code=200)

    @router.post("/oauth2/v3/token", summary="An application token (client credentials)")
    async def token(request: Request) -> Response:
        return await gateway.answer_unmetered(request, TOKEN_API, issue)

    @router.post("/oauth2/v3/revoke", summary="Revoke a token")
    async def revoke_token(request: Request) -> Response:
        return await gateway.answer_unmetered(request, TOKEN_API, revoke)

    return router


async def _read_form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise token_refusal("invalid_request", "the body must be application/x-www-form-urlencoded")
    body = await request.body()
    try:
        pairs = parse_qsl(body[:_BODY_LIMIT_BYTES].decode(), keep_blank_values=True)
    except UnicodeDecodeError as error:
        raise token_refusal("invalid_request", "the body is not UTF-8") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise token_refusal("invalid_request", "a parameter is repeated")
    return form


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _no_client() from error
        return unquote_plus(name), unquote_plus(secret)
    if "client_id" not in form or "client_secret" not in form:
        raise _no_client()
    return form["client_id"], form["client_secret"]


def _no_client() -> Refusal:
    return token_refusal("invalid_client", "Client credentials are missing or malformed")


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
