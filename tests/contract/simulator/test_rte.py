"""RTE in addition to Enedis: token, Tempo, EcoWatt and the open data, and the effects of `/control` on them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from simulator.app import create_app
from simulator.clock import ManualClock
from simulator.config import SimulatorSettings
from tests.support.cases import case

pytestmark = pytest.mark.anyio

CREDENTIALS = ("application-under-test", "not-a-secret")
TEMPO = "/open_api/tempo_like_supply_contract/v1/tempo_like_calendars"
ECOWATT = "/open_api/ecowatt/v5/signals"
RECORDS = "/api/explore/v2.1/catalog/datasets/nouveau_signal_ecowatt/records"
PARIS = ZoneInfo("Europe/Paris")
# 13:00 on a Monday in Paris: tomorrow is published.
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY, TOMORROW, DAY_AFTER = "2026-11-23", "2026-11-24", "2026-11-25"


@pytest.fixture(scope="module")
def shared_clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture(scope="module")
def shared_app(shared_clock: ManualClock) -> FastAPI:
    """One application for all tests: creating it takes longer than most of them."""
    client_id, client_secret = CREDENTIALS
    settings = SimulatorSettings(
        client_id=client_id, client_secret=SecretStr(client_secret), redirect_uri="http://gateway.test/oauth/callback"
    )
    return create_app(settings, shared_clock)


@pytest.fixture
async def anybody(shared_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token; the simulator is reset before each test."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shared_app), base_url="http://rte.test") as client:
        for state in ("faults", "limits", "rte/tokens", "calls"):
            await client.delete(f"/control/{state}")
        await client.post("/control/clock", json={"now": NOW.isoformat()})
        at_first = (await client.get("/control/settings")).json()
        yield client
        await client.post("/control/settings", json=at_first)


@pytest.fixture
async def rte(anybody: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client with an RTE token."""
    anybody.headers["Authorization"] = f"Bearer {await _token(anybody)}"
    anybody.headers["Accept"] = "application/json"
    return anybody


async def _token(client: httpx.AsyncClient) -> str:
    return str((await client.post("/token/oauth/", auth=CREDENTIALS)).json()["access_token"])


def _midnight(day: str) -> str:
    return datetime.fromisoformat(day).replace(tzinfo=PARIS).isoformat()


async def _tempo(rte: httpx.AsyncClient, start: str, end: str, **others: str) -> httpx.Response:
    """The response for `[start, end[`."""
    return await rte.get(TEMPO, params={"start_date": _midnight(start), "end_date": _midnight(end), **others})


async def _colours(rte: httpx.AsyncClient, start: str, end: str) -> dict[str, str | None]:
    values = (await _tempo(rte, start, end)).json()["tempo_like_calendars"]["values"]
    return {value["start_date"][:10]: value.get("value") for value in values}


async def _truth(rte: httpx.AsyncClient, start: str, end: str) -> dict[str, str | None]:
    truth: dict[str, str | None] = (await rte.get("/control/rte/tempo", params={"start": start, "end": end})).json()
    return truth


async def _set(rte: httpx.AsyncClient, **conditions: object) -> None:
    (await rte.post("/control/settings", json=conditions)).raise_for_status()


async def _break(rte: httpx.AsyncClient, **fault: object) -> None:
    (await rte.post("/control/faults", json=fault)).raise_for_status()


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"].removeprefix("TMPLIKSUPCON_TMPLIKCAL_")


async def test_token_is_opaque_and_lasts_two_hours(anybody: httpx.AsyncClient, shared_clock: ManualClock) -> None:
    forms: list[dict[str, str]] = [{}, {"grant_type": "client_credentials"}]

    for path in ["/token/oauth/", "/token/oauth"]:
        for form in forms:
            with case(path, form):
                answer = (await anybody.post(path, data=form, auth=CREDENTIALS)).json()
                headers = {"Authorization": f"Bearer {answer['access_token']}", "Accept": "application/json"}
                fresh = await anybody.get(TEMPO, headers=headers)
                shared_clock.advance(7_199)
                expired = await anybody.get(TEMPO, headers=headers)

                assert {**answer, "access_token": ""} == {
                    "access_token": "",
                    "token_type": "Bearer",
                    "expires_in": 7_199,
                }
                assert "." not in answer["access_token"]
                assert (fresh.status_code, expired.status_code) == (200, 401)


