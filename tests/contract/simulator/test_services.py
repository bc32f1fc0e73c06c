"""`POST /subscribed_services/v1`."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from simulator.clock import ManualClock
from tests.support.cases import case

pytestmark = pytest.mark.anyio

PATH = "/subscribed_services/v1"
Share = Callable[[str], Awaitable[int]]


async def _services(enedis: httpx.AsyncClient, **body: Any) -> list[dict[str, Any]]:
    answer = await enedis.post(PATH, json={"comptage": False} | body)
    assert answer.status_code == 200
    found = answer.json().get("serviceSouscrit", [])
    assert answer.json()["nbTotalServices"] == len(found)
    assert isinstance(found, list)
    return found


async def test_a_consumer_has_one_entry_a_measure_type_in_the_captured_shape(
    enedis: httpx.AsyncClient, share: Share
) -> None:
    authorisation_id = await share("99000000000011")
    services = await _services(enedis, autorisationId=authorisation_id)

    assert [entry["mesuresTypeCode"] for entry in services] == ["CDC", "PMAX", "IDX", "ENERGIE", "ITC"]
    assert services[0] == {
        "id": "80582490",
        "injection": False,
        "soutirage": True,
        "serviceCode": "ACCES",
        "dateDebut": "2026-11-23",
        "dateFin": "2029-11-23",
        "etatCode": "ACTIF",
        "etatLibelle": "Actif",
        "pointId": "99000000000011",
        "mesuresTypeCode": "CDC",
        "mesuresPas": "PT30M",
        "mesuresCorrigees": False,
        "espaceDynamique": True,
        "publicationDonnees": False,
        "autorisation": {
            "autorisationId": 58249,
            "autorisationLibelle": "DATACONNECT_C5_ACTIF",
            "autorisationType": "EXPLICITE",
            "autorisationStatut": "ACTIVE",
        },
    }


async def test_directions_tell_consumers_from_producers(enedis: httpx.AsyncClient, share: Share) -> None:
    cases: list[tuple[str, set[tuple[bool, bool]]]] = [
        ("99000000000011", {(True, False)}),
        ("99000000000033", {(True, False), (False, True)}),
        ("99000000000077", {(False, True)}),
    ]

    for point, directions in cases:
        with case(point, directions):
            services = await _services(enedis, autorisationId=await share(point))

            assert {(entry["soutirage"], entry["injection"]) for entry in services} == directions


async def test_the_final_slash_does_not_matter(enedis: httpx.AsyncClient, share: Share) -> None:
    body = {"autorisationId": await share("99000000000011"), "comptage": False}

    assert (await enedis.post(PATH + "/", json=body)).json() == (await enedis.post(PATH, json=body)).json()


async def test_nothing_found_has_no_list(enedis: httpx.AsyncClient) -> None:
    answer = await enedis.post(PATH, json={"autorisationId": 10, "comptage": False})

    assert answer.json() == {"nbTotalServices": 0}


async def test_counting_gives_the_number_only(enedis: httpx.AsyncClient, share: Share) -> None:
    answer = await enedis.post(PATH, json={"autorisationId": await share("99000000000011"), "comptage": True})

    assert answer.json() == {"nbTotalServices": 5}


async def test_filters_narrow_the_list(enedis: httpx.AsyncClient, share: Share) -> None:
    authorisation_id = await share("99000000000033")
    by_type = await _services(enedis, autorisationId=authorisation_id, mesureTypeCode=["CDC"])
    by_direction = await _services(enedis, autorisationId=authorisation_id, injection=True)
    by_point = await _services(enedis, autorisationId=authorisation_id, pointId=["99000000000011"])
    later = await _services(enedis, autorisationId=authorisation_id, dateDebut="2026-11-24")
    longer = await _services(enedis, autorisationId=authorisation_id, dateFin="2029-11-24")

    assert [len(found) for found in (by_type, by_direction, by_point, later, longer)] == [2, 4, 0, 0, 0]


async def test_a_revoked_share_shows_only_when_its_state_is_asked_for(enedis: httpx.AsyncClient, share: Share) -> None:
    authorisation_id = await share("99000000000011")
    await enedis.post("/control/revoke", json={"usage_point_id": "99000000000011"})
    default = await _services(enedis, autorisationId=authorisation_id)
    deleted = await _services(enedis, autorisationId=authorisation_id, etatCode=["SUPPRIME"])

    assert (len(default), len(deleted)) == (0, 5)


async def test_an_expired_share_is_over(enedis: httpx.AsyncClient, clock: ManualClock) -> None:
    shared = await enedis.post("/control/consents", json={"usage_point_id": "99000000000011", "duration": "P1D"})
    authorisation_id = shared.json()["authorisation_id"]
    await enedis.post("/control/clock", json={"now": "2026-11-24T00:00:00+01:00"})
    services = await _services(enedis, autorisationId=authorisation_id, etatCode=["TERMINE"])

    assert {entry["etatCode"] for entry in services} == {"TERMINE"}
    assert clock.now().isoformat() == "2026-11-23T23:00:00+00:00"


async def test_a_fresh_share_can_take_its_time_to_show(enedis: httpx.AsyncClient, clock: ManualClock) -> None:
    await enedis.post("/control/settings", json={"services_delay_seconds": 5})
    asked = {"client_id": "application-under-test", "response_type": "code", "duration": "P1Y", "auto": "approve"}
    await enedis.get("/dataconnect/v2/oauth2/authorize", params=asked)
    too_early = await _services(enedis, autorisationId=58_249)
    clock.advance(5)
    later = await _services(enedis, autorisationId=58_249)

    assert (len(too_early), len(later)) == (0, 5)


async def test_anything_off_the_swagger_is_a_500(enedis: httpx.AsyncClient) -> None:
    cases: list[bytes] = [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"comptage":false}',
        b'{"autorisationId":58249}',
        b'{"autorisationId":"58249","comptage":false}',
        b'{"autorisationId":58249.5,"comptage":false}',
        b'{"autorisationId":-1,"comptage":false}',
        b'{"autorisationId":58249,"comptage":"false"}',
        b'{"autorisationId":58249,"comptage":false,"invented":1}',
        b'{"autorisationId":58249,"comptage":false,"etatCode":["OUVERT"]}',
        b'{"autorisationId":58249,"comptage":false,"pointId":["123"]}',
        b'{"autorisationId":58249,"comptage":false,"dateDebut":"hier"}',
        b'{"autorisation_id":58249,"comptage":false}',
    ]

    for body in cases:
        with case(body):
            answer = await enedis.post(PATH, content=body, headers={"Content-Type": "application/json"})

            assert (answer.status_code, answer.json()["error"]) == (500, "technical_error")
