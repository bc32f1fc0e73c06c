"""Whether this process lives, and whether what it rests on answers. For machines."""

import asyncio

from fastapi import APIRouter

from api.http.dependencies import ResourcesDep
from api.http.problems import documented
from api.service.schemas import HealthDocument
from shared.core.errors import ServiceUnavailable
from shared.observability.tracing import untraced

router = APIRouter(tags=["service"])

_LONGEST_CHECK_SECONDS = 3.0


@router.get("/health/live", operation_id="get_liveness", summary="Whether the process lives")
async def get_liveness() -> HealthDocument:
    """Always 200."""
    return HealthDocument(status="live")


@router.get(
    "/health/ready",
    operation_id="get_readiness",
    summary="Whether requests can be served",
    responses=documented(ServiceUnavailable),
)
async def get_readiness(resources: ResourcesDep) -> HealthDocument:
    """200 when Redis and the database answer."""
    with untraced():
        async with asyncio.timeout(_LONGEST_CHECK_SECONDS), resources.database.transaction() as connection:
            await connection.exec_driver_sql("SELECT 1")
            await resources.redis.ping()
    return HealthDocument(status="ready")
