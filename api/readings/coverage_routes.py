"""Coverage: the stored days, and the reason for each missing day. No blob is decrypted, and none could be."""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api.http.dependencies import CurrentCaller, DatasetInPath, IfNoneMatch, Now, OwnUsagePoint, ResourcesDep
from api.http.etags import entity_tag, is_current
from api.http.fields import Day, Document
from api.http.headers import ETAG
from api.http.periods import check_days
from api.http.problems import KEY_REFUSALS, documented
from api.readings.coverage_schemas import CoverageDocument, CoverageOverview, CoveredDays, SeriesCoverage, State
from api.readings.stored import StoredDays, load_stored_days
from shared.core.calendar import ONE_DAY, days_between
from shared.core.datasets import DATASETS, Dataset, Series
from shared.core.errors import FieldError, NotFound, ServiceUnavailable, ValidationFailed
from shared.readings.models import Coverage, Gap, Reason
from shared.readings.planning import missing_days
from shared.resources import Resources

router = APIRouter(tags=["readings"])

_NOT_CHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The coverage has not changed.", "headers": ETAG}}
_NOT_ASKED = frozenset({Reason.NOT_FETCHED, Reason.BEYOND_HISTORY, Reason.NOT_PUBLISHED_YET})


@router.get(
    "/v1/usage-points/{usage_point_id}/coverage/{dataset}",
    operation_id="get_coverage",
    summary="Get the coverage of a dataset",
    response_model=CoverageDocument,
    responses={
        200: {"headers": ETAG},
        **_NOT_CHANGED,
        **documented(*KEY_REFUSALS, NotFound, ValidationFailed, ServiceUnavailable),
    },
)
async def get_coverage(
    resources: ResourcesDep,
    caller: CurrentCaller,
    usage_point: OwnUsagePoint,
    now: Now,
    dataset: DatasetInPath,
    start: Annotated[Day, Query(description="First day, Europe/Paris.")],
    end: Annotated[Day, Query(description="Day after the last day.")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Returns ranges of consecutive days with their state: complete, partial, absent (with the reason) or unknown. Does
    not count against a quota."""
    described = DATASETS[dataset]
    if not described.is_series:
        raise ValidationFailed(errors=[FieldError("dataset", "Only time series have a coverage by day.")])
    days = check_days(start, end)
    known = await load_stored_days(resources, usage_point, described, days, now)
    ranges = list(_ranges(known, now))
    counts: Counter[State] = Counter()
    for each in ranges:
        counts[each.state] += each.days
    document = CoverageDocument(
        usage_point_id=usage_point.prm,
        dataset=dataset,
        start=days.start,
        end=days.end,
        complete=counts["complete"],
        partial=counts["partial"],
        absent=counts["absent"],
        unknown=counts["unknown"],
        ranges=ranges,
    )
    return _answer(resources, document, if_none_match)


@router.get(
    "/v1/usage-points/{usage_point_id}/coverage",
    operation_id="get_coverage_overview",
    summary="Get the coverage of all datasets",
    response_model=CoverageOverview,
    responses={
        200: {"headers": ETAG},
        **_NOT_CHANGED,
        **documented(*KEY_REFUSALS, NotFound, ValidationFailed, ServiceUnavailable),
    },
)
async def get_coverage_overview(
    resources: ResourcesDep, caller: CurrentCaller, usage_point: OwnUsagePoint, if_none_match: IfNoneMatch = None
) -> Response:
    """Returns one entry per dataset, including datasets that were never fetched. Does not count against a quota."""
    datasets = []
    for dataset in DATASETS.values():
        series = Series(usage_point.account_id, usage_point.id, dataset.name)
        known = await resources.readings.load_all_coverage(series)
        datasets.append(_in_short(dataset, known.values()))
    return _answer(resources, CoverageOverview(usage_point_id=usage_point.prm, datasets=datasets), if_none_match)


def _answer(resources: Resources, document: Document, if_none_match: str | None) -> Response:
    content = document.model_dump_json().encode()
    tag = entity_tag(resources.server, content)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if is_current(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, "application/json")


def _ranges(known: StoredDays, now: datetime) -> Iterator[CoveredDays]:
    """The gaps, and the complete days between them."""
    measured = missing_days(known.dataset, known.days, known.stock.coverage, now) if known.stock.derived else []
    unmeasured = {day for gap in measured for day in days_between(gap.start, gap.end)}
    day = known.days.start
    for gap in known.gaps:
        yield from _whole(day, gap.start, unmeasured)
        yield _range(gap.start, gap.end, _state(gap), reason=gap.reason, ask_again_at=gap.ask_again_at)
        day = gap.end
    yield from _whole(day, known.days.end, unmeasured)


def _whole(start: date, end: date, unmeasured: Collection[date]) -> Iterator[CoveredDays]:
    """Complete days, split into measured and derived ones: a complete day that was not measured is derived."""
    for is_derived, days in groupby(days_between(start, end), key=unmeasured.__contains__):
        first, *others = days
        yield _range(first, (others or [first])[-1] + ONE_DAY, "complete", origin="derived" if is_derived else None)


def _range(
    start: date,
    end: date,
    state: State,
    origin: Literal["derived"] | None = None,
    reason: Reason | None = None,
    ask_again_at: datetime | None = None,
) -> CoveredDays:
    return CoveredDays(
        start=start,
        end=end,
        days=(end - start).days,
        state=state,
        origin=origin,
        reason=reason,
        ask_again_at=ask_again_at and ask_again_at.astimezone(UTC),
    )


def _state(gap: Gap) -> State:
    if gap.partial:
        return "partial"
    return "unknown" if gap.reason in _NOT_ASKED else "absent"


def _in_short(dataset: Dataset, known: Collection[Coverage]) -> SeriesCoverage:
    counts: Counter[State] = Counter()
    newest = []
    for each in known:
        whole = each.through - each.since
        for gap in each.gaps:
            counts["partial" if gap.partial else "absent"] += (gap.end - gap.start).days
            whole -= gap.end - gap.start
        counts["complete"] += whole.days
        newest += [day for day in days_between(each.since, each.through) if _is_stored(day, each)][-1:]
    return SeriesCoverage(
        dataset=dataset.name,
        start=min((each.since for each in known), default=None) if dataset.is_series else None,
        end=max((each.through for each in known), default=None) if dataset.is_series else None,
        newest=max(newest, default=None) if dataset.is_series else None,
        complete=counts["complete"],
        partial=counts["partial"],
        absent=counts["absent"],
        fetched_at=max((each.fetched_at for each in known), default=None),
    )


def _is_stored(day: date, known: Coverage) -> bool:
    return not any(gap.start <= day < gap.end and not gap.partial for gap in known.gaps)
