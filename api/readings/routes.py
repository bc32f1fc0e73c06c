"""Stored readings and records, decrypted with the API key of the request.

This is the hot path: no model is built per reading, and small responses are sent in one piece.
"""

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.http.dependencies import (
    CurrentCaller,
    DatasetInPath,
    IfNoneMatch,
    Now,
    ResourcesDep,
    UsagePointId,
    WaitSeconds,
    own_usage_point,
)
from api.http.etags import entity_tag, is_current
from api.http.fields import AbsentDay
from api.http.periods import check_days
from api.http.problems import KEY_REFUSALS, documented
from api.http.rate_limit_headers import count_request, limit_headers
from api.readings.fetch_then_read import Fetch, fetch_missing
from api.readings.formats.negotiation import MEDIA_TYPES, choose_media_type, represent
from api.readings.formats.request import About, Representation
from api.readings.schemas import OTHER_FORMATS, READING_HEADERS, UNCHANGED_HEADERS, StoredDocument
from api.readings.stored import StoredDays, in_unit, load_stored_days, open_stored_days, summed_up
from shared.accounts.api_keys import Scope
from shared.accounts.daily_quota import Quota
from shared.core.calendar import DayRange, day_of
from shared.core.datasets import DATASETS, Dataset, Quantity
from shared.core.errors import (
    FieldError,
    Forbidden,
    NotAcceptable,
    NotFound,
    QuotaExceeded,
    ServiceUnavailable,
    Unreadable,
    ValidationFailed,
)
from shared.readings.aggregation import NotComputable, Resolution, Unit, unit_shown
from shared.readings.column_batch import Columns
from shared.resources import Resources

router = APIRouter(tags=["readings"])

# Size of a streamed block; a response that fits into one block is sent with a Content-Length.
_BLOCK_BYTES = 32_768


