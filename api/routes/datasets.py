"""The catalogue."""

from fastapi import APIRouter

from api.dependencies import Now
from api.schemas.datasets import DatasetDocument, DatasetList
from shared.catalog import DATASETS
from shared.planning import history_start

router = APIRouter(tags=["datasets"])


@router.get("/v1/datasets", operation_id="list_datasets", summary="What can be asked for")
async def list_datasets(now: Now) -> DatasetList:
    """Each kind of data with its unit, its step, and how far back it goes. Needs no API key."""
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
        ]
    )
