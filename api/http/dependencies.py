"""The dependencies of routes. The only module that reads the application's state."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, cast

from fastapi import Depends, Header, Path, Query, Request

from api.http.credentials import is_admin_key, shown_admin_key, shown_api_key
from api.http.fields import DatasetName, ObjectId, Prm
from api.http.long_polling import parse_wait
from api.http.metrics import Meters
from shared.accounts.api_keys import Scope
from shared.accounts.rate_limiter import Rate
from shared.accounts.store import Caller
from shared.consents.models import UsagePoint
from shared.core.errors import NotFound, TooManyRequests, Unauthenticated
from shared.resources import Resources


async def opened_resources(request: Request) -> Resources:
    """The open resources of this process."""
    return cast(Resources, request.app.state.resources)


async def current_time() -> datetime:
    """The current time: the only place where the API reads the clock to decide something."""
    return datetime.now(UTC)


async def current_meters(request: Request) -> Meters:
    """The metrics of this process."""
    return cast(Meters, request.app.state.meters)


ResourcesDep = Annotated[Resources, Depends(opened_resources)]
CurrentMeters = Annotated[Meters, Depends(current_meters)]
Now = Annotated[datetime, Depends(current_time)]


async def current_address(request: Request) -> str:
    """The client address that rate limits apply to, one per household or server: for IPv6 the /64 network."""
    return _address_of(request)


def _address_of(request: Request) -> str:
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return host


Address = Annotated[str, Depends(current_address)]


async def refuse_too_many(resources: Resources, what: str, address: str, rate: Rate, now: datetime) -> None:
    """Count one attempt from an address. Raises `TooManyRequests`."""
    retry_at = await resources.rate_limiter.try_once(what, address, rate, now)
    if retry_at is not None:
        raise TooManyRequests(retry_at=retry_at)


async def current_caller(request: Request, now: Now, api_key: Annotated[str, Depends(shown_api_key)]) -> Caller:
    """Authenticate the caller. Raises `Unauthenticated`, `AccountSuspended`, and `TooManyRequests` for an address with
    many invalid keys.

    A valid key is always accepted: many homes may share one address, and one of them must not lock out the others.
    """
    # Looked up here instead of declared as dependencies: the framework takes time to resolve each dependency, and this
    # runs with every request.
    parts = await opened_resources(request)
    try:
        return await parts.accounts.authenticate(api_key, now)
    except Unauthenticated:
        rate = Rate(parts.settings.failed_logins_per_minute, timedelta(minutes=1))
        await refuse_too_many(parts, "login", _address_of(request), rate, now)
        raise


CurrentCaller = Annotated[Caller, Depends(current_caller)]


def _caller_with(*scopes: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    async def caller_with_scope(caller: CurrentCaller) -> Caller:
        caller.require(*scopes)
        return caller

    return caller_with_scope


Reader = Annotated[Caller, Depends(_caller_with(Scope.READ))]
"""A caller with the scope `read`."""
Asker = Annotated[Caller, Depends(_caller_with(Scope.FETCH))]
"""A caller with the scope `fetch`."""
Manager = Annotated[Caller, Depends(_caller_with(Scope.MANAGE))]
"""A caller with the scope `manage`."""


async def require_admin(
    resources: ResourcesDep, now: Now, address: Address, shown: Annotated[str, Depends(shown_admin_key)]
) -> None:
    """Authenticate an administrator. Raises `NotFound` if no key is configured, `Unauthenticated` for any other key,
    including those of accounts, and `TooManyRequests` for an address with many invalid keys."""
    expected = resources.settings.admin_api_key.get_secret_value()
    if not expected:
        raise NotFound("The administration API is disabled: ADMIN_API_KEY is not set.")
    if not is_admin_key(shown, expected):
        rate = Rate(resources.settings.failed_logins_per_minute, timedelta(minutes=1))
        await refuse_too_many(resources, "admin-login", address, rate, now)
        raise Unauthenticated


ADMIN_ONLY = [Depends(require_admin)]
"""The dependencies of administration routers."""


UsagePointId = Annotated[Prm, Path(description="14 digits (PRM, PDL).", examples=["12345678901234"])]


async def own_usage_point(resources: ResourcesDep, caller: CurrentCaller, usage_point_id: UsagePointId) -> UsagePoint:
    """The usage point in the path, if it belongs to the caller. Raises `NotFound`."""
    return await resources.usage_points.find(caller.account.id, usage_point_id)


OwnUsagePoint = Annotated[UsagePoint, Depends(own_usage_point)]

JobId = Annotated[ObjectId, Path(description="The job's id.", examples=["job_0123456789abcdef01234567"])]
KeyId = Annotated[ObjectId, Path(description="The key's id.", examples=["key_0123456789abcdef"])]
AccountId = Annotated[ObjectId, Path(description="The account's id.", examples=["acct_0123456789abcdef01234567"])]
InvitationId = Annotated[ObjectId, Path(description="The invitation's id.", examples=["inv_0123456789abcdef"])]
ConsentId = Annotated[ObjectId, Path(description="The consent's id.", examples=["cons_0123456789abcdef01234567"])]
WebhookId = Annotated[ObjectId, Path(description="The webhook's id.", examples=["hook_0123456789abcdef"])]
DeliveryId = Annotated[ObjectId, Path(description="The delivery's id.", examples=["dlv_0123456789abcdef01234567"])]

DatasetInPath = Annotated[DatasetName, Path(description="One of `GET /v1/datasets`.")]
PageSize = Annotated[int, Query(ge=1, le=500, description="Maximum number of items.")]
SmallPageSize = Annotated[int, Query(ge=1, le=100, description="Maximum number of items.")]
IfNoneMatch = Annotated[
    str | None,
    Header(
        description="`ETag` of an earlier response: returns 304 if it has not changed.",
        examples=['W/"0123456789abcdef0123456789abcdef"'],
    ),
]


async def wanted_wait(
    prefer: Annotated[
        str | None,
        Header(
            description="`wait=N`: wait until the job has ended, for up to N seconds (maximum 30).",
            examples=["wait=10"],
        ),
    ] = None,
) -> int:
    """The requested wait in seconds; 0 if none was requested."""
    return parse_wait(prefer or "")


WaitSeconds = Annotated[int, Depends(wanted_wait)]
