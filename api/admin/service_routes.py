"""The gateway itself, for administrators: the providers' quotas, the nightly plan."""

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
    summary="How much of the providers' quotas is used",
    responses=documented(*_PROBLEMS),
)
async def get_pacer(resources: ResourcesDep) -> PacerState:
    """For each API of a provider: calls in the last second and hour, and until when it is closed."""
    return PacerState(
        apis=[SlotUseDocument.of(use) for use in await resources.quota_status.load_use()],
        waiting_calls=await resources.jobs.waiting_calls(),
    )


@router.get(
    "/refresh",
    operation_id="admin_get_refresh",
    summary="How far the nightly refresh is",
    responses=documented(*_PROBLEMS),
)
async def get_refresh(resources: ResourcesDep, now: Now) -> RefreshState:
    """Its newest waves: what is planned, done, failed and left, and when the next one begins."""
    first = time_of_first_wave(resources.settings, resources.server)
    return RefreshState.of(await resources.refreshes.load_waves(), next_wave_at(now, first))


@router.post(
    "/refresh",
    status_code=202,
    operation_id="admin_start_refresh",
    summary="Run the nightly refresh now",
    response_description="A worker begins it.",
    responses=NO_CONTENT | documented(*_PROBLEMS),
)
async def start_refresh(resources: ResourcesDep, now: Now) -> None:
    """A worker plans it, or goes on with a plan that was broken off; of two plans at the same time one does nothing.
    What is stored is not fetched again."""
    await resources.administration.note_for_gateway(now, "refresh.started")
    await resources.task_queue.enqueue_refresh(Cause.BY_HAND)
