"""`/control/rte`: the actual values of the simulated RTE, published or not, and its tokens."""

from datetime import date

from fastapi import APIRouter, HTTPException

from simulator.conditions import Conditions
from simulator.control_schemas import Count
from simulator.paris import days_between
from simulator.rte_calendar import Colour
from simulator.rte_ecowatt import said_level
from simulator.rte_gateway import RteTokens
from simulator.rte_signals import Level
from simulator.rte_tempo import said_colour

_MOST_DAYS = 10_000


def rte_control_router(conditions: Conditions, tokens: RteTokens) -> APIRouter:
    """The actual values, for tests."""
    router = APIRouter(prefix="/control/rte", tags=["Control: RTE"])

    @router.get("/tempo", summary="The colours of the days from `start` until before `end`, published or not")
    async def tempo(start: date, end: date) -> dict[date, Colour | None]:
        return {day: said_colour(day, conditions) for day in _days(start, end)}

    @router.get("/ecowatt", summary="The levels of the days from `start` until before `end`")
    async def ecowatt(start: date, end: date) -> dict[date, Level]:
        return {day: said_level(day, conditions) for day in _days(start, end)}

    @router.delete("/tokens", summary="Invalidate every RTE token")
    async def clear_tokens() -> Count:
        return Count(count=tokens.clear())

    return router


def _days(start: date, end: date) -> list[date]:
    if (end - start).days > _MOST_DAYS:
        raise HTTPException(422, f"at most {_MOST_DAYS} days")
    return list(days_between(start, end))
