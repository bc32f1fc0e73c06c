"""Stored readings and records, opened with the key that asks for them. Nothing is fetched here.

The way that has to be fast: no model is built for a reading, and the answer is written in one go.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response

from api.dependencies import Now, OwnUsagePoint, Parts, Reader
from api.limits import LIMIT_HEADERS, count_request, limit_headers
from api.schemas.fields import AbsentDay, DatasetName
from api.schemas.gaps import MissingDays
from api.schemas.problems import documented
from api.schemas.readings import StoredDocument, shown_reading
from shared.calendar import day_of, day_start
from shared.catalog import DATASETS, Dataset
from shared.consents import UsagePoint
from shared.derivation import derive_daily
from shared.errors import (
    FieldError,
    Forbidden,
    NotFound,
    QuotaExceeded,
    ServiceUnavailable,
    Unauthenticated,
    Unreadable,
    ValidationFailed,
)
from shared.models import Coverage, DayRange, Gap, Reading, Series
from shared.planning import current_days, missing_days, missing_windows, window_name, windows_of
from shared.quotas import Quota
from shared.resources import Resources

router = APIRouter(tags=["readings"])

MAX_DAYS = 1200
# So many windows are taken from the store at once; other requests get their turn in between.
_WINDOWS_AT_ONCE = 31


@router.get(
    "/v1/usage-points/{usage_point_id}/readings/{dataset}",
    operation_id="get_readings",
    summary="Stored readings",
    response_model=StoredDocument,
    responses={
        200: {
            "headers": {
                "X-Cache-Status": {
                    "description": "`hit`: nothing of it would need a call to the provider now. `miss`: nothing of it "
                    "was ever fetched. `partial`: in between.",
                    "schema": {"type": "string", "enum": ["hit", "partial", "miss"]},
                },
                **LIMIT_HEADERS,
            }
        },
        **documented(
            Unauthenticated, Forbidden, NotFound, ValidationFailed, QuotaExceeded, Unreadable, ServiceUnavailable
        ),
    },
)
async def get_readings(
    parts: Parts,
    caller: Reader,
    usage_point: OwnUsagePoint,
    now: Now,
    dataset: Annotated[DatasetName, Path()],
    start: Annotated[
        AbsentDay, Query(description="First day, Europe/Paris; of a series only, and needed there.")
    ] = None,
    end: Annotated[AbsentDay, Query(description="Day after the last one; of a series only, and needed there.")] = None,
) -> Response:
    """What is stored of these days, or of this record, and why the rest is missing. Ask for the rest with
    `POST /v1/jobs`."""
    described = DATASETS[dataset]
    if not described.is_series:
        _check_no_days(start, end)
        usage = await count_request(parts, caller.account, Quota.READ, now)
        await parts.consents.note_read(usage_point, day_of(now))
        return await _answer_record(parts, usage_point, described, caller.private_key, now, limit_headers(usage, now))
    days = _check_days(start, end)
    usage = await count_request(parts, caller.account, Quota.READ, now)
    await parts.consents.note_read(usage_point, day_of(now))
    series = Series(usage_point.account_id, usage_point.id, dataset)
    names = [window_name(described, window.start) for window in windows_of(described, days)]
    coverage = await parts.readings.load_coverage(series, names)
    stored = [name for name in names if name in coverage]
    readings = await _open(parts, series, stored, days, caller.private_key)
    derived = await parts.readings.load_derived_days(series, described, days)
    if derived:
        readings = await _with_derived(parts, series, described, derived, readings, caller.private_key)
    against = usage_point.reason_against(described, now)
    document = {
        "usage_point_id": usage_point.prm,
        "dataset": dataset,
        "unit": described.unit,
        "timezone": "Europe/Paris",
        "readings": readings,
        "missing": [_missing(gap) for gap in missing_days(described, days, coverage, now, derived, against)],
    }
    status = "hit" if against else _cache_status(described, days, coverage, now, derived)
    headers = {"X-Cache-Status": status, **limit_headers(usage, now)}
    return _json(document, headers)


async def _answer_record(
    parts: Resources,
    usage_point: UsagePoint,
    dataset: Dataset,
    private_key: bytes,
    now: datetime,
    headers: dict[str, str],
) -> Response:
    series = Series(usage_point.account_id, usage_point.id, dataset.name)
    today = current_days(now)
    name = window_name(dataset, today.start)
    coverage = await parts.readings.load_coverage(series, [name])
    document = {
        "usage_point_id": usage_point.prm,
        "dataset": dataset.name,
        "record": await parts.readings.open_record(series, private_key),
        "fetched_at": coverage[name].fetched_at if name in coverage else None,
        "missing": [_missing(gap) for gap in missing_days(dataset, today, coverage, now)],
    }
    is_due = bool(missing_windows(dataset, today, coverage, now))
    status = ("partial" if coverage else "miss") if is_due else "hit"
    return _json(document, {"X-Cache-Status": status, **headers})


def _json(document: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(document, option=orjson.OPT_UTC_Z), 200, headers, "application/json")


def _check_no_days(start: date | None, end: date | None) -> None:
    given = [name for name, day in (("start", start), ("end", end)) if day is not None]
    if given:
        raise ValidationFailed(errors=[FieldError(name, "A record is read without days.") for name in given])


def _check_days(start: date | None, end: date | None) -> DayRange:
    if start is None or end is None:
        lacking = [name for name, day in (("start", start), ("end", end)) if day is None]
        raise ValidationFailed(errors=[FieldError(name, "A series is read by its days.") for name in lacking])
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


async def _with_derived(
    parts: Resources,
    series: Series,
    dataset: Dataset,
    derived: frozenset[date],
    measured: list[dict[str, Any]],
    private_key: bytes,
) -> list[dict[str, Any]]:
    """The measured days, and between them those that the stored curve gives; what was measured stays."""
    lacking = sorted(derived - {reading["start"].date() for reading in measured})
    curve = replace(series, dataset=dataset.derived_from or "")
    found = list(measured)
    for index in range(0, len(lacking), _WINDOWS_AT_ONCE):
        names = [str(day) for day in lacking[index : index + _WINDOWS_AT_ONCE]]
        opened = derive_daily(await parts.readings.open_windows(curve, names, private_key))
        found += [{**shown_reading(reading), "origin": "derived"} for reading in opened]
    return sorted(found, key=lambda each: each["start"])


def _shown(readings: Iterator[Reading], first: datetime, last: datetime) -> Iterator[dict[str, Any]]:
    # orjson writes an aware datetime with its offset by itself, and faster than anything here could.
    for reading in readings:
        if first <= reading.start < last:
            yield shown_reading(reading)


def _cache_status(
    dataset: Dataset, days: DayRange, coverage: Mapping[str, Coverage], now: datetime, derived: frozenset[date]
) -> str:
    if not missing_windows(dataset, days, coverage, now, derived):
        return "hit"
    asked_for = bool(derived) or any(each.since < days.end and days.start < each.through for each in coverage.values())
    return "partial" if asked_for else "miss"


def _missing(gap: Gap) -> dict[str, Any]:
    return MissingDays.of(gap).model_dump()
