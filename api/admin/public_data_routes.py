"""State of public data, for administrators: the last requests to the providers, their results, the stored days."""

from typing import Any

from fastapi import APIRouter

from api.http.dependencies import ADMIN_ONLY, ResourcesDep
from api.http.problems import documented
from api.public_data.documents import is_offered
from api.public_data.schemas import PublicSourceDocument, PublicSourceList, SourceState
from shared.core.errors import NotFound, ServiceUnavailable, TooManyRequests, Unauthenticated
from shared.core.public_datasets import PUBLIC_DATASETS, PublicDataset
from shared.public_data.store import history_source
from shared.resources import Resources

router = APIRouter(prefix="/v1/admin/public-data", tags=["administration"], dependencies=ADMIN_ONLY)


@router.get(
    "",
    operation_id="admin_get_public_data",
    summary="Get the state of public data",
    responses=documented(Unauthenticated, NotFound, TooManyRequests, ServiceUnavailable),
)
async def get_public_data(resources: ResourcesDep) -> PublicSourceList:
    """For each public dataset: the time and the result of the last request to its provider, and the stored days."""
    return PublicSourceList(datasets=[await _described(resources, each) for each in PUBLIC_DATASETS.values()])


async def _described(resources: Resources, dataset: PublicDataset) -> PublicSourceDocument:
    extent = await resources.public_days.load_extent(dataset.name)
    return PublicSourceDocument(
        name=dataset.name,
        provider=dataset.provider,
        offered=is_offered(resources, dataset),
        **await _asked(resources, dataset.name),
        history=SourceState(**await _asked(resources, history_source(dataset.name))),
        day_count=extent.count if extent else 0,
        first_day=extent and extent.first,
        last_day=extent and extent.last,
    )


async def _asked(resources: Resources, name: str) -> dict[str, Any]:
    source = await resources.public_days.load_source(name)
    return {
        "asked_at": source.asked_at,
        "succeeded_at": source.succeeded_at,
        "failure": source.failure,
        "not_before": source.not_before,
    }
