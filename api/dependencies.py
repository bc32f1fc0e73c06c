"""What a route can ask for by type. The sole reader of the application's state."""

from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, Header, Path, Request

from api.schemas.fields import ObjectId, Prm
from api.security import shown_api_key
from api.waiting import parse_wait
from shared.accounts import Caller
from shared.consents import UsagePoint
from shared.resources import Resources


async def open_parts(request: Request) -> Resources:
    """The open parts of this process."""
    return cast(Resources, request.app.state.resources)


async def current_time() -> datetime:
    """The present moment: the only place where the API looks at the clock to decide something."""
    return datetime.now(UTC)


Parts = Annotated[Resources, Depends(open_parts)]
Now = Annotated[datetime, Depends(current_time)]


async def current_caller(parts: Parts, api_key: Annotated[str, Depends(shown_api_key)]) -> Caller:
    """Who asks. Raises `Unauthenticated`."""
    return await parts.accounts.authenticate(api_key)


CurrentCaller = Annotated[Caller, Depends(current_caller)]


async def own_usage_point(
    parts: Parts,
    caller: CurrentCaller,
    usage_point_id: Annotated[Prm, Path(description="14 digits (PRM, PDL).", examples=["12345678901234"])],
) -> UsagePoint:
    """The usage point in the path, if it is the caller's. Raises `NotFound`."""
    return await parts.consents.find_usage_point(caller.account.id, usage_point_id)


OwnUsagePoint = Annotated[UsagePoint, Depends(own_usage_point)]

JobId = Annotated[ObjectId, Path(examples=["job_0123456789abcdef01234567"])]
ConsentId = Annotated[ObjectId, Path(examples=["cons_0123456789abcdef01234567"])]


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
