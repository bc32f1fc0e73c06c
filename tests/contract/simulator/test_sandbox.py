"""Consent page v1, the personas of Enedis's sandbox, and connections that break."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
import uvicorn

from simulator.app import create_app
from simulator.clock import ManualClock
from simulator.config import SimulatorSettings
from tests.support.cases import case

pytestmark = pytest.mark.anyio

Share = Callable[[str], Awaitable[int]]

PATH = "/dataconnect/v1/oauth2/authorize"
ASKED = {"client_id": "application-under-test", "response_type": "code", "state": "abc", "duration": "P3Y"}
DAILY = "/metering_data_dc/v5/daily_consumption"


def _way_back(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query, strict_parsing=True))


@asynccontextmanager
async def _client(settings: SimulatorSettings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(settings, clock))
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://enedis.test") as client:
        token = (await client.post("/oauth2/v3/token", data=form)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture
async def sandbox(settings: SimulatorSettings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(settings.model_copy(update={"sandbox": True}), clock) as client:
        yield client


async def test_v1_comes_back_with_a_code_and_the_point(anonymous: httpx.AsyncClient) -> None:
    back = _way_back(await anonymous.get(PATH, params=ASKED | {"auto": "approve"}))

    assert back.keys() == {"code", "state", "usage_point_id"}
    assert (back["state"], back["usage_point_id"]) == ("abc", "99000000000011")


async def test_v1_shares_several_points_at_once(settings: SimulatorSettings, clock: ManualClock) -> None:
    for separator in [";", ","]:
        with case(separator):
            points = ["99000000000011", "99000000000022"]
            async with _client(settings.model_copy(update={"point_separator": separator}), clock) as client:
                ticked_and_typed = [("usage_point_id", points[0]), ("other_usage_point_id", points[1])]
                form = [*ASKED.items(), ("decision", "approve"), *ticked_and_typed]
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                answer = await client.post(f"{PATH}/decision", content=urlencode(form), headers=headers)
                asked = {"start": "2026-11-01", "end": "2026-11-02"}
                statuses = [
                    (await client.get(DAILY, params=asked | {"usage_point_id": point})).status_code for point in points
                ]

            assert _way_back(answer)["usage_point_id"] == separator.join(points)
            assert statuses == [200, 200]


async def test_v1_renews_an_active_share(anonymous: httpx.AsyncClient) -> None:
    answers = [await anonymous.get(PATH, params=ASKED | {"auto": "approve"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]


async def test_v1_refusal_is_access_denied(anonymous: httpx.AsyncClient) -> None:
    assert _way_back(await anonymous.get(PATH, params=ASKED | {"auto": "refuse"})) == {
        "error": "access_denied",
        "state": "abc",
    }


async def test_v2_shares_one_point_only(anonymous: httpx.AsyncClient) -> None:
    several = {"auto": "approve", "usage_point_id": "99000000000011;99000000000022"}
    answer = await anonymous.get(PATH.replace("v1", "v2"), params=ASKED | several)

    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid_request")


async def test_v1_goes_with_its_generation(anonymous: httpx.AsyncClient) -> None:
    await anonymous.post("/control/settings", json={"stopped_generations": ["v5"]})
    gone = await anonymous.get(PATH, params=ASKED | {"auto": "approve"})
    there = await anonymous.get(PATH.replace("v1", "v2"), params=ASKED | {"auto": "approve"})

    assert (gone.status_code, there.status_code) == (404, 302)


async def test_the_last_character_of_the_state_chooses_the_persona(sandbox: httpx.AsyncClient) -> None:
    cases: list[tuple[str, str]] = [
        ("0", "22516914714270"),
        ("3", "12345678901234;10284856584123"),
        ("7", "64975835695673;63695879465986;22315546958763"),
        ("x", "99000000000011"),
    ]

    for persona, points in cases:
        with case(persona, points):
            back = _way_back(await sandbox.get(PATH, params=ASKED | {"state": f"random-{persona}", "auto": "approve"}))

            assert back["usage_point_id"] == points


async def test_personas_are_shared_from_the_start_and_show_what_they_are_for(sandbox: httpx.AsyncClient) -> None:
    cases: list[tuple[str, str, int]] = [
        ("22516914714270", DAILY, 200),
        ("32320647321714", "/metering_data_clc/v5/consumption_load_curve", 404),
        ("10284856584123", "/metering_data_dp/v5/daily_production", 200),
        ("24880057139941", "/metering_data_dp/v5/daily_production", 200),
        ("12655648759651", "/metering_data_plc/v5/production_load_curve", 200),
        ("26584978546985", DAILY, 403),
    ]

    for point, path, status in cases:
        with case(point, path, status):
            asked = {"usage_point_id": point, "start": "2026-11-01", "end": "2026-11-02"}

            assert (await sandbox.get(path, params=asked)).status_code == status


async def test_the_numbered_authorisations_are_there(sandbox: httpx.AsyncClient) -> None:
    cases: list[tuple[int, int, int]] = [(10, 0, 0), (11, 5, 0), (12, 9, 0), (13, 0, 5)]

    for authorisation_id, active, ended in cases:
        with case(authorisation_id, active, ended):
            body = {"autorisationId": authorisation_id, "comptage": True}
            found = await sandbox.post("/subscribed_services/v1", json=body)
            over = await sandbox.post("/subscribed_services/v1", json=body | {"etatCode": ["TERMINE"]})

            assert (found.json()["nbTotalServices"], over.json()["nbTotalServices"]) == (active, ended)


async def test_the_revoked_persona_is_revoked_however_it_is_shared(enedis: httpx.AsyncClient) -> None:
    shared = [
        await enedis.get(path, params=ASKED | {"auto": "approve", "usage_point_id": "26584978546985"})
        for path in (PATH, PATH.replace("v1", "v2"))
    ]
    asked = {"usage_point_id": "26584978546985", "start": "2026-11-01", "end": "2026-11-02"}

    assert [answer.status_code for answer in shared] == [302, 302]
    assert (await enedis.get(DAILY, params=asked)).status_code == 403


async def test_personas_and_codes_are_listed(enedis: httpx.AsyncClient) -> None:
    personas = (await enedis.get("/control/personas")).json()
    codes = (await enedis.get("/control/faults/codes")).json()

    assert {entry["persona"] for entry in personas} == set("012345678")
    assert [entry["persona"] for entry in personas if entry["revoked"]] == ["8"]
    assert {"900804", "ADAM-DC-0008", "STM-ERR-0000019"} <= {entry["code"] for entry in codes}


async def test_every_listed_code_can_be_provoked(enedis: httpx.AsyncClient, share: Share) -> None:
    await share("99000000000011")
    codes = {entry["code"] for entry in (await enedis.get("/control/faults/codes")).json()}
    asked = {"pointId": "99000000000011", "dateDebut": "2026-11-01", "dateFin": "2026-11-02"}
    for code in sorted(codes):
        await enedis.post("/control/faults", json={"code": code})
        answer = await enedis.get("/mesure_synchrone_auto/v2/consommation_quotidienne", params=asked)
        body = answer.json()

        assert str(body.get("error") or body.get("code") or body["fault"]["code"]) == code


async def test_a_connection_can_break_in_the_middle_of_an_answer(
    settings: SimulatorSettings, clock: ManualClock
) -> None:
    server = uvicorn.Server(uvicorn.Config(create_app(settings, clock), log_level="critical", access_log=False))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        # EventListeners before the server serves, so that the first connection waits instead of being refused.
        listening.listen()
        running = asyncio.create_task(server.serve(sockets=[listening]))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=address) as client:
            await client.post("/control/faults", json={"kind": "cut", "path": PATH})
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(PATH, params=ASKED)
            whole = await client.get(PATH, params=ASKED)
        server.should_exit = True
        await running

    assert whole.status_code == 200
