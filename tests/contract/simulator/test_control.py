"""`/control`: faults on demand, limits over HTTP, the call log, the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from simulator.app import create_app
from simulator.clock import ManualClock
from simulator.config import SimulatorSettings
from simulator.distortions import DISTORTIONS
from tests.support.cases import case

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[httpx.Response]]
Share = Callable[[str], Awaitable[int]]

POINT = "99000000000011"
DAILY = "consommation_quotidienne"
CURVE = "courbe_de_charge_consommation"
WEEK = ("2026-11-16", "2026-11-23")


async def _arm(enedis: httpx.AsyncClient, **fault: object) -> None:
    armed = await enedis.post("/control/faults", json=fault)
    assert armed.status_code == 201, armed.text


async def test_a_fault_hits_as_often_as_ordered(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(POINT)
    await _arm(enedis, kind="technical_error", count=2)
    statuses = [(await ask(DAILY, *WEEK)).status_code for _ in range(3)]
    armed = (await enedis.get("/control/faults")).json()

    assert statuses == [500, 500, 200]
    assert [fault["hits"] for fault in armed] == [2]


async def test_a_fault_without_count_stays_until_cleared(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(POINT)
    await _arm(enedis, kind="technical_error", count=None)
    during = [(await ask(DAILY, *WEEK)).status_code for _ in range(4)]
    await enedis.delete("/control/faults")
    after = await ask(DAILY, *WEEK)

    assert (during, after.status_code) == ([500] * 4, 200)


async def test_a_fault_hits_only_what_it_matches(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(POINT)
    await share("99000000000022")
    await _arm(enedis, kind="technical_error", path="courbe_de_charge", usage_point_id=POINT, count=None)
    answers = [
        await ask(DAILY, *WEEK),
        await ask(CURVE, *WEEK, "99000000000022"),
        await ask(CURVE, *WEEK),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 500]


async def test_a_rate_hits_about_its_share_and_the_same_calls_in_every_run(
    enedis: httpx.AsyncClient, ask: Ask, share: Share
) -> None:
    await share(POINT)
    runs = []
    for _ in range(2):
        await enedis.delete("/control/faults")
        await _arm(enedis, kind="technical_error", rate=0.2, count=None)
        runs.append([(await ask(DAILY, *WEEK)).status_code for _ in range(200)])

    assert runs[0] == runs[1]
    assert 20 <= runs[0].count(500) <= 60


async def test_every_kind_of_error_comes_on_demand(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    cases: list[tuple[dict[str, object], int, str | None, str]] = [
        ({"kind": "html"}, 502, "text/html; charset=utf-8", "<html>"),
        ({"kind": "html", "status": 503}, 503, "text/html; charset=utf-8", "<html>"),
        ({"kind": "plain_text"}, 500, "text/plain; charset=utf-8", "Internal Server Error"),
        ({"kind": "empty"}, 200, None, ""),
        ({"kind": "empty", "status": 503}, 503, None, ""),
        ({"kind": "no_data"}, 404, "application/json", '{"error":"no_data_found"'),
        ({"code": "ADAM-DC-0008"}, 403, "application/json", '{"error":"ADAM-DC-0008"'),
        ({"code": "900807"}, 429, "application/json", '{"fault":{"code":900807'),
        ({"code": "900804"}, 429, "application/json", '"nextAccessTime":"2026-Nov-23 13:00:00+0000 UTC"'),
        ({"code": "900908"}, 403, "application/json", '{"code":"900908"'),
        ({"code": "ADAM-DC-0008", "status": 400}, 400, "application/json", '{"error":"ADAM-DC-0008"'),
        ({"code": "NEW-1", "status": 418, "description": "x"}, 418, "application/json", '{"error":"NEW-1"'),
        ({"code": "900800", "status": 429, "form": "fault"}, 429, "application/json", '{"fault":{"code":900800'),
        ({"code": "SGT404", "status": 404, "form": "swagger"}, 404, "application/json", '{"code":"SGT404","message"'),
        ({"code": "SGT404", "status": 404, "form": "array"}, 404, "application/json", '[{"code":"SGT404"'),
    ]

    await share(POINT)
    for fault, status, content_type, text in cases:
        with case(fault, status, content_type, text):
            await _arm(enedis, **fault)
            answer = await ask(DAILY, *WEEK)

            assert (answer.status_code, answer.headers.get("content-type")) == (status, content_type)
            assert text in answer.text


async def test_every_distortion_comes_on_demand_and_leaves_the_next_answer_alone(
    enedis: httpx.AsyncClient, ask: Ask, share: Share
) -> None:
    await share(POINT)
    for kind in sorted(DISTORTIONS):
        with case(kind):
            good = await ask(DAILY, *WEEK)
            await _arm(enedis, kind=kind)
            spoiled = await ask(DAILY, *WEEK)
            again = await ask(DAILY, *WEEK)

            assert spoiled.status_code == 200
            assert (spoiled.content, spoiled.headers["content-type"]) != (good.content, good.headers["content-type"])
            assert again.content == good.content


async def test_faults_spare_token_and_consent_unless_they_are_named(enedis: httpx.AsyncClient) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "application-under-test",
        "client_secret": "not-a-secret",
    }
    await _arm(enedis, kind="technical_error", count=None)
    spared = await enedis.post("/oauth2/v3/token", data=form)
    await _arm(enedis, kind="technical_error", api="token")
    hit = await enedis.post("/oauth2/v3/token", data=form)

    assert (spared.status_code, hit.status_code) == (200, 500)


async def test_a_delay_holds_the_answer_back_and_others_pass(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(POINT)
    await _arm(enedis, kind="delay", delay_seconds=30, path=CURVE)
    held = asyncio.ensure_future(ask(CURVE, *WEEK))
    passed = await ask(DAILY, *WEEK)
    finished_early = held.done()
    held.cancel()

    assert (passed.status_code, finished_early) == (200, False)


async def test_a_misspelt_order_is_refused(enedis: httpx.AsyncClient) -> None:
    refused = [
        await enedis.post("/control/faults", json={"kind": "explosion"}),
        await enedis.post("/control/faults", json={"colour": "red"}),
        await enedis.post("/control/settings", json={"per_seconds": 3}),
        await enedis.post("/control/clock", json={"now": "2026-01-01T00:00:00"}),
        await enedis.post("/control/revoke", json={"usage_point_id": "123"}),
        await enedis.post("/control/consents", json={"usage_point_id": POINT, "duration": "P9Y"}),
    ]

    assert [answer.status_code for answer in refused] == [422] * 6


async def test_limits_are_enedis_own_over_http(
    enedis: httpx.AsyncClient, ask: Ask, share: Share, clock: ManualClock
) -> None:
    await share(POINT)
    await enedis.post("/control/settings", json={"per_second": 5, "per_hour": 12})
    burst = [(await ask(DAILY, *WEEK)).status_code for _ in range(7)]
    clock.advance(1)
    measures_share_one_quota = [(await ask(resource, *WEEK)).status_code for resource in (DAILY, CURVE) * 3]
    services_have_their_own = await enedis.post("/subscribed_services/v1", json={"autorisationId": 1, "comptage": True})
    clock.advance(1)
    hour = [(await ask(DAILY, *WEEK)) for _ in range(3)]
    clock.advance(3_600)
    reopened = await ask(DAILY, *WEEK)

    assert burst == [200] * 5 + [429] * 2
    assert measures_share_one_quota == [200] * 5 + [429]
    assert services_have_their_own.status_code == 200
    assert [answer.status_code for answer in hour] == [200, 200, 429]
    assert hour[2].json()["code"] == "900804"
    assert reopened.status_code == 200


async def test_the_log_tells_when_what_and_how(
    enedis: httpx.AsyncClient, ask: Ask, share: Share, clock: ManualClock
) -> None:
    await share(POINT)
    await enedis.delete("/control/calls")
    await ask(DAILY, *WEEK)
    clock.advance(2.5)
    await ask(DAILY, "2026-11-22", "2026-11-20")
    first, second = (await enedis.get("/control/calls")).json()

    assert first == {
        "number": 2,
        "epoch_seconds": clock.epoch_seconds() - 2.5,
        "monotonic_seconds": 0.0,
        "method": "GET",
        "path": "/mesure_synchrone_auto/v2/consommation_quotidienne",
        "api": "mesure_synchrone_auto",
        "usage_point_id": POINT,
        "start": "2026-11-16",
        "end": "2026-11-23",
        "status": 200,
        "error": None,
        "fault": None,
    }
    assert (second["monotonic_seconds"], second["status"], second["error"]) == (2.5, 400, "ADAM-ERR0002")


async def test_the_log_can_be_filtered_and_cleared(enedis: httpx.AsyncClient, ask: Ask, share: Share) -> None:
    await share(POINT)
    await ask(DAILY, *WEEK)
    await ask(CURVE, *WEEK)
    await ask(CURVE, *WEEK, "99000000000022")

    async def count(**wanted: str | int) -> int:
        return int((await enedis.get("/control/calls/count", params=wanted)).json()["count"])

    assert await count() == 4
    assert await count(api="mesure_synchrone_auto") == 3
    assert await count(path="courbe") == 2
    assert await count(usage_point_id=POINT) == 2
    assert await count(status=403) == 1
    assert await count(after=3) == 1
    await enedis.delete("/control/calls")
    assert await count() == 0


async def test_the_log_is_bounded_but_totals_go_on(settings: SimulatorSettings, clock: ManualClock) -> None:
    app = create_app(settings.model_copy(update={"log_size": 10}), clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://enedis.test") as client:
        for _ in range(25):
            await client.get("/unknown")
        counted = (await client.get("/control/calls/count")).json()

    assert counted == {"count": 10, "totals": {"unknown": 25}}


async def test_the_clock_can_be_moved_and_given_back(enedis: httpx.AsyncClient, clock: ManualClock) -> None:
    machine = clock.now()
    moved = await enedis.post("/control/clock", json={"now": "2026-10-25T09:00:00+01:00", "frozen": True})
    shown = await enedis.get("/control/clock")
    back = await enedis.post("/control/clock", json={"now": None})

    assert moved.json() == shown.json() == {"now": "2026-10-25T08:00:00Z"}
    assert back.json()["now"] == machine.isoformat().replace("+00:00", "Z")


async def test_households_are_listed(enedis: httpx.AsyncClient) -> None:
    households = (await enedis.get("/control/households")).json()

    assert households[0]["usage_point_id"] == POINT
    assert {household["profile"] for household in households} >= {"standard", "solar", "producer", "no_curve"}


async def test_control_is_documented(enedis: httpx.AsyncClient) -> None:
    paths = (await enedis.get("/openapi.json")).json()["paths"]

    assert {"/control/faults", "/control/calls", "/control/settings", "/control/clock", "/control/revoke"} <= set(paths)
    assert len(paths["/mesure_synchrone_auto/v2/puissance_conso_max_quotidienne"]["get"]["parameters"]) == 5


async def test_consents_survive_a_restart_with_a_state_file(tmp_path: Path, clock: ManualClock) -> None:
    settings = SimulatorSettings(
        client_id="a",
        client_secret=SecretStr("b"),
        redirect_uri="http://gateway.test/",
        state_file=tmp_path / "consents.json",
    )
    seen = []
    for _ in range(2):
        transport = httpx.ASGITransport(app=create_app(settings, clock))
        async with httpx.AsyncClient(transport=transport, base_url="http://enedis.test") as client:
            await client.post("/control/consents", json={"usage_point_id": POINT})
            seen.append((await client.get("/control/consents")).json())

    assert seen[0] == seen[1] != []


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_CLIENT_ID", "a")
    monkeypatch.setenv("SIMULATOR_CLIENT_SECRET", "b")
    monkeypatch.setenv("SIMULATOR_REDIRECT_URI", "http://gateway.test/")
    monkeypatch.setenv("SIMULATOR_PER_HOUR", "77")
    settings = SimulatorSettings.from_environment()

    assert (settings.per_hour, settings.per_second) == (77, 5)
    assert "b" not in repr(settings.client_secret)
