"""The simulator of RTE: tokens, subscriptions, and Tempo."""

from urllib.parse import quote

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


async def colours_of(rte: httpx.AsyncClient, start: str, end: str) -> dict[str, str | None]:
    values = (await ask_tempo(rte, start, end)).json()["tempo_like_calendars"]["values"]
    return {value["start_date"][:10]: value.get("value") for value in values}


async def _truth(rte: httpx.AsyncClient, start: str, end: str) -> dict[str, str | None]:
    truth: dict[str, str | None] = (await rte.get("/control/rte/tempo", params={"start": start, "end": end})).json()
    return truth


def code_of(answer: httpx.Response) -> tuple[int, str]:
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
    await set_conditions(rte, unsubscribed_apis=["ecowatt"])

    assert [(await rte.get(path)).status_code for path in (TEMPO, ECOWATT)] == [200, 403]


async def test_range_is_answered_newest_first_with_the_offset_of_each_day(rte: httpx.AsyncClient) -> None:
    calendars = (await ask_tempo(rte, "2026-10-24", "2026-10-27")).json()["tempo_like_calendars"]
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
    answered = await colours_of(rte, "2025-11-24", DAY_AFTER)

    assert answered == await _truth(rte, "2025-11-24", DAY_AFTER)
    assert len(answered) == 366


async def test_history_begins_in_september_2014(rte: httpx.AsyncClient) -> None:
    assert sorted(await colours_of(rte, "2014-08-01", "2014-09-03")) == ["2014-09-01", "2014-09-02"]


async def test_one_day_has_no_value(rte: httpx.AsyncClient) -> None:
    day = (await ask_tempo(rte, "2022-12-28", "2022-12-29")).json()["tempo_like_calendars"]["values"][0]

    assert (day["start_date"], "value" in day) == ("2022-12-28T00:00:00+01:00", False)
    assert await _truth(rte, "2022-12-28", "2022-12-29") == {"2022-12-28": None}


async def test_values_tell_of_a_fallback_when_asked(rte: httpx.AsyncClient) -> None:
    values = [
        (await ask_tempo(rte, TODAY, TOMORROW, fallback_status=asked)).json()["tempo_like_calendars"]["values"][0]
        for asked in ("true", "false")
    ]

    assert [value.get("fallback") for value in values] == [False, None]


async def test_wrong_question_gets_its_code(rte: httpx.AsyncClient) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({"start_date": midnight_of(TODAY)}, "F01"),
        ({"end_date": midnight_of(TODAY)}, "F01"),
        ({"start_date": midnight_of(TODAY), "end_date": midnight_of("2026-11-22")}, "F02"),
        ({"start_date": midnight_of("2025-11-23"), "end_date": midnight_of(DAY_AFTER)}, "F03"),
        ({"start_date": midnight_of(TODAY), "end_date": midnight_of("2026-11-26")}, "F04"),
        ({"start_date": midnight_of(DAY_AFTER), "end_date": midnight_of("2026-11-26")}, "F04"),
        ({"start_date": midnight_of(TODAY), "end_date": midnight_of(TODAY)}, "F05"),
        ({"start_date": TODAY, "end_date": TOMORROW}, "F06"),
        ({"start_date": "2026-11-31T00:00:00+01:00", "end_date": "2026-12-01T00:00:00+01:00"}, "F06"),
        ({"start_date": "2026-11-23T00:00:00+0100", "end_date": "2026-11-24T00:00:00+0100"}, "F06"),
        ({"start_date": "2026-11-22T23:00:00+00:00", "end_date": "2026-11-23T23:00:00+00:00"}, "F06"),
        ({"start_date": "2026-07-01T00:00:00+01:00", "end_date": "2026-07-02T00:00:00+01:00"}, "F06"),
        ({"start_date": midnight_of(TODAY), "end_date": midnight_of(TOMORROW), "fallback_status": "yes"}, "F07"),
    ]

    for query, code in cases:
        with case(query, code):
            answer = await rte.get(TEMPO, params=query)

            assert code_of(answer) == (400, code)
            assert answer.json()["error_details"]["transaction_id"].startswith("Id-")


async def test_plus_that_is_not_encoded_is_a_blank(rte: httpx.AsyncClient) -> None:
    start, end = midnight_of(TODAY), midnight_of(TOMORROW)
    plain = await rte.get(f"{TEMPO}?start_date={start}&end_date={end}")
    encoded = await rte.get(f"{TEMPO}?start_date={quote(start)}&end_date={quote(end)}")

    assert (code_of(plain), encoded.status_code) == ((400, "F06"), 200)


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
    await set_conditions(rte, **conditions)
    await rte.post("/control/clock", json={"now": f"{TODAY}T{moment}:00+01:00", "frozen": True})
    newest = (await rte.get(TEMPO)).json()["tempo_like_calendars"]["start_date"]
    wide = await colours_of(rte, TODAY, DAY_AFTER)
    alone = await ask_tempo(rte, TOMORROW, DAY_AFTER)

    assert newest == midnight_of(TOMORROW if is_out else TODAY)
    assert sorted(wide) == [TODAY, TOMORROW][: 2 if is_out else 1]
    assert alone.status_code == (200 if is_out else 400)
    assert is_out or code_of(alone) == (400, "F04")


async def test_colour_written_early_is_dated_early(rte: httpx.AsyncClient) -> None:
    await rte.post("/control/clock", json={"now": f"{TODAY}T07:00:00+01:00", "frozen": True})
    value = (await rte.get(TEMPO)).json()["tempo_like_calendars"]["values"][0]

    assert value["updated_date"] == "2026-11-23T06:30:00+01:00"


async def test_colours_can_be_chosen_and_given_back(rte: httpx.AsyncClient) -> None:
    drawn = await colours_of(rte, TODAY, DAY_AFTER)
    await set_conditions(rte, tempo_colours={TODAY: None, TOMORROW: "BLUE"})
    chosen = await colours_of(rte, TODAY, DAY_AFTER)
    await set_conditions(rte, tempo_colours={})

    assert chosen == {TODAY: None, TOMORROW: "BLUE"} != drawn
    assert await colours_of(rte, TODAY, DAY_AFTER) == drawn
