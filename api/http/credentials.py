"""Extracts the API key from a request. `shared.accounts.store` authenticates it and opens its vault."""

import hashlib
import hmac
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from shared.core.errors import Unauthenticated

_bearer = HTTPBearer(
    scheme_name="apiKeyBearer",
    bearerFormat="rlv_…",
    description="`Authorization: Bearer rlv_…`, or a key in JWT format.",
    auto_error=False,
)
_admin = HTTPBearer(
    scheme_name="adminKey",
    description="`Authorization: Bearer …` with the operator's `ADMIN_API_KEY`. Gives no access to readings.",
    auto_error=False,
)
_header = APIKeyHeader(
    name="X-API-Key",
    scheme_name="apiKeyHeader",
    description="The same key, for clients that cannot set the `Authorization` header.",
    auto_error=False,
)
_bare = APIKeyHeader(
    name="Authorization",
    scheme_name="apiKeyBare",
    description="The same key without a scheme, as clients of other gateways send it; `Bearer` is optional.",
    auto_error=False,
)


async def shown_api_key(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    header: Annotated[str | None, Security(_header)],
) -> str:
    """The API key of a request. Raises `Unauthenticated` if there is none."""
    api_key = bearer.credentials if bearer else header
    if not api_key:
        raise Unauthenticated
    return api_key


async def shown_bare_key(header: Annotated[str | None, Security(_bare)]) -> str:
    """The API key of a request by a client of another gateway. Raises `Unauthenticated` if there is none."""
    shown = (header or "").strip()
    scheme, _, credentials = shown.partition(" ")
    api_key = credentials.strip() if scheme.lower() == "bearer" else shown
    if not api_key:
        raise Unauthenticated
    return api_key


async def shown_admin_key(bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_admin)]) -> str:
    """The administrators' key of a request, empty if there is none."""
    return bearer.credentials if bearer else ""


def is_admin_key(shown: str, expected: str) -> bool:
    """Whether this is the administrators' key. Constant-time for any length; always false if none is configured."""
    digests = (hashlib.sha256(each.encode("utf-8", "surrogatepass")).digest() for each in (shown, expected))
    return hmac.compare_digest(*digests) and bool(expected)
