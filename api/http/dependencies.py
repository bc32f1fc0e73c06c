"""What a route can ask for by type. The sole reader of the application's state."""

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
    """What this process has open."""
    return cast(Resources, request.app.state.resources)


async def current_time() -> datetime:
    """The present moment: the only place where the API looks at the clock to decide something."""
    return datetime.now(UTC)


async def current_meters(request: Request) -> Meters:
    """What this process has counted of itself."""
    return cast(Meters, request.app.state.meters)


ResourcesDep = Annotated[Resources, Depends(opened_resources)]
CurrentMeters = Annotated[Meters, Depends(current_meters)]
Now = Annotated[datetime, Depends(current_time)]


async def current_address(request: Request) -> str:
    """Where a request comes from, as far as one household or server has it: of IPv6 the network."""
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
    """Count one try from an address. Raises `TooManyRequests`."""
    retry_at = await resources.rate_limiter.try_once(what, address, rate, now)
    if retry_at is not None:
        raise TooManyRequests(retry_at=retry_at)


async def current_caller(request: Request, now: Now, api_key: Annotated[str, Depends(shown_api_key)]) -> Caller:
    """Who asks. Raises `Unauthenticated`, `AccountSuspended`, and `TooManyRequests` for who shows many wrong keys.

    A right key always lets in: behind one address may be many homes, and one of them must not lock the others out.
    """
    # Looked up here and not asked for: the framework takes its time for each thing that is asked for, and this is
    # asked for with every request.
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
"""Who may read what is stored."""
Asker = Annotated[Caller, Depends(_caller_with(Scope.FETCH))]
"""Who may have data fetched."""
Manager = Annotated[Caller, Depends(_caller_with(Scope.MANAGE))]
"""Who may manage the account."""


async def require_admin(
    resources: ResourcesDep, now: Now, address: Address, shown: Annotated[str, Depends(shown_admin_key)]
) -> None:
    """Let administrators in. Raises `NotFound` where there is no such key, `Unauthenticated` for every other one, an
    account's too, and `TooManyRequests` for who shows many."""
    expected = resources.settings.admin_api_key.get_secret_value()
    if not expected:
        raise NotFound("This gateway has no API for administrators: ADMIN_API_KEY is not set.")
    if not is_admin_key(shown, expected):
        rate = Rate(resources.settings.failed_logins_per_minute, timedelta(minutes=1))
        await refuse_too_many(resources, "admin-login", address, rate, now)
        raise Unauthenticated


ADMIN_ONLY = [Depends(require_admin)]
"""What a router of routes for administrators depends on."""


UsagePointId = Annotated[Prm, Path(description="14 digits (PRM, PDL).", examples=["12345678901234"])]


async def own_usage_point(resources: ResourcesDep, caller: CurrentCaller, usage_point_id: UsagePointId) -> UsagePoint:
    """The usage point in the path, if it is the caller's. Raises `NotFound`."""
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
PageSize = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
SmallPageSize = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
IfNoneMatch = Annotated[
    str | None,
    Header(
        description="The `ETag` of an earlier answer: 304 when nothing has changed.",
        examples=['W/"0123456789abcdef0123456789abcdef"'],
    ),
]


async def wanted_wait(
    prefer: Annotated[
        str | None,
        Header(
            description="`wait=N`: hold the answer back until the job has ended, N seconds at most (30 at most).",
            examples=["wait=10"],
        ),
    ] = None,
) -> int:
    """Seconds that the caller would rather wait than ask again; 0 when it did not say."""
    return parse_wait(prefer or "")


WaitSeconds = Annotated[int, Depends(wanted_wait)]
