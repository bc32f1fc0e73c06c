"""Dead-lettered calls, for administrators."""

from datetime import timedelta

import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.models import CallTicket, Lane
from tests.support.api_gateway import NOON, PRM, Stage

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
DAYS = DayRange((NOON - timedelta(days=9)).date(), (NOON - timedelta(days=2)).date())


async def give_up(stage: Stage, usage_point: UsagePoint, code: str, upstream_code: str | None) -> str:
    """Create a job whose only call is dead-lettered."""
    series = Series(usage_point.account_id, usage_point.id, CURVE)
    job = await stage.resources.jobs.create_job(series, DAYS, Lane.BULK, [DAYS], {}, NOON)
    ticket = CallTicket(job.id, 0)
    await stage.resources.ledger.settle(ticket, code, NOON, is_dead=True, upstream_code=upstream_code)
    return job.id


async def test_calls_that_were_given_up_are_listed_with_the_reason_and_without_the_usage_points_number(
    stage: Stage, usage_point: UsagePoint
) -> None:
    first = await give_up(stage, usage_point, "provider_timeout", None)
    second = await give_up(stage, usage_point, "consent_lost", "ADAM-DC-0008")

    newest = await stage.client.get("/v1/admin/calls/dead", params={"limit": 1}, headers=stage.admin)
    after = newest.json()["next_after"]
    older = await stage.client.get("/v1/admin/calls/dead", params={"after": after}, headers=stage.admin)

    common = {
        "account_id": usage_point.account_id,
        "dataset": CURVE,
        "start": str(DAYS.start),
        "end": str(DAYS.end),
        "attempts": 0,
        "at": "2026-11-22T11:00:00Z",
    }
    assert [{**common, "job_id": second, "code": "consent_lost", "upstream_code": "ADAM-DC-0008"}] == [
        {**each, "at": common["at"]} for each in newest.json()["calls"]
    ]
    assert [{**common, "job_id": first, "code": "provider_timeout", "upstream_code": None}] == [
        {**each, "at": common["at"]} for each in older.json()["calls"]
    ]
    assert older.json()["next_after"] is None
    assert PRM not in newest.text + older.text


async def test_what_comes_before_everything_is_nothing_and_what_is_no_place_is_refused(
    stage: Stage, usage_point: UsagePoint
) -> None:
    await give_up(stage, usage_point, "provider_timeout", None)
    no_places = ["0-0", "newest", "-1-0", "", "0", "x-1", "99999999999999999999-0", "1-99999999999999999999"]

    answers = {
        after: await stage.client.get("/v1/admin/calls/dead", params={"after": after}, headers=stage.admin)
        for after in ("1-0", *no_places)
    }

    assert {"1-0": 200, **dict.fromkeys(no_places, 422)} == {
        after: answer.status_code for after, answer in answers.items()
    }
    assert [] == [after for after, answer in answers.items() if answer.json().get("calls")]
