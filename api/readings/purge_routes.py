"""Deletion of stored readings: a period, or a whole dataset."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.http.dependencies import DatasetInPath, Manager, Now, OwnUsagePoint, ResourcesDep
from api.http.fields import AbsentDay
from api.http.problems import KEY_REFUSALS, documented
from api.readings.purge_schemas import PurgeDocument
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS, Series
from shared.core.errors import FieldError, Forbidden, NotFound, ServiceUnavailable, ValidationFailed

router = APIRouter(tags=["readings"])


@router.delete(
    "/v1/usage-points/{usage_point_id}/readings/{dataset}",
    operation_id="erase_readings",
    summary="Delete stored readings",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def delete_readings(
    resources: ResourcesDep,
    caller: Manager,
    usage_point: OwnUsagePoint,
    now: Now,
    dataset: DatasetInPath,
    start: Annotated[AbsentDay, Query(description="First day, Europe/Paris. Requires `end`; time series only.")] = None,
    end: Annotated[AbsentDay, Query(description="Day after the last day. Requires `start`; time series only.")] = None,
) -> PurgeDocument:
    """Without a period, deletes the whole dataset. With a period, deletes every storage window that it overlaps: a day
    of a load curve, a month of daily values; the response names the deleted days. Jobs that fetch the dataset are
    cancelled. A later job or nightly refresh can fetch the days again."""
    series = Series(usage_point.account_id, usage_point.id, dataset)
    days = None
    if start is not None or end is not None:
        if not DATASETS[dataset].is_series:
            given = [name for name, day in (("start", start), ("end", end)) if day is not None]
            raise ValidationFailed(errors=[FieldError(each, "A record does not take a period.") for each in given])
        if start is None or end is None:
            lacking = "end" if end is None else "start"
            raise ValidationFailed(errors=[FieldError(lacking, "A period requires a start and an end.")])
        if end <= start:
            detail = "The end must be after the start; it is not included."
            raise ValidationFailed(errors=[FieldError("end", detail)])
        days = DayRange(start, end)
    purge = await resources.erasure.erase_readings(series, days, caller.key.id, now)
    return PurgeDocument(
        usage_point_id=usage_point.prm,
        dataset=dataset,
        windows=purge.windows,
        start=purge.days and purge.days.start,
        end=purge.days and purge.days.end,
        jobs_cancelled=purge.jobs_cancelled,
    )
