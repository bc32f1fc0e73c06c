"""Authentication of administrators in MyElectricalData v1, by a header of its own."""

from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader

from api.http.dependencies import Address, Now, ResourcesDep, require_admin
from shared.core.errors import AppError, NotFound, ServiceUnavailable, TooManyRequests, Unauthenticated

_header = APIKeyHeader(
    name="ADMIN_API_KEY",
    scheme_name="adminKeyBare",
    description="The operator's `ADMIN_API_KEY`. Some proxies drop header names that contain `_`.",
    auto_error=False,
)

V1_ADMIN_REFUSALS: tuple[type[AppError], ...] = (Unauthenticated, NotFound, TooManyRequests, ServiceUnavailable)
"""The errors of every administration route."""


async def require_v1_admin(
    resources: ResourcesDep, now: Now, address: Address, shown: Annotated[str | None, Security(_header)]
) -> None:
    """Authenticate an administrator. Raises the errors of `require_admin`."""
    await require_admin(resources, now, address, shown or "")


COMPAT_ADMIN_ONLY = [Depends(require_v1_admin)]
"""The dependencies of administration routers."""
