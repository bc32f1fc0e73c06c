"""Tempo and EcoWatt as clients of MyElectricalData v1 know them. Without a key: they are about nobody."""

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
LastDay = Annotated[Day, Path(description="Last day, included; it may lie in the future.")]


class LetterCase(StrEnum):
    """How colours are written."""

    UPPER = "upper"
    LOWER = "lower"


class V1EcowattDay(Document):
    """How tense the electricity system is on the day after the one that is its name."""

    value: int = Field(description="1: normal, 2: tense, 3: very tense.", examples=[1])
    message: str = Field(description="RTE's own words, in French.", examples=["Aucune alerte."])
    detail: dict[str, int] = Field(
        description="0 to 3 for each hour of the clock in Paris of which something is known.",
        examples=[{"2026-01-14 00:00:00": 0, "2026-01-14 01:00:00": 1}],
    )


class V1TempoDays(Document):
    """How many days of each colour are left in the season."""

    red: int = Field(description="Of 22.", examples=[20])
    white: int = Field(description="Of 43.", examples=[30])
    blue: int = Field(description="Of 300, or 301 in a season with a 29 February.", examples=[179])


def _answers(description: str, example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    refusals = V1_FAILURES.documented(NotFound, ValidationFailed, ServiceUnavailable)
    return {200: {"description": description, "content": {"application/json": {"example": example}}}} | refusals


@router.get(
    "/rte/tempo/{start}/{end}",
    operation_id="v1_tempo",
    summary="The colours of days",
    response_model=dict[str, Literal["BLUE", "WHITE", "RED", "blue", "white", "red"]],
    responses=_answers("The colour of each day that is known.", {"2026-01-13": "RED", "2026-01-14": "WHITE"}),
)
async def get_tempo(
    resources: ResourcesDep,
    now: Now,
    start: FirstDay,
    end: LastDay,
    case: Annotated[LetterCase, Query(description="How colours are written.")] = LetterCase.UPPER,
) -> Response:
    """A day whose colour is not known is left out; 404 when that is so of all of them. 4,000 days at most."""
    known = await load_public_days(resources, TEMPO, check_days(start, end + ONE_DAY), now)
    is_lower = case is LetterCase.LOWER
    return _answer(
        {day.isoformat(): colour.lower() if is_lower else colour.value for day, colour in colours_of(known).items()}
    )


@router.get(
    "/rte/ecowatt/{start}/{end}",
    operation_id="v1_ecowatt",
    summary="How tense the electricity system is",
    response_model=dict[str, V1EcowattDay],
    responses=_answers(
        "Each day that is known, under the name of the day before it.",
        {"2026-01-13": {"value": 1, "message": "Aucune alerte.", "detail": {"2026-01-14 00:00:00": 0}}},
    ),
)
async def get_ecowatt(resources: ResourcesDep, now: Now, start: FirstDay, end: LastDay) -> Response:
    """Each day stands under the name of the day before, and is asked for by it: clients of this contract count on that.
    `detail` names the day itself. A day or an hour of which nothing is known is left out; 404 when nothing is left.
    """
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
    summary="How many days of each colour are left",
    response_model=V1TempoDays,
    responses=V1_FAILURES.documented(NotFound, ServiceUnavailable),
)
async def get_tempo_days(resources: ResourcesDep, now: Now) -> Response:
    """In the present season; tomorrow is counted as soon as its colour is known. 404 when no colour is known, 503 while
    some of those before are not fetched yet."""
    season = season_of(day_of(now))
    known = await load_public_days(resources, TEMPO, season, now)
    count = count_season(season, colours_of(known))
    if count.through is None:
        raise NotFound
    # This answer can't say that it lacks something. What RTE itself never said has to be done without.
    if any(day < count.through and reason is not PublicReason.NOT_SAID for day, reason in known.absent.items()):
        raise ServiceUnavailable
    return _answer({colour.lower(): each.left for colour, each in count.colours.items()})


@router.get(
    "/edf/tempo/price",
    operation_id="v1_tempo_prices",
    summary="What a kWh costs",
    response_model=SixPrices,
    responses=V1_FAILURES.documented(NotFound, ServiceUnavailable),
)
async def get_tempo_prices(resources: ResourcesDep, now: Now) -> Response:
    """Those that hold today, as administrators have set them; 404 when they have not."""
    prices = await resources.tempo_prices.prices_on(day_of(now))
    return _answer(dict(prices.prices) if prices else {})


def _hours(day: date, hours: dict[str, int]) -> dict[str, int]:
    return {f"{day} {hour:02}:00:00": hours[str(hour)] for hour in sorted(map(int, hours))}


def _answer(found: dict[str, Any]) -> Response:
    """Raises `NotFound` when nothing was found."""
    if not found:
        raise NotFound
    return Response(orjson.dumps(found), media_type="application/json")
