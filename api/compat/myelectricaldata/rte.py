"""Tempo and EcoWatt in MyElectricalData v1. Public data, so no API key is needed."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

import orjson
from fastapi import Path, Query, Response
from pydantic import Field

from api.compat.myelectricaldata.contract import V1_FAILURES, V1_TAG, MyElectricalDataRoute
from api.compat.trailing_slash import SlashRouter
from api.http.dependencies import Now, ResourcesDep
from api.http.fields import Day, Document
from api.http.periods import check_days
from api.public_data.documents import colours_of, load_public_days
from api.public_data.schemas import PublicReason
from api.public_data.tempo_schemas import SixPrices
from shared.core.calendar import ONE_DAY, day_of
from shared.core.errors import NotFound, ServiceUnavailable, ValidationFailed
from shared.core.public_datasets import ECOWATT, TEMPO
from shared.public_data.tempo_tariff import count_season, season_of

router = SlashRouter(route_class=MyElectricalDataRoute, tags=[V1_TAG])

FirstDay = Annotated[Day, Path(description="First day, Europe/Paris.")]
LastDay = Annotated[Day, Path(description="Last day, included; may be in the future.")]


class LetterCase(StrEnum):
    """The letter case of colours."""

    UPPER = "upper"
    LOWER = "lower"


class V1EcowattDay(Document):
    """The EcoWatt signal of the day after its key."""

    value: int = Field(description="1: normal, 2: tense, 3: very tense.", examples=[1])
    message: str = Field(description="Message of RTE, in French.", examples=["Aucune alerte."])
    detail: dict[str, int] = Field(
        description="Level from 0 to 3 for each hour with a signal, in Paris time.",
        examples=[{"2026-01-14 00:00:00": 0, "2026-01-14 01:00:00": 1}],
    )


class V1TempoDays(Document):
    """The remaining days of each colour in the season."""

    red: int = Field(description="Remaining days of 22.", examples=[20])
    white: int = Field(description="Remaining days of 43.", examples=[30])
    blue: int = Field(description="Remaining days of 300, or of 301 in a season with a 29 February.", examples=[179])


def _answers(description: str, example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    refusals = V1_FAILURES.documented(NotFound, ValidationFailed, ServiceUnavailable)
    return {200: {"description": description, "content": {"application/json": {"example": example}}}} | refusals


@router.get(
    "/rte/tempo/{start}/{end}",
    operation_id="v1_tempo",
    summary="Get the Tempo colours of a period",
    response_model=dict[str, Literal["BLUE", "WHITE", "RED", "blue", "white", "red"]],
    responses=_answers("The known colours, by day.", {"2026-01-13": "RED", "2026-01-14": "WHITE"}),
)
async def get_tempo(
    resources: ResourcesDep,
    now: Now,
    start: FirstDay,
    end: LastDay,
    case: Annotated[LetterCase, Query(description="Letter case of colours.")] = LetterCase.UPPER,
) -> Response:
    """Days without a known colour are left out; returns 404 if none is known. 4,000 days at most."""
    known = await load_public_days(resources, TEMPO, check_days(start, end + ONE_DAY), now)
    is_lower = case is LetterCase.LOWER
    return _answer(
        {day.isoformat(): colour.lower() if is_lower else colour.value for day, colour in colours_of(known).items()}
    )


@router.get(
    "/rte/ecowatt/{start}/{end}",
    operation_id="v1_ecowatt",
    summary="Get the EcoWatt signals",
    response_model=dict[str, V1EcowattDay],
    responses=_answers(
        "The days with a signal, each under the date of the previous day.",
        {"2026-01-13": {"value": 1, "message": "Aucune alerte.", "detail": {"2026-01-14 00:00:00": 0}}},
    ),
)
async def get_ecowatt(resources: ResourcesDep, now: Now, start: FirstDay, end: LastDay) -> Response:
    """Each day is listed under the date of the previous day, and requested by it: existing clients rely on that.
    `detail` contains the actual date. Days and hours without a signal are left out; returns 404 if none remain."""
    known = await load_public_days(resources, ECOWATT, check_days(start + ONE_DAY, end + 2 * ONE_DAY), now)
    return _answer(
        {
            (day - ONE_DAY).isoformat(): {
                "value": document["level"],
                "message": document["message"],
                "detail": _hours(day, document["hours"]),
            }
            for day, document in known.documents.items()
        }
    )


@router.get(
    "/edf/tempo/days",
    operation_id="v1_tempo_days",
    summary="Get the remaining Tempo days of each colour",
    response_model=V1TempoDays,
    responses=V1_FAILURES.documented(NotFound, ServiceUnavailable),
)
async def get_tempo_days(resources: ResourcesDep, now: Now) -> Response:
    """For the current season; tomorrow is included once its colour is known. Returns 404 if no colour is known, and 503
    while earlier days are still to be fetched."""
    season = season_of(day_of(now))
    known = await load_public_days(resources, TEMPO, season, now)
    count = count_season(season, colours_of(known))
    if count.through is None:
        raise NotFound
    # This response cannot report missing days. Days that RTE never published are tolerated.
    if any(day < count.through and reason is not PublicReason.NOT_SAID for day, reason in known.absent.items()):
        raise ServiceUnavailable
    return _answer({colour.lower(): each.left for colour, each in count.colours.items()})


@router.get(
    "/edf/tempo/price",
    operation_id="v1_tempo_prices",
    summary="Get the Tempo prices",
    response_model=SixPrices,
    responses=V1_FAILURES.documented(NotFound, ServiceUnavailable),
)
async def get_tempo_prices(resources: ResourcesDep, now: Now) -> Response:
    """Returns the prices valid today, as set by the administrators; 404 if none are set."""
    prices = await resources.tempo_prices.prices_on(day_of(now))
    return _answer(dict(prices.prices) if prices else {})


def _hours(day: date, hours: dict[str, int]) -> dict[str, int]:
    return {f"{day} {hour:02}:00:00": hours[str(hour)] for hour in sorted(map(int, hours))}


def _answer(found: dict[str, Any]) -> Response:
    """The response. Raises `NotFound` if nothing was found."""
    if not found:
        raise NotFound
    return Response(orjson.dumps(found), media_type="application/json")
