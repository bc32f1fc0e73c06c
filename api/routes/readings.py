"""Stored readings, opened with the key that asks for them. Nothing is fetched here.

The way that has to be fast: no model is built for a reading, and the answer is written in one go.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response

from api.dependencies import CurrentCaller, Now, OwnUsagePoint, Parts
from api.schemas.fields import DatasetName, Day
from api.schemas.gaps import MissingDays
from api.schemas.problems import documented
from api.schemas.readings import ReadingsDocument
from shared.calendar import PARIS, day_start
from shared.catalog import DATASETS, Dataset
from shared.errors import (
    DatasetNotAvailable,
    FieldError,
    NotFound,
    ServiceUnavailable,
    Unauthenticated,
    ValidationFailed,
)
from shared.models import Coverage, DayRange, Gap, Reading, Series
from shared.planning import missing_days, missing_windows, window_name, windows_of
from shared.resources import Resources

router = APIRouter(tags=["readings"])

MAX_DAYS = 1200
# So many windows are taken from the store at once; other requests get their turn in between.
_WINDOWS_AT_ONCE = 31


@router.get(
    "/v1/usage-points/{usage_point_id}/readings/{dataset}",
    operation_id="get_readings",
    summary="Stored readings",
    response_model=ReadingsDocument,
    responses={
        200: {
            "headers": {
                "X-Cache-Status": {
                    "description": "`hit`: nothing of it would need a call to the provider now. `miss`: nothing of it "
                    "was ever fetched. `partial`: in between.",
                    "schema": {"type": "string", "enum": ["hit", "partial", "miss"]},
                }
            }
        },
        **documented(Unauthenticated, NotFound, ValidationFailed, DatasetNotAvailable, ServiceUnavailable),
    },
)
async def get_readings(
    parts: Parts,
    caller: CurrentCaller,
    usage_point: OwnUsagePoint,
    now: Now,
    dataset: Annotated[DatasetName, Path()],
    start: Annotated[Day, Query(description="First day, Europe/Paris.")],
    end: Annotated[Day, Query(description="Day after the last one.")],
) -> Response:
    """What is stored of these days, and why the rest is missing. Ask for the rest with `POST /v1/jobs`."""
    described = DATASETS[dataset]
    if not described.is_series:
        raise DatasetNotAvailable
    days = _check_days(start, end)
    series = Series(usage_point.account_id, usage_point.id, dataset)
    names = [window_name(described, window.start) for window in windows_of(described, days)]
    coverage = await parts.readings.load_coverage(series, names)
    stored = [name for name in names if name in coverage]
    readings = await _open(parts, series, stored, days, caller.private_key)
    document = {
        "usage_point_id": usage_point.prm,
        "dataset": dataset,
        "unit": described.unit,
        "timezone": "Europe/Paris",
        "readings": readings,
        "missing": [_missing(gap) for gap in missing_days(described, days, coverage, now)],
    }
    headers = {"X-Cache-Status": _cache_status(described, days, coverage, now)}
    return Response(orjson.dumps(document, option=orjson.OPT_UTC_Z), 200, headers, "application/json")


def _check_days(start: date, end: date) -> DayRange:
    if end <= start:
        raise ValidationFailed(errors=[FieldError("end", "The end has to be after the start; it is not included.")])
    if (end - start).days > MAX_DAYS:
        raise ValidationFailed(errors=[FieldError("end", f"One request covers {MAX_DAYS} days at most.")])
    return DayRange(start, end)


async def _open(
    parts: Resources, series: Series, names: list[str], days: DayRange, private_key: bytes
) -> list[dict[str, Any]]:
    """The readings within the days; a window at an end may hold more than was asked for."""
    first, last = day_start(days.start), day_start(days.end)
    found: list[dict[str, Any]] = []
    for index in range(0, len(names), _WINDOWS_AT_ONCE):
        opened = await parts.readings.open_windows(series, names[index : index + _WINDOWS_AT_ONCE], private_key)
        found += _shown(opened, first, last)
    return found


def _shown(readings: Iterator[Reading], first: datetime, last: datetime) -> Iterator[dict[str, Any]]:
    # orjson writes an aware datetime with its offset by itself, and faster than anything here could.
    for reading in readings:
        if first <= reading.start < last:
            shown = {
                "start": reading.start.astimezone(PARIS),
                "step": reading.step,
                "value": reading.value,
                "quality": "raw",
            }
            if reading.at is not None:
                shown["at"] = reading.at.astimezone(PARIS)
            yield shown


def _cache_status(dataset: Dataset, days: DayRange, coverage: Mapping[str, Coverage], now: datetime) -> str:
    if not missing_windows(dataset, days, coverage, now):
        return "hit"
    asked_for = any(each.since < days.end and days.start < each.through for each in coverage.values())
    return "partial" if asked_for else "miss"


def _missing(gap: Gap) -> dict[str, Any]:
    return MissingDays.of(gap).model_dump()
