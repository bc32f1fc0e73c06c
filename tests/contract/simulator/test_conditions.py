"""Conditions set at the start, and those changed while the simulator runs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest

from simulator.app import create_app
from simulator.clock import ManualClock
from simulator.config import SimulatorSettings

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[httpx.Response]]
Share = Callable[[str], Awaitable[int]]

POINT = "99000000000011"


async def test_the_simulator_can_start_at_another_instant(settings: SimulatorSettings, clock: ManualClock) -> None:
    chosen = settings.model_copy(update={"now": datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "frozen": True})
    transport = httpx.ASGITransport(app=create_app(chosen, clock))
    async with httpx.AsyncClient(transport=transport, base_url="http://enedis.test") as client:
        clock.advance(60)
        shown = await client.get("/control/clock")

    assert shown.json() == {"now": "2026-10-25T00:30:00Z"}


async def test_latency_holds_data_back_but_not_the_control(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(POINT)
    await enedis.post("/control/settings", json={"latency_seconds": 30})
    held = asyncio.ensure_future(ask("consommation_quotidienne", "2026-11-20", "2026-11-22"))
    shown = await enedis.get("/control/settings")
    finished_early = held.done()
    held.cancel()

    assert (shown.json()["latency_seconds"], finished_early) == (30, False)


async def test_what_is_left_out_stays(enedis: httpx.AsyncClient) -> None:
    before = (await enedis.get("/control/settings")).json()
    changed = await enedis.post("/control/settings", json={"per_second": 7, "unsubscribed_apis": ["comptage_auto"]})
    emptied = await enedis.post("/control/settings", json={"unsubscribed_apis": []})

    assert changed.json() == before | {"per_second": 7, "unsubscribed_apis": ["comptage_auto"]}
    assert emptied.json() == before | {"per_second": 7}


async def test_counted_calls_can_be_forgotten(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(POINT)
    await enedis.post("/control/settings", json={"per_hour": 1})
    week = ("consommation_quotidienne", "2026-11-16", "2026-11-23")
    before = [(await ask(*week)).status_code for _ in range(2)]
    await enedis.delete("/control/limits")
    after = await ask(*week)

    assert (before, after.status_code) == ([200, 429], 200)


async def test_publication_can_be_earlier(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(POINT)
    await enedis.post("/control/clock", json={"now": "2026-11-24T05:00:00+01:00"})
    too_early = await ask("consommation_quotidienne", "2026-11-23", "2026-11-24")
    await enedis.post("/control/settings", json={"publication_hour": 5})
    out = await ask("consommation_quotidienne", "2026-11-23", "2026-11-24")

    assert (too_early.status_code, out.status_code) == (404, 200)


async def test_sharing_a_shared_point_or_revoking_an_unshared_one_is_told(enedis: httpx.AsyncClient) -> None:
    order = {"usage_point_id": POINT}
    statuses = [
        (await enedis.post("/control/revoke", json=order)).status_code,
        (await enedis.post("/control/consents", json=order)).status_code,
        (await enedis.post("/control/consents", json=order)).status_code,
        (await enedis.post("/control/revoke", json=order)).status_code,
        (await enedis.post("/control/revoke", json=order)).status_code,
    ]

    assert statuses == [404, 201, 409, 200, 404]


async def test_health_answers_without_being_logged(anonymous: httpx.AsyncClient) -> None:
    health = await anonymous.get("/health")
    counted = await anonymous.get("/control/calls/count")

    assert (health.json(), counted.json()["count"]) == ({"status": "ok"}, 0)