@router.get(
    "/v1/usage-points/{usage_point_id}/readings/{dataset}",
    operation_id="get_readings",
    summary="Get readings",
    response_model=StoredDocument,
    responses={
        200: {
            "content": OTHER_FORMATS,
            "headers": READING_HEADERS,
        },
        304: {"description": "The data has not changed.", "headers": UNCHANGED_HEADERS},
        **documented(
            *KEY_REFUSALS,
            Forbidden,
            NotFound,
            NotAcceptable,
            ValidationFailed,
            QuotaExceeded,
            Unreadable,
            ServiceUnavailable,
        ),
    },
)
async def get_readings(
    resources: ResourcesDep,
    caller: CurrentCaller,
    now: Now,
    wait: WaitSeconds,
    usage_point_id: UsagePointId,
    dataset: DatasetInPath,
    start: Annotated[
        AbsentDay, Query(description="First day, Europe/Paris. Required for time series, not allowed for records.")
    ] = None,
    end: Annotated[
        AbsentDay, Query(description="Day after the last day. Required for time series, not allowed for records.")
    ] = None,
    resolution: Annotated[
        Resolution | None,
        Query(
            description="Aggregate values by hour, day, week (from Monday) or month, Paris time: energy is summed "
            "exactly, and the maximum of peaks is kept. `coverage` is the measured fraction of each interval.",
            examples=["day"],
        ),
    ] = None,
    unit: Annotated[
        Unit | None,
        Query(
            description="Return energy as energy (`Wh`, `kWh`) or as the mean power over its interval (`W`).",
            examples=["kWh"],
        ),
    ] = None,
    fetch: Annotated[
        Literal["missing"] | None,
        Query(
            description="`missing`: first fetch data that is not stored, as `POST /v1/jobs` does, and wait for it as "
            "requested by `Prefer`. Also requires the scope `fetch`. The response always contains the stored data; "
            "`fetch` reports the result.",
            examples=["missing"],
        ),
    ] = None,
    accept: Annotated[
        str | None,
        Header(
            description="One of the formats below; JSON by default. Records are available as JSON only.",
            examples=["application/json"],
        ),
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Returns the stored readings of the period, or the stored record, and the reason for each missing day. Missing
    days are fetched by a job (`POST /v1/jobs`), or by this request with `fetch=missing`."""
    # Both could be dependencies, but resolving those would take as long as the checks themselves.
    caller.require(Scope.READ)
    if fetch is not None:
        caller.require(Scope.FETCH)
    usage_point = await own_usage_point(resources, caller, usage_point_id)
    described, private_key = DATASETS[dataset], caller.private_key
    media_type = choose_media_type(accept, MEDIA_TYPES if described.is_series else MEDIA_TYPES[:1])
    days, shown_in = _check_question(described, start, end, resolution, unit)
    usage = await count_request(resources, caller.account, Quota.READ, now)
    await resources.usage_points.note_read(usage_point, day_of(now))
    will_open = fetch is None and if_none_match is None
    known = await load_stored_days(resources, usage_point, described, days, now, will_open=will_open)
    headers = {"Vary": "Accept", **limit_headers(usage, now)}
    more = {}
    if fetch is not None:
        fetched = Fetch()
        if known.cache_status != "hit":
            fetched = await fetch_missing(resources, caller, usage_point, described, days, wait, now)
            known = await load_stored_days(resources, usage_point, described, days, now)
        more["fetch"] = fetched.document
        headers |= fetched.headers | ({"Preference-Applied": f"wait={wait}"} if wait else {})
    headers["X-Cache-Status"] = known.cache_status
    if days is None:
        return await _answer_record(resources, known, usage_point.prm, private_key, more, headers)
    question = [usage_point.id, dataset, str(days.start), str(days.end), media_type, resolution, shown_in, more]
    headers["ETag"] = entity_tag(resources.server, orjson.dumps(question) + known.fingerprint())
    # The client may cache the response but must revalidate it each time.
    headers["Cache-Control"] = "private, no-cache"
    if is_current(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    about = About(usage_point.prm, described, days, shown_in, resolution, known.missing, more)
    headers["X-Missing-Days"] = str(known.missing_days)
    path = f"/v1/usage-points/{usage_point.prm}/coverage/{dataset}?start={days.start}&end={days.end}"
    headers["Link"] = f'<{path}>; rel="describedby"'
    batches = _computed(about, open_stored_days(resources, known, private_key))
    return await _send(represent(media_type, about), about, batches, headers)


def _computed(about: About, batches: AsyncIterator[Columns]) -> AsyncIterator[Columns]:
    quantity = about.dataset.quantity
    if quantity is None:
        raise ValueError("a series measures something")
    if about.resolution is not None:
        unit = None if quantity is Quantity.PEAK else Unit(about.unit)
        return summed_up(batches, quantity, about.resolution, unit, about.days)
    return in_unit(batches, quantity, Unit(about.unit)) if about.has_decimals else batches


async def _send(
    representation: Representation, about: About, batches: AsyncIterator[Columns], headers: dict[str, str]
) -> Response:
    """Send a response that fits into one block in one piece, and a larger one block by block.

    A blob that cannot be decrypted becomes a problem document if it is among the first blocks. Later, the connection is
    closed, so that clients do not mistake the partial response for a complete one.
    """
    if representation.extension is not None:
        name = f"{about.dataset.name}_{about.days.start}_{about.days.end}.{representation.extension}"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    blocks = _blocks(representation, batches)
    first, second = await anext(blocks, b""), await anext(blocks, b"")
    media_type = representation.media_type
    if not second:
        return Response(first, 200, headers, media_type)
    return StreamingResponse(_joined([first, second], blocks), 200, headers, media_type)


async def _joined(first: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for block in first:
        yield block
    async for block in rest:
        yield block


async def _blocks(representation: Representation, batches: AsyncIterator[Columns]) -> AsyncIterator[bytes]:
    block = bytearray(representation.begin())
    async for columns in batches:
        block += representation.rows(columns)
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    block += representation.end()
    yield bytes(block)


async def _answer_record(
    resources: Resources,
    known: StoredDays,
    usage_point_id: str,
    private_key: bytes,
    more: dict[str, Any],
    headers: dict[str, str],
) -> Response:
    fetched_at = next((each.fetched_at for each in known.stock.coverage.values()), None)
    document: dict[str, Any] = {
        "usage_point_id": usage_point_id,
        "dataset": known.dataset.name,
        "record": await resources.readings.open_record(known.series, private_key),
        "fetched_at": fetched_at,
        "missing": known.missing,
        **more,
    }
    return Response(orjson.dumps(document, option=orjson.OPT_UTC_Z), 200, headers, "application/json")


def _check_question(
    dataset: Dataset, start: date | None, end: date | None, resolution: Resolution | None, unit: Unit | None
) -> tuple[DayRange | None, str]:
    """The period, for a time series, and the unit of the response. Raises `ValidationFailed`."""
    if not dataset.is_series:
        given = {"start": start, "end": end, "resolution": resolution, "unit": unit}
        surplus = [name for name, value in given.items() if value is not None]
        if surplus:
            raise ValidationFailed(errors=[FieldError(name, "A record has no such parameter.") for name in surplus])
        return None, ""
    days = check_days(start, end)
    try:
        return days, unit_shown(dataset, resolution, unit)
    except NotComputable as refused:
        raise ValidationFailed(errors=[FieldError(refused.parameter, refused.reason)]) from None
