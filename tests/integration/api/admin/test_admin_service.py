"""The gateway itself for administrators: quotas of providers, the nightly plan."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import ONE_DAY, DayRange
from shared.core.datasets import Series
from shared.jobs.models import Lane
from shared.quota.quota_status import KNOWN_KEY, circuit_key, slots_key
from tests.support.api_gateway import Person, Stage

pytestmark = pytest.mark.anyio

# Longer than a test can take.
HALF_AN_HOUR = timedelta(minutes=30)


async def take_slots(stage: Stage, api: str, *seconds_ago: float, bulk: int = 0) -> None:
    """Store slots taken ``seconds_ago``, in the pacer's format; the first ones for bulk."""
    redis, key = stage.resources.redis, slots_key("enedis", api)
    now = await stage.redis_now()
    for number, ago in enumerate(seconds_ago):
        await redis.zadd(key, {str(number): now - ago})
        if number < bulk:
            await redis.zadd(f"{key}:bulk", {str(number): now - ago})
    await redis.sadd(KNOWN_KEY, f"enedis:{api}")


def assert_so_long_after(shown: str, before: datetime, interval: timedelta) -> None:
    """Check that a Redis time, shown by the process's clock in whole seconds, is ``interval`` after ``before``."""
    second = timedelta(seconds=1)
    assert before + interval - second <= datetime.fromisoformat(shown) <= datetime.now(UTC) + interval + second


async def test_a_gateway_that_never_called_anybody_has_nothing_to_show(stage: Stage) -> None:
    answer = await stage.client.get("/v1/admin/pacer", headers=stage.admin)

    assert (200, {"apis": [], "waiting_calls": 0}) == (answer.status_code, answer.json())


async def test_the_slots_of_the_last_second_and_hour_are_counted_for_each_api(stage: Stage) -> None:
    # A minute differs clearly from a second and an hour, even on a slow machine; a future slot was taken just now.
    await take_slots(stage, "first", 7200, 60, 60, -60, bulk=2)
    await take_slots(stage, "second", 7200)

    answer = await stage.client.get("/v1/admin/pacer", headers=stage.admin)

    working = {"circuit": "working", "failures": 0, "reopens_at": None}
    common = {"provider": "enedis", "closed_until": None, **working}
    assert [
        {**common, "api": "first", "used_last_second": 1, "used_last_hour": 3, "used_last_hour_by_bulk": 1},
        {**common, "api": "second", "used_last_second": 0, "used_last_hour": 0, "used_last_hour_by_bulk": 0},
    ] == answer.json()["apis"]


async def test_an_api_that_the_provider_closed_says_until_when(stage: Stage) -> None:
    before = datetime.now(UTC)
    until = await stage.redis_now() + HALF_AN_HOUR.total_seconds()
    for api, moment in (("closed", until), ("open", until - 3600)):
        await take_slots(stage, api, 60)
        await stage.resources.redis.set(f"{slots_key('enedis', api)}:closed", moment)

    shown = (await stage.client.get("/v1/admin/pacer", headers=stage.admin)).json()["apis"]

    closed_until = {each["api"]: each["closed_until"] for each in shown}
    assert_so_long_after(closed_until.pop("closed"), before, HALF_AN_HOUR)
    assert {"open": None} == closed_until


async def test_an_api_that_is_left_alone_says_since_how_many_failures_and_until_when(stage: Stage) -> None:
    before, now = datetime.now(UTC), await stage.redis_now()
    circuits: Any = {
        "failing": {"failures": 2},
        "paused": {"failures": 7, "pause_ends": now + HALF_AN_HOUR.total_seconds()},
        "tried": {"failures": 8, "pause_ends": now - 60},
    }
    for api, fields in circuits.items():
        await take_slots(stage, api, 60)
        await stage.resources.redis.hset(circuit_key("enedis", api), mapping=fields)

    shown = (await stage.client.get("/v1/admin/pacer", headers=stage.admin)).json()["apis"]

    assert [("failing", "working", 2), ("paused", "paused", 7), ("tried", "probing", 8)] == [
        (each["api"], each["circuit"], each["failures"]) for each in shown
    ]
    reopens_at = {each["api"]: each["reopens_at"] for each in shown}
    assert_so_long_after(reopens_at.pop("paused"), before, HALF_AN_HOUR)
    assert {"failing": None, "tried": None} == reopens_at


async def test_the_nightly_plan_is_begun_now_and_that_is_written_down(stage: Stage) -> None:
    answer = await stage.client.post("/v1/admin/refresh", headers=stage.admin)

    assert 202 == answer.status_code
    (message,) = await stage.queued("system")
    assert b"releve.refresh" in message
    (event,) = await stage.resources.audit.load_events("admin")
    assert ("admin", "refresh.started", {}) == (event.actor, event.action, event.details)


async def test_a_gateway_that_never_refreshed_knows_when_it_will(stage: Stage) -> None:
    answer = await stage.client.get("/v1/admin/refresh", headers=stage.admin)

    document = answer.json()
    assert (200, []) == (answer.status_code, document["waves"])
    # It is noon in Paris: the second of four waves has started, the third is up to a quarter of an hour late.
    next_wave = datetime.fromisoformat(document["next_wave_at"])
    assert timedelta() <= next_wave - stage.clock.now.replace(hour=12, minute=30) <= timedelta(minutes=15)


async def test_how_far_a_wave_is_can_be_seen(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    refreshes, now = stage.resources.refreshes, stage.clock.now
    series = Series(person.account.id, usage_point.id, "consumption_load_curve")
    days = DayRange(now.date() - 2 * ONE_DAY, now.date())
    planner = await refreshes.claim_plan()
    assert planner is not None
    await refreshes.begin_wave("2026-10-20/1", now, by_hand=False)
    job = await stage.resources.jobs.create_job(series, days, Lane.BULK, [days], {}, now)
    await refreshes.note_point(planner, "2026-10-20/1", usage_point.id, [job], 1)

    planning = (await stage.client.get("/v1/admin/refresh", headers=stage.admin)).json()
    await refreshes.note_planned("2026-10-20/1", now)
    await stage.resources.ledger.cancel(job.id, now)
    ended = (await stage.client.get("/v1/admin/refresh", headers=stage.admin)).json()

    moment = now.isoformat().replace("+00:00", "Z")
    expected = {
        "id": "2026-10-20/1",
        "state": "planning",
        "by_hand": False,
        "started_at": moment,
        "planned_at": None,
        "ended_at": None,
        "usage_points": 1,
        "jobs": 1,
        "calls": 1,
        "calls_done": 0,
        "calls_failed": 0,
        "calls_left": 1,
        "series_waiting": 1,
        "left_by_earlier": 0,
    }
    over = {"state": "ended", "planned_at": moment, "ended_at": moment, "calls_done": 1, "calls_left": 0}
    assert [expected] == planning["waves"]
    assert [expected | over] == ended["waves"]
