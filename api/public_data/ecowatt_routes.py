"""EcoWatt: the state of the electricity system. Public data, so no API key is needed."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.http.dependencies import IfNoneMatch, Now, ResourcesDep
from api.http.fields import AbsentDay
from api.http.periods import check_days
from api.http.problems import documented
from api.public_data.documents import PUBLIC_ANSWERS, load_public_days, public_answer
from api.public_data.ecowatt_schemas import EcowattDays, shown_day
from shared.core.calendar import ONE_DAY, day_of
from shared.core.errors import ServiceUnavailable, ValidationFailed
from shared.core.public_datasets import ECOWATT

router = APIRouter(tags=["public data"])

_FORECAST = ONE_DAY + timedelta(days=ECOWATT.ahead_days)


@router.get(
    "/v1/ecowatt",
    operation_id="list_ecowatt_days",
    summary="Get the EcoWatt signals",
    response_model=EcowattDays,
    responses=PUBLIC_ANSWERS | documented(ValidationFailed, ServiceUnavailable),
)
async def list_days(
    resources: ResourcesDep,
    now: Now,
    start: Annotated[AbsentDay, Query(description="First day, Europe/Paris; today by default.")] = None,
    end: Annotated[
        AbsentDay, Query(description="Day after the last day; at most 4,000 days after the first, by default four.")
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Returns days and hours as RTE last published them. Days and hours without a signal are left out."""
    first = start or day_of(now)
    known = await load_public_days(resources, ECOWATT, check_days(first, end or first + _FORECAST), now)
    days = [shown_day(day, document) for day, document in known.documents.items()]
    return public_answer(resources, {"days": days, "missing": known.missing}, if_none_match, now)
