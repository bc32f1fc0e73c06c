"""Where a request shows its API key. Whose it is, and with what its vault opens, `shared.accounts.store` knows."""

import hashlib
import hmac
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from shared.core.errors import Unauthenticated

_bearer = HTTPBearer(
    scheme_name="apiKeyBearer",
    bearerFormat="rlv_…",
    description="`Authorization: Bearer rlv_…`, or a key in the form of a JWT.",
    auto_error=False,
)
_admin = HTTPBearer(
    scheme_name="adminKey",
    description="`Authorization: Bearer …` with what the operator has set as `ADMIN_API_KEY`. Opens no reading.",
    auto_error=False,
)
_header = APIKeyHeader(
    name="X-API-Key",
    scheme_name="apiKeyHeader",
    description="The same key, for who can't set the other header.",
    auto_error=False,
)
_bare = APIKeyHeader(
    name="Authorization",
    scheme_name="apiKeyBare",
    description="The same key with nothing before it, as clients of other gateways show theirs; `Bearer` may stand "
    "there.",
    auto_error=False,
)


async def shown_api_key(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    header: Annotated[str | None, Security(_header)],
) -> str:
    """The API key that a request shows. Raises `Unauthenticated` when there is none."""
    api_key = bearer.credentials if bearer else header
    if not api_key:
        raise Unauthenticated
    return api_key


async def shown_bare_key(header: Annotated[str | None, Security(_bare)]) -> str:
    """The API key that a client of another gateway shows. Raises `Unauthenticated` when there is none."""
    shown = (header or "").strip()
    scheme, _, credentials = shown.partition(" ")
    api_key = credentials.strip() if scheme.lower() == "bearer" else shown
    if not api_key:
        raise Unauthenticated
    return api_key


async def shown_admin_key(bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_admin)]) -> str:
    """The administrators' key that a request shows, empty when there is none."""
    return bearer.credentials if bearer else ""


def is_admin_key(shown: str, expected: str) -> bool:
    """Whether this is the administrators' key, compared in constant time, whatever its length; never without one."""
    digests = (hashlib.sha256(each.encode("utf-8", "surrogatepass")).digest() for each in (shown, expected))
    return hmac.compare_digest(*digests) and bool(expected)
