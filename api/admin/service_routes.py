"""Administration of the gateway: provider quotas, nightly refresh."""

from fastapi import APIRouter

from api.admin.refresh_schemas import RefreshState
from api.admin.schemas import PacerState, SlotUseDocument
from api.http.dependencies import ADMIN_ONLY, Now, ResourcesDep
from api.http.problems import NO_CONTENT, documented
from shared.core.errors import NotFound, ServiceUnavailable, TooManyRequests, Unauthenticated
from shared.jobs.task_queue import Cause
from shared.refresh.wave_schedule import next_wave_at
from shared.refresh.waves import time_of_first_wave

router = APIRouter(prefix="/v1/admin", tags=["administration"], dependencies=ADMIN_ONLY)

_PROBLEMS = (Unauthenticated, NotFound, TooManyRequests, ServiceUnavailable)


@router.get(
    "/pacer",
    operation_id="admin_get_pacer",
    summary="Get the use of the providers' quotas",
    responses=documented(*_PROBLEMS),
)
async def get_pacer(resources: ResourcesDep) -> PacerState:
    """For each API of a provider: the calls of the last second and hour, and the time until which it is paused."""
    return PacerState(
        apis=[SlotUseDocument.of(use) for use in await resources.quota_status.load_use()],
        waiting_calls=await resources.jobs.waiting_calls(),
    )


@router.get(
    "/refresh",
    operation_id="admin_get_refresh",
    summary="Get the state of the nightly refresh",
    responses=documented(*_PROBLEMS),
)
async def get_refresh(resources: ResourcesDep, now: Now) -> RefreshState:
    """Returns the latest runs with their planned, completed, failed and remaining calls, and the start of the next
    run."""
    first = time_of_first_wave(resources.settings, resources.server)
    return RefreshState.of(await resources.refreshes.load_waves(), next_wave_at(now, first))


@router.post(
    "/refresh",
    status_code=202,
    operation_id="admin_start_refresh",
    summary="Start the nightly refresh",
    response_description="The refresh is queued.",
    responses=NO_CONTENT | documented(*_PROBLEMS),
)
async def start_refresh(resources: ResourcesDep, now: Now) -> None:
    """A worker plans the refresh or resumes an interrupted plan. If a plan is already in progress, the request has no
    effect. Stored data is not fetched again."""
    await resources.administration.note_for_gateway(now, "refresh.started")
    await resources.task_queue.enqueue_refresh(Cause.BY_HAND)
