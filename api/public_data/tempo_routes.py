"""Tempo: the colours of days, the remaining days of the season, prices. Public data, so no API key is needed."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.http.dependencies import IfNoneMatch, Now, ResourcesDep
from api.http.fields import AbsentDay, Day
from api.http.periods import check_days
from api.http.problems import documented
from api.public_data.documents import PUBLIC_ANSWERS, PublicDays, colours_of, load_public_days, public_answer
from api.public_data.tempo_schemas import (
    BilledNow,
    TempoDays,
    TempoDayState,
    TempoPricesDocument,
    TempoRemaining,
    TempoToday,
    shown_day,
)
from shared.core.calendar import ONE_DAY, PARIS, DayRange, day_of
from shared.core.errors import NotFound, ServiceUnavailable, ValidationFailed
from shared.core.public_datasets import TEMPO
from shared.public_data.tempo_prices import TempoPrices
from shared.public_data.tempo_tariff import count_season, period_of, price_name, season_of

router = APIRouter(prefix="/v1/tempo", tags=["public data"])


@router.get(
    "/days",
    operation_id="list_tempo_days",
    summary="Get the Tempo colours of a period",
    response_model=TempoDays,
    responses=PUBLIC_ANSWERS | documented(ValidationFailed, ServiceUnavailable),
)
async def list_days(
    resources: ResourcesDep,
    now: Now,
    start: Annotated[Day, Query(description="First day, Europe/Paris.")],
    end: Annotated[Day, Query(description="Day after the last day; at most 4,000 days after the first.")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Days without a known colour are listed in `missing`, with the reason. A colour is valid from 06:00 on its day to
    06:00 on the next day."""
    known = await load_public_days(resources, TEMPO, check_days(start, end), now)
    days = [shown_day(day, colour) for day, colour in colours_of(known).items()]
    return public_answer(resources, {"days": days, "missing": known.missing}, if_none_match, now)


@router.get(
    "/today",
    operation_id="get_tempo_today",
    summary="Get the Tempo colour of today",
    response_model=TempoToday,
    responses=PUBLIC_ANSWERS | documented(ValidationFailed, ServiceUnavailable),
)
async def get_today(resources: ResourcesDep, now: Now, if_none_match: IfNoneMatch = None) -> Response:
    """Today's colour is valid from 06:00. Before 06:00, `now` is the colour of yesterday, which is the one that is
    billed."""
    today = day_of(now)
    known = await load_public_days(resources, TEMPO, DayRange(today - ONE_DAY, today + ONE_DAY), now)
    prices = await resources.tempo_prices.prices_on(today)
    document = TempoToday(
        **shown_day(today, colours_of(known).get(today)),
        reason=known.absent.get(today),
        now=_billed(known, prices, now),
        prices=prices and TempoPricesDocument.of(prices),
    )
    return public_answer(resources, document.model_dump(), if_none_match, now)


@router.get(
    "/tomorrow",
    operation_id="get_tempo_tomorrow",
    summary="Get the Tempo colour of tomorrow",
    response_model=TempoDayState,
    responses=PUBLIC_ANSWERS | documented(ValidationFailed, ServiceUnavailable),
)
async def get_tomorrow(resources: ResourcesDep, now: Now, if_none_match: IfNoneMatch = None) -> Response:
    """`null` with `not_published_yet` until RTE publishes it in the morning. The colour is final from about 11:20."""
    tomorrow = day_of(now) + ONE_DAY
    known = await load_public_days(resources, TEMPO, DayRange(tomorrow, tomorrow + ONE_DAY), now)
    shown = shown_day(tomorrow, colours_of(known).get(tomorrow))
    document = TempoDayState(**shown, reason=known.absent.get(tomorrow))
    return public_answer(resources, document.model_dump(), if_none_match, now)


@router.get(
    "/remaining",
    operation_id="get_tempo_remaining",
    summary="Get the remaining Tempo days of each colour",
    response_model=TempoRemaining,
    responses=PUBLIC_ANSWERS | documented(ValidationFailed, ServiceUnavailable),
)
async def get_remaining(resources: ResourcesDep, now: Now, if_none_match: IfNoneMatch = None) -> Response:
    """For the current season. Tomorrow is included once its colour is known: see `counted_through`."""
    season = season_of(day_of(now))
    known = await load_public_days(resources, TEMPO, season, now)
    document = TempoRemaining.of(count_season(season, colours_of(known)))
    return public_answer(resources, document.model_dump(), if_none_match, now)


@router.get(
    "/prices",
    operation_id="get_tempo_prices",
    summary="Get the Tempo prices",
    response_model=TempoPricesDocument,
    responses=PUBLIC_ANSWERS | documented(NotFound, ValidationFailed, ServiceUnavailable),
)
async def get_prices(
    resources: ResourcesDep,
    now: Now,
    day: Annotated[AbsentDay, Query(description="Day of the prices; today by default.")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """RTE does not publish prices: the administrators of this gateway set them. Returns 404 if none are set for that
    day."""
    prices = await resources.tempo_prices.prices_on(day or day_of(now))
    if prices is None:
        raise NotFound("No prices are set for this day.")
    return public_answer(resources, TempoPricesDocument.of(prices).model_dump(), if_none_match, now)


def _billed(known: PublicDays, prices: TempoPrices | None, now: datetime) -> BilledNow:
    period = period_of(now)
    colour = colours_of(known).get(period.day)
    return BilledNow(
        day=period.day,
        colour=colour,
        reason=known.absent.get(period.day),
        hours=period.hours,
        until=period.end.astimezone(PARIS),
        price=prices.prices[price_name(colour, period.hours)] if prices and colour else None,
    )
