"""The gateway itself for administrators: quotas of providers, the nightly plan."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.slots import KNOWN_KEY, slots_key
from tests.integration.api.stage import Stage

pytestmark = pytest.mark.anyio


async def take_slots(stage: Stage, api: str, *seconds_ago: float, bulk: int = 0) -> None:
    """Slots that were taken so long ago, as the pacer writes them down; the first ones for bulk."""
    redis, key = stage.parts.redis, slots_key("enedis", api)
    now = datetime.now(UTC).timestamp()
    for number, ago in enumerate(seconds_ago):
        await redis.zadd(key, {str(number): now - ago})
        if number < bulk:
            await redis.zadd(f"{key}:bulk", {str(number): now - ago})
    await redis.sadd(KNOWN_KEY, f"enedis:{api}")


async def test_a_gateway_that_never_called_anybody_has_nothing_to_show(stage: Stage) -> None:
    answer = await stage.client.get("/v1/admin/pacer", headers=stage.admin)

    assert (200, {"apis": [], "waiting_calls": 0}) == (answer.status_code, answer.json())


async def test_the_slots_of_the_last_second_and_hour_are_counted_for_each_api(stage: Stage) -> None:
    # A minute is far from a second and from an hour, however slow the machine; what lies ahead was taken just now.
    await take_slots(stage, "first", 7200, 60, 60, -60, bulk=2)
    await take_slots(stage, "second", 7200)

    answer = await stage.client.get("/v1/admin/pacer", headers=stage.admin)

    common = {"provider": "enedis", "closed_until": None}
    assert [
        {**common, "api": "first", "used_last_second": 1, "used_last_hour": 3, "used_last_hour_by_bulk": 1},
        {**common, "api": "second", "used_last_second": 0, "used_last_hour": 0, "used_last_hour_by_bulk": 0},
    ] == answer.json()["apis"]


async def test_an_api_that_the_provider_closed_says_until_when(stage: Stage) -> None:
    until = (datetime.now(UTC) + timedelta(minutes=30)).replace(microsecond=0)
    for api, moment in (("closed", until), ("open", until - timedelta(hours=1))):
        await take_slots(stage, api, 60)
        await stage.parts.redis.set(f"{slots_key('enedis', api)}:closed", moment.timestamp())

    shown = (await stage.client.get("/v1/admin/pacer", headers=stage.admin)).json()["apis"]

    assert {"closed": until.isoformat().replace("+00:00", "Z"), "open": None} == {
        each["api"]: each["closed_until"] for each in shown
    }


async def test_the_nightly_plan_is_begun_now_and_that_is_written_down(stage: Stage) -> None:
    answer = await stage.client.post("/v1/admin/refresh", headers=stage.admin)

    assert 202 == answer.status_code
    (message,) = await stage.queued("system")
    assert b"releve.refresh" in message
    (event,) = await stage.parts.audit.load_events("admin")
    assert ("admin", "refresh.started", {}) == (event.actor, event.action, event.details)
