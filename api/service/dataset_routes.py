"""The list of datasets."""

from fastapi import APIRouter

from api.http.dependencies import Now, ResourcesDep
from api.public_data.documents import is_offered
from api.service.dataset_schemas import DatasetDocument, DatasetList, PublicDatasetDocument
from shared.core.datasets import DATASETS
from shared.core.public_datasets import ECOWATT, PUBLIC_DATASETS, TEMPO
from shared.readings.planning import history_start

router = APIRouter(tags=["datasets"])

_LINKS = {
    TEMPO.name: {name: f"/v1/tempo/{name}" for name in ("days", "today", "tomorrow", "remaining", "prices")},
    ECOWATT.name: {"days": "/v1/ecowatt"},
}


@router.get("/v1/datasets", operation_id="list_datasets", summary="List datasets")
async def list_datasets(resources: ResourcesDep, now: Now) -> DatasetList:
    """Returns each dataset with its unit, its step and its history. No API key is needed."""
    return DatasetList(
        datasets=[
            DatasetDocument(
                name=each.name,
                title=each.title,
                provider=each.provider,
                available=each.available,
                unit=each.unit,
                step=each.step,
                direction=each.direction,
                window=each.window,
                span_days=each.span_days,
                history_months=each.history_months,
                history_days=each.history_days,
                oldest_day=history_start(each, now) if each.is_series else None,
                freshness_seconds=each.freshness_seconds,
            )
            for each in DATASETS.values()
        ],
        public=[
            PublicDatasetDocument(
                name=each.name,
                title=each.title,
                provider=each.provider,
                available=is_offered(resources, each),
                oldest_day=each.oldest_day,
                ahead_days=each.ahead_days,
                links=_LINKS[each.name],
            )
            for each in PUBLIC_DATASETS.values()
        ],
    )
