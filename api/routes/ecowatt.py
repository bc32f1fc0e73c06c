"""EcoWatt, for everybody: how tense the electricity system is. Without a key: it is about nobody."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import IfNoneMatch, Now, Parts
from api.public_data import PUBLIC_ANSWERS, load_public_days, public_answer
from api.schemas.ecowatt import EcowattDays, shown_day
from api.schemas.fields import AbsentDay
from api.schemas.problems import documented
from api.stored_readings import check_days
from shared.calendar import ONE_DAY, day_of
from shared.catalog import ECOWATT
from shared.errors import ServiceUnavailable, ValidationFailed

router = APIRouter(tags=["public data"])

_FORECAST = ONE_DAY + timedelta(days=ECOWATT.ahead_days)


@router.get(
    "/v1/ecowatt",
    operation_id="list_ecowatt_days",
    summary="How tense the electricity system is",
    response_model=EcowattDays,
    responses=PUBLIC_ANSWERS | documented(ValidationFailed, ServiceUnavailable),
)
async def list_days(
    parts: Parts,
    now: Now,
    start: Annotated[AbsentDay, Query(description="First day, Europe/Paris; today by default.")] = None,
    end: Annotated[
        AbsentDay, Query(description="Day after the last one, 4,000 days later at most; by default four days later.")
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Days and their hours, as RTE last said it. A day or an hour of which it says nothing is not there."""
    first = start or day_of(now)
    known = await load_public_days(parts, ECOWATT, check_days(first, end or first + _FORECAST), now)
    days = [shown_day(day, document) for day, document in known.documents.items()]
    return public_answer(parts, {"days": days, "missing": known.missing}, if_none_match, now)