async def test_wrong_credentials_and_tokens_are_refused(rte: httpx.AsyncClient) -> None:
    answers = [
        await rte.post("/token/oauth/", auth=("application-under-test", "wrong")),
        await rte.post("/token/oauth/", data={"client_id": CREDENTIALS[0], "client_secret": CREDENTIALS[1]}),
        await rte.get(TEMPO, headers={"Authorization": "Bearer unknown"}),
        await rte.get(ECOWATT, headers={"Authorization": ""}),
        await rte.get("/mesure_synchrone_auto/v2/consommation_quotidienne"),
    ]
    forgotten = (await rte.delete("/control/rte/tokens")).json()
    after = await rte.get(TEMPO)

    assert [answer.status_code for answer in answers] == [401] * 5
    assert (forgotten, after.status_code) == ({"count": 1}, 401)


async def test_other_grant_is_refused(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.post("/token/oauth/", data={"grant_type": "password"}, auth=CREDENTIALS)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


async def test_each_api_is_subscribed_on_its_own(rte: httpx.AsyncClient) -> None:
    await _set(rte, unsubscribed_apis=["ecowatt"])

    assert [(await rte.get(path)).status_code for path in (TEMPO, ECOWATT)] == [200, 403]


async def test_range_is_answered_newest_first_with_the_offset_of_each_day(rte: httpx.AsyncClient) -> None:
    calendars = (await _tempo(rte, "2026-10-24", "2026-10-27")).json()["tempo_like_calendars"]
    truth = await _truth(rte, "2026-10-24", "2026-10-27")

    assert calendars == {
        "start_date": "2026-10-24T00:00:00+02:00",
        "end_date": "2026-10-27T00:00:00+01:00",
        "values": [
            {
                "start_date": "2026-10-26T00:00:00+01:00",
                "end_date": "2026-10-27T00:00:00+01:00",
                "value": truth["2026-10-26"],
                "updated_date": "2026-10-25T10:20:00+01:00",
            },
            {
                "start_date": "2026-10-25T00:00:00+02:00",
                "end_date": "2026-10-26T00:00:00+01:00",
                "value": truth["2026-10-25"],
                "updated_date": "2026-10-24T10:20:00+02:00",
            },
            {
                "start_date": "2026-10-24T00:00:00+02:00",
                "end_date": "2026-10-25T00:00:00+02:00",
                "value": truth["2026-10-24"],
                "updated_date": "2026-10-23T10:20:00+02:00",
            },
        ],
    }


async def test_longest_range_reaches_into_the_day_after_tomorrow(rte: httpx.AsyncClient) -> None:
    answered = await _colours(rte, "2025-11-24", DAY_AFTER)

    assert answered == await _truth(rte, "2025-11-24", DAY_AFTER)
    assert len(answered) == 366


async def test_history_begins_in_september_2014(rte: httpx.AsyncClient) -> None:
    assert sorted(await _colours(rte, "2014-08-01", "2014-09-03")) == ["2014-09-01", "2014-09-02"]


async def test_one_day_has_no_value(rte: httpx.AsyncClient) -> None:
    day = (await _tempo(rte, "2022-12-28", "2022-12-29")).json()["tempo_like_calendars"]["values"][0]

    assert (day["start_date"], "value" in day) == ("2022-12-28T00:00:00+01:00", False)
    assert await _truth(rte, "2022-12-28", "2022-12-29") == {"2022-12-28": None}


async def test_values_tell_of_a_fallback_when_asked(rte: httpx.AsyncClient) -> None:
    values = [
        (await _tempo(rte, TODAY, TOMORROW, fallback_status=asked)).json()["tempo_like_calendars"]["values"][0]
        for asked in ("true", "false")
    ]

    assert [value.get("fallback") for value in values] == [False, None]


async def test_wrong_question_gets_its_code(rte: httpx.AsyncClient) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({"start_date": _midnight(TODAY)}, "F01"),
        ({"end_date": _midnight(TODAY)}, "F01"),
        ({"start_date": _midnight(TODAY), "end_date": _midnight("2026-11-22")}, "F02"),
        ({"start_date": _midnight("2025-11-23"), "end_date": _midnight(DAY_AFTER)}, "F03"),
        ({"start_date": _midnight(TODAY), "end_date": _midnight("2026-11-26")}, "F04"),
        ({"start_date": _midnight(DAY_AFTER), "end_date": _midnight("2026-11-26")}, "F04"),
        ({"start_date": _midnight(TODAY), "end_date": _midnight(TODAY)}, "F05"),
        ({"start_date": TODAY, "end_date": TOMORROW}, "F06"),
        ({"start_date": "2026-11-31T00:00:00+01:00", "end_date": "2026-12-01T00:00:00+01:00"}, "F06"),
        ({"start_date": "2026-11-23T00:00:00+0100", "end_date": "2026-11-24T00:00:00+0100"}, "F06"),
        ({"start_date": "2026-11-22T23:00:00+00:00", "end_date": "2026-11-23T23:00:00+00:00"}, "F06"),
        ({"start_date": "2026-07-01T00:00:00+01:00", "end_date": "2026-07-02T00:00:00+01:00"}, "F06"),
        ({"start_date": _midnight(TODAY), "end_date": _midnight(TOMORROW), "fallback_status": "yes"}, "F07"),
    ]

    for query, code in cases:
        with case(query, code):
            answer = await rte.get(TEMPO, params=query)

            assert _code(answer) == (400, code)
            assert answer.json()["error_details"]["transaction_id"].startswith("Id-")


