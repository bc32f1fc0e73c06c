"""How administrators come in by the contract of MyElectricalData v1: with a header of its own."""

from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader

from api.http.dependencies import Address, Now, ResourcesDep, require_admin
from shared.core.errors import AppError, NotFound, ServiceUnavailable, TooManyRequests, Unauthenticated

_header = APIKeyHeader(
    name="ADMIN_API_KEY",
    scheme_name="adminKeyBare",
    description="What the operator has set as `ADMIN_API_KEY`. Some proxies drop a name with `_`.",
    auto_error=False,
)

V1_ADMIN_REFUSALS: tuple[type[AppError], ...] = (Unauthenticated, NotFound, TooManyRequests, ServiceUnavailable)
"""What each of their routes can answer with."""


async def require_v1_admin(
    resources: ResourcesDep, now: Now, address: Address, shown: Annotated[str | None, Security(_header)]
) -> None:
    """Let administrators in. Raises what `require_admin` does."""
    await require_admin(resources, now, address, shown or "")


COMPAT_ADMIN_ONLY = [Depends(require_v1_admin)]
"""What a router of their routes depends on."""
