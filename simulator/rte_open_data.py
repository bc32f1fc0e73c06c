"""RTE's open data: EcoWatt's past days, in the form of the portal's Explore API v2.1.

Supports the queries that a gateway sends, `date` compared with days and joined by `and`, and refuses all others.
"""

import operator
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from simulator.clock import Clock
from simulator.conditions import Conditions
from simulator.errors import Refusal
from simulator.gateway import json_answer
from simulator.paris import days_between, paris_date
from simulator.rte_ecowatt import open_data_line
from simulator.rte_errors import OPEN_DATA
from simulator.rte_gateway import RteGateway
from simulator.rte_signals import FIRST_DAY

MOST_RECORDS = 100
_PATH = "/api/explore/v2.1/catalog/datasets/nouveau_signal_ecowatt/records"
_CONDITION = re.compile(r"\s*date\s*(<=|>=|<|>|=)\s*(?:date\s*)?['\"](\d{4}-\d{2}-\d{2})['\"]\s*", re.IGNORECASE)
_COMPARE: dict[str, Callable[[date, date], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


def rte_open_data_router(gateway: RteGateway, clock: Clock, conditions: Conditions) -> APIRouter:
    """The records of `nouveau_signal_ecowatt`."""
    router = APIRouter(tags=["RTE: open data"])

    async def answer(request: Request) -> Response:
        asked = request.query_params
        limit, offset = _number(asked.get("limit", "10"), "limit"), _number(asked.get("offset", "0"), "offset")
        if limit > MOST_RECORDS:
            raise _refusal("InvalidRESTParameterError", f"Invalid value for limit: at most {MOST_RECORDS}")
        days = chosen_days(asked.get("where", ""), days_between(FIRST_DAY, paris_date(clock.now())))
        if is_descending(asked.get("order_by", "date")):
            days.reverse()
        page = days[offset : offset + limit]
        return json_answer(
            200, {"total_count": len(days), "results": [open_data_line(day, conditions) for day in page]}
        )

    @router.get(_PATH, summary="The past days of EcoWatt, until yesterday")
    async def records(
        request: Request,
        where: Annotated[
            str | None, Query(description="`date >= date'2026-01-01' and date < date'2026-02-01'`")
        ] = None,
        order_by: Annotated[str | None, Query(description="`date` or `date desc`")] = None,
        limit: Annotated[str | None, Query(description="At most 100; default: 10.")] = None,
        offset: str | None = None,
    ) -> Response:
        return await gateway.answer_anybody(request, OPEN_DATA, answer)

    return router


def chosen_days(where: str, days: Iterable[date]) -> list[date]:
    """The days that match a `where` clause, in their order. Raises: Refusal."""
    parts = re.split(r"\band\b", where, flags=re.IGNORECASE) if where.strip() else []
    conditions = [_condition(part) for part in parts]
    return [day for day in days if all(holds(day) for holds in conditions)]


def is_descending(order_by: str) -> bool:
    """Whether an `order_by` clause requests the newest first. Raises: Refusal."""
    words = order_by.lower().split()
    if words[:1] != ["date"] or words[1:] not in ([], ["asc"], ["desc"]):
        raise _refusal("ODSQLError", "Syntax error in order_by")
    return words[1:] == ["desc"]


def _condition(text: str) -> Callable[[date], bool]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise _refusal("ODSQLError", "Syntax error in where")
    try:
        bound = date.fromisoformat(found[2])
    except ValueError as error:
        raise _refusal("ODSQLError", "No such date in where") from error
    compare = _COMPARE[found[1]]
    return lambda day: compare(day, bound)


def _number(text: str, name: str) -> int:
    if not text.isdecimal():
        raise _refusal("InvalidRESTParameterError", f"Invalid value for {name}")
    return int(text)


def _refusal(code: str, message: str) -> Refusal:
    return Refusal(400, {"error_code": code, "message": message})
