"""The simulator of RTE: EcoWatt, the open data, failures and the log."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from simulator.clock import ManualClock
from tests.support.cases import case
from tests.support.simulated_rte import (
    CREDENTIALS,
    DAY_AFTER,
    ECOWATT,
    TEMPO,
    TODAY,
    TOMORROW,
    ask_tempo,
    midnight_of,
    set_conditions,
)

pytestmark = pytest.mark.anyio


RECORDS = "/api/explore/v2.1/catalog/datasets/nouveau_signal_ecowatt/records"


async def _break(rte: httpx.AsyncClient, **fault: object) -> None:
    (await rte.post("/control/faults", json=fault)).raise_for_status()


async def test_signals_are_those_of_today_and_three_days(rte: httpx.AsyncClient) -> None:
    await set_conditions(rte, ecowatt_levels={TOMORROW: 3})
    signals = (await rte.get(ECOWATT)).json()["signals"]

    assert [signal["jour"] for signal in signals] == [f"2026-11-{day}T00:00:00+01:00" for day in (23, 24, 25, 26)]
    assert [signal["dvalue"] for signal in signals] == [1, 3, 1, 1]
    assert [max(1, *(hour["hvalue"] for hour in signal["values"])) for signal in signals] == [1, 3, 1, 1]
    assert [[hour["pas"] for hour in signal["values"]] for signal in signals] == [list(range(24))] * 4
    assert signals[0]["GenerationFichier"] == "2026-11-22T23:00:00+01:00"
    assert signals[0]["message"] == "Pas d\u2019alerte."


async def test_ecowatt_is_asked_once_in_a_quarter_of_an_hour(rte: httpx.AsyncClient, shared_clock: ManualClock) -> None:
    answers = [await rte.get(ECOWATT)]
    shared_clock.advance(600)
    answers.append(await rte.get(ECOWATT))
    shared_clock.advance(300)
    answers += [await rte.get(ECOWATT), await rte.get(f"{ECOWATT.removesuffix('signals')}sandbox/signals")]

    assert [answer.status_code for answer in answers] == [200, 429, 200, 200]
    assert answers[1].headers["Retry-After"] == "300"


async def test_pause_of_ecowatt_follows_the_simulated_clock_and_can_be_lifted(rte: httpx.AsyncClient) -> None:
    statuses = [(await rte.get(ECOWATT)).status_code]
    await rte.post("/control/clock", json={"now": f"{TODAY}T13:15:00+01:00"})
    statuses += [(await rte.get(ECOWATT)).status_code for _ in range(2)]
    await rte.delete("/control/limits")
    statuses.append((await rte.get(ECOWATT)).status_code)
    await set_conditions(rte, ecowatt_pause_seconds=0)
    statuses.append((await rte.get(ECOWATT)).status_code)

    assert statuses == [200, 200, 429, 200, 200]


async def test_sandbox_is_unsorted_and_lacks_hours(rte: httpx.AsyncClient) -> None:
    signals = (await rte.get("/open_api/ecowatt/v5/sandbox/signals")).json()["signals"]

    assert [signal["jour"][:10] for signal in signals] == ["2022-06-06", "2022-06-04", "2022-06-05", "2022-06-03"]
    assert [hour["pas"] for hour in signals[3]["values"]] == list(range(7, 24))


async def test_who_does_not_ask_for_json_gets_xml(rte: httpx.AsyncClient) -> None:
    for path in [TEMPO, ECOWATT]:
        with case(path):
            answer = await rte.get(path, headers={"Accept": "*/*"})

            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")
            assert answer.text.startswith("<?xml")


async def _records(client: httpx.AsyncClient, **query: str) -> Any:
    return (await client.get(RECORDS, params=query)).json()


async def test_open_data_needs_no_token_and_ends_yesterday(anybody: httpx.AsyncClient) -> None:
    newest = await _records(anybody, order_by="date desc", limit="1")
    oldest = await _records(anybody, order_by="date", limit="1")

    assert newest["total_count"] == (datetime(2026, 11, 23, tzinfo=UTC) - datetime(2022, 9, 1, tzinfo=UTC)).days
    assert [found["results"][0]["date"] for found in (newest, oldest)] == ["2026-11-22", "2022-09-01"]
    assert [*newest["results"][0]] == ["date", "couleur_du_jour", *(f"h{hour}" for hour in range(24)), "message"]
    assert [found["results"][0]["message"] for found in (newest, oldest)] == [
        "Pas d\u2019alerte.",
        "Pas d\u00e2\u20ac\u2122alerte.",
    ]


async def test_open_data_is_read_in_pages_of_a_range(anybody: httpx.AsyncClient) -> None:
    where = "date >= date'2026-01-01' and date < date'2026-06-01'"
    pages = [await _records(anybody, where=where, order_by="date", limit="100", offset=str(at)) for at in (0, 100)]

    assert [page["total_count"] for page in pages] == [151, 151]
    assert [len(page["results"]) for page in pages] == [100, 51]
    assert [pages[0]["results"][0]["date"], pages[1]["results"][-1]["date"]] == ["2026-01-01", "2026-05-31"]


async def test_open_data_refuses_what_it_does_not_know(anybody: httpx.AsyncClient) -> None:
    cases: list[dict[str, str]] = [
        {"limit": "101"},
        {"offset": "-1"},
        {"where": "date >= 2026"},
        {"where": "date >= date'2026-02-30'"},
        {"order_by": "h0"},
    ]

    for query in cases:
        with case(query):
            answer = await anybody.get(RECORDS, params=query)

            assert answer.status_code == 400
            assert answer.json()["error_code"] in {"ODSQLError", "InvalidRESTParameterError"}


@pytest.mark.parametrize(
    ("fault", "path", "status", "text"),
    [
        ({"code": "TMPLIKSUPCON_TMPLIKCAL_F04", "api": "tempo"}, TEMPO, 400, "error_details"),
        ({"code": "COMMON_ERROR_T03", "path": "tempo_like"}, TEMPO, 500, "COMMON_ERROR_T03"),
        ({"code": "509", "status": 509, "api": "ecowatt"}, ECOWATT, 509, "transaction_id"),
        ({"kind": "xml", "api": "ecowatt"}, ECOWATT, 200, "<?xml"),
        ({"kind": "html", "api": "rte_open_data"}, RECORDS, 502, "<html>"),
    ],
)
async def test_rte_fails_on_demand(
    rte: httpx.AsyncClient, fault: dict[str, object], path: str, status: int, text: str
) -> None:
    await _break(rte, **fault)
    answer = await rte.get(path)

    assert (answer.status_code, text in answer.text) == (status, True)


async def test_token_can_be_missing_from_its_answer(anybody: httpx.AsyncClient) -> None:
    await _break(anybody, kind="no_token", api="rte_token")
    answer = await anybody.post("/token/oauth/", auth=CREDENTIALS)

    assert (answer.status_code, "access_token" in answer.json()) == (200, False)


async def test_faults_meant_for_enedis_are_not_used_up_by_rte(rte: httpx.AsyncClient) -> None:
    await _break(rte, kind="technical_error", count=None)
    statuses = [(await rte.get(path)).status_code for path in (TEMPO, ECOWATT, RECORDS)]
    armed = (await rte.get("/control/faults")).json()

    assert (statuses, armed[0]["hits"]) == ([200] * 3, 0)


async def test_calls_are_logged_under_their_own_names(rte: httpx.AsyncClient) -> None:
    await ask_tempo(rte, TODAY, TOMORROW)
    for path in (ECOWATT, RECORDS):
        await rte.get(path)
    calls = (await rte.get("/control/calls")).json()
    counted = (await rte.get("/control/calls/count", params={"api": "tempo"})).json()

    assert [call["api"] for call in calls] == ["rte_token", "tempo", "ecowatt", "rte_open_data"]
    assert (calls[1]["start"], calls[1]["end"]) == (midnight_of(TODAY), midnight_of(TOMORROW))
    assert counted == {"count": 1, "totals": {"rte_token": 1, "tempo": 1, "ecowatt": 1, "rte_open_data": 1}}


async def test_truth_tells_the_levels_too_and_is_bounded(rte: httpx.AsyncClient) -> None:
    await set_conditions(rte, ecowatt_levels={TODAY: 2})
    told = await rte.get("/control/rte/ecowatt", params={"start": TODAY, "end": DAY_AFTER})
    endless = await rte.get("/control/rte/tempo", params={"start": "0001-01-01", "end": "9999-01-01"})

    assert told.json() == {TODAY: 2, TOMORROW: 1}
    assert endless.status_code == 422


async def test_conditions_can_be_put_back_as_they_were_shown(rte: httpx.AsyncClient) -> None:
    before = (await rte.get("/control/settings")).json()
    await set_conditions(rte, tempo_colours={TODAY: "RED"}, ecowatt_levels={TODAY: 3}, tempo_tomorrow_published=False)
    await set_conditions(rte, **before)

    assert (await rte.get("/control/settings")).json() == before