async def test_plus_that_is_not_encoded_is_a_blank(rte: httpx.AsyncClient) -> None:
    start, end = _midnight(TODAY), _midnight(TOMORROW)
    plain = await rte.get(f"{TEMPO}?start_date={start}&end_date={end}")
    encoded = await rte.get(f"{TEMPO}?start_date={quote(start)}&end_date={quote(end)}")

    assert (_code(plain), encoded.status_code) == ((400, "F06"), 200)


@pytest.mark.parametrize(
    ("moment", "conditions", "is_out"),
    [
        ("06:29", {}, False),
        ("06:30", {}, True),
        ("06:30", {"tempo_publication_time": "10:30"}, False),
        ("23:59", {"tempo_tomorrow_published": False}, False),
    ],
)
async def test_tomorrow_comes_out_at_its_hour(
    rte: httpx.AsyncClient, moment: str, conditions: dict[str, object], is_out: bool
) -> None:
    await _set(rte, **conditions)
    await rte.post("/control/clock", json={"now": f"{TODAY}T{moment}:00+01:00", "frozen": True})
    newest = (await rte.get(TEMPO)).json()["tempo_like_calendars"]["start_date"]
    wide = await _colours(rte, TODAY, DAY_AFTER)
    alone = await _tempo(rte, TOMORROW, DAY_AFTER)

    assert newest == _midnight(TOMORROW if is_out else TODAY)
    assert sorted(wide) == [TODAY, TOMORROW][: 2 if is_out else 1]
    assert alone.status_code == (200 if is_out else 400)
    assert is_out or _code(alone) == (400, "F04")


async def test_colour_written_early_is_dated_early(rte: httpx.AsyncClient) -> None:
    await rte.post("/control/clock", json={"now": f"{TODAY}T07:00:00+01:00", "frozen": True})
    value = (await rte.get(TEMPO)).json()["tempo_like_calendars"]["values"][0]

    assert value["updated_date"] == "2026-11-23T06:30:00+01:00"


async def test_colours_can_be_chosen_and_given_back(rte: httpx.AsyncClient) -> None:
    drawn = await _colours(rte, TODAY, DAY_AFTER)
    await _set(rte, tempo_colours={TODAY: None, TOMORROW: "BLUE"})
    chosen = await _colours(rte, TODAY, DAY_AFTER)
    await _set(rte, tempo_colours={})

    assert chosen == {TODAY: None, TOMORROW: "BLUE"} != drawn
    assert await _colours(rte, TODAY, DAY_AFTER) == drawn


async def test_signals_are_those_of_today_and_three_days(rte: httpx.AsyncClient) -> None:
    await _set(rte, ecowatt_levels={TOMORROW: 3})
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
    await _set(rte, ecowatt_pause_seconds=0)
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
    await _tempo(rte, TODAY, TOMORROW)
    for path in (ECOWATT, RECORDS):
        await rte.get(path)
    calls = (await rte.get("/control/calls")).json()
    counted = (await rte.get("/control/calls/count", params={"api": "tempo"})).json()

    assert [call["api"] for call in calls] == ["rte_token", "tempo", "ecowatt", "rte_open_data"]
    assert (calls[1]["start"], calls[1]["end"]) == (_midnight(TODAY), _midnight(TOMORROW))
    assert counted == {"count": 1, "totals": {"rte_token": 1, "tempo": 1, "ecowatt": 1, "rte_open_data": 1}}


async def test_truth_tells_the_levels_too_and_is_bounded(rte: httpx.AsyncClient) -> None:
    await _set(rte, ecowatt_levels={TODAY: 2})
    told = await rte.get("/control/rte/ecowatt", params={"start": TODAY, "end": DAY_AFTER})
    endless = await rte.get("/control/rte/tempo", params={"start": "0001-01-01", "end": "9999-01-01"})

    assert told.json() == {TODAY: 2, TOMORROW: 1}
    assert endless.status_code == 422


async def test_conditions_can_be_put_back_as_they_were_shown(rte: httpx.AsyncClient) -> None:
    before = (await rte.get("/control/settings")).json()
    await _set(rte, tempo_colours={TODAY: "RED"}, ecowatt_levels={TODAY: 3}, tempo_tomorrow_published=False)
    await _set(rte, **before)

    assert (await rte.get("/control/settings")).json() == before
