"""Health checks: liveness of this process, and readiness of its stores."""

import asyncio

from fastapi import APIRouter

from api.http.dependencies import ResourcesDep
from api.http.problems import documented
from api.service.schemas import HealthDocument
from shared.core.errors import ServiceUnavailable
from shared.observability.tracing import untraced

router = APIRouter(tags=["service"])

_LONGEST_CHECK_SECONDS = 3.0


@router.get("/health/live", operation_id="get_liveness", summary="Check liveness")
async def get_liveness() -> HealthDocument:
    """Returns 200 while the process runs."""
    return HealthDocument(status="live")


@router.get(
    "/health/ready",
    operation_id="get_readiness",
    summary="Check readiness",
    responses=documented(ServiceUnavailable),
)
async def get_readiness(resources: ResourcesDep) -> HealthDocument:
    """Returns 200 if Redis and the database are available."""
    with untraced():
        async with asyncio.timeout(_LONGEST_CHECK_SECONDS), resources.database.transaction() as connection:
            await connection.exec_driver_sql("SELECT 1")
            await resources.redis.ping()
    return HealthDocument(status="ready")
