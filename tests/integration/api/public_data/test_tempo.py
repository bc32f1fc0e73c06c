"""Tempo without a key: colours, the current tariff, the remaining days of the season, prices."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from shared.core.public_datasets import TEMPO
from tests.support.api_gateway import Stage
from tests.support.public_data import (
    PRICES,
    note_answer,
    set_clock,
    store_colours,
    store_season,
    today,
    with_rte,
)

pytestmark = pytest.mark.anyio

OCTOBER = {"start": "2026-10-18", "end": "2026-10-24"}


@pytest.fixture
def rte(stage: Stage) -> Stage:
    """A gateway with RTE credentials."""
    return with_rte(stage)


async def read(stage: Stage, path: str, **query: str) -> Any:
    answer = await stage.client.get(f"/v1/tempo/{path}", params=query)
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def test_days_have_their_colour_and_run_from_six_to_six(rte: Stage) -> None:
    await store_colours(rte, {date(2026, 10, 24): "WHITE", date(2026, 10, 25): "BLUE"})

    found = await read(rte, "days", start="2026-10-24", end="2026-10-26")

    assert {
        "days": [
            {
                "day": "2026-10-24",
                "colour": "WHITE",
                "starts_at": "2026-10-24T06:00:00+02:00",
                "ends_at": "2026-10-25T06:00:00+01:00",
            },
            {
                "day": "2026-10-25",
                "colour": "BLUE",
                "starts_at": "2026-10-25T06:00:00+01:00",
                "ends_at": "2026-10-26T06:00:00+01:00",
            },
        ],
        "missing": [],
    } == found


async def test_a_day_without_a_colour_is_missing_with_the_reason(rte: Stage) -> None:
    await note_answer(rte, TEMPO)
    await store_colours(rte, {date(2026, 10, 19): "BLUE", date(2026, 10, 20): None})

    found = await read(rte, "days", start="2026-10-17", end="2026-10-24")

    assert ["2026-10-19"] == [each["day"] for each in found["days"]]
    assert [
        {"start": "2026-10-17", "end": "2026-10-19", "reason": "not_fetched"},
        {"start": "2026-10-20", "end": "2026-10-21", "reason": "not_said"},
        {"start": "2026-10-21", "end": "2026-10-24", "reason": "not_published_yet"},
    ] == found["missing"]


async def test_there_is_nothing_before_the_first_day_of_the_tariff_at_rte(rte: Stage) -> None:
    found = await read(rte, "days", start="2014-08-30", end="2014-09-02")

    assert [
        {"start": "2014-08-30", "end": "2014-09-01", "reason": "beyond_history"},
        {"start": "2014-09-01", "end": "2014-09-02", "reason": "not_fetched"},
    ] == found["missing"]


async def test_without_credentials_at_rte_every_day_is_not_offered(stage: Stage) -> None:
    found = await read(stage, "days", **OCTOBER)

    assert {"days": [], "missing": [{**OCTOBER, "reason": "not_offered"}]} == found


async def test_tomorrow_is_not_fetched_while_rte_does_not_answer(rte: Stage) -> None:
    await note_answer(rte, TEMPO)
    assert "not_published_yet" == (await read(rte, "tomorrow"))["reason"]

    await rte.resources.public_days.note_failure(TEMPO.name, "provider_timeout", None)

    assert "not_fetched" == (await read(rte, "tomorrow"))["reason"]
    # Days after tomorrow are not announced yet, even if RTE's API returns them.
    after_tomorrow = {"start": "2026-10-22", "end": "2026-10-23"}
    assert "not_published_yet" == (await read(rte, "days", **after_tomorrow))["missing"][0]["reason"]


async def test_tomorrow_has_its_colour_as_soon_as_it_is_stored(rte: Stage) -> None:
    await store_colours(rte, {today(rte) + timedelta(days=1): "RED"})

    assert {
        "day": "2026-10-21",
        "colour": "RED",
        "reason": None,
        "starts_at": "2026-10-21T06:00:00+02:00",
        "ends_at": "2026-10-22T06:00:00+02:00",
    } == await read(rte, "tomorrow")


# Before six it is the previous day's colour, at six a new day starts, at ten in the evening its off-peak hours.
BILLED = {
    "2026-01-14T05:59:59+01:00": {"day": "2026-01-13", "colour": "RED", "hours": "off_peak", "price": "0.5500"},
    "2026-01-14T06:00:00+01:00": {"day": "2026-01-14", "colour": "WHITE", "hours": "peak", "price": "0.4500"},
    "2026-01-14T22:00:00+01:00": {"day": "2026-01-14", "colour": "WHITE", "hours": "off_peak", "price": "0.3500"},
}


async def test_today_says_what_is_billed_at_this_moment(rte: Stage) -> None:
    set_clock(rte, "2026-01-14T00:00:00+01:00")
    await store_colours(rte, {date(2026, 1, 13): "RED", date(2026, 1, 14): "WHITE"})
    await rte.resources.tempo_prices.set_prices(date(2026, 1, 1), PRICES, rte.clock.now)
    priced = {"valid_from": "2026-01-01", **PRICES}
    for at, billed in BILLED.items():
        set_clock(rte, at)

        found = await read(rte, "today")

        assert ("2026-01-14", "WHITE", None) == (found["day"], found["colour"], found["reason"]), at
        assert billed == {name: found["now"][name] for name in billed}, at
        assert priced == {name: found["prices"][name] for name in priced}, at


async def test_what_is_billed_says_until_when(rte: Stage) -> None:
    ends = {}
    for at in ("2026-10-25T01:30:00+02:00", "2026-10-25T12:00:00+01:00", "2026-10-25T23:00:00+01:00"):
        set_clock(rte, at)
        ends[at] = (await read(rte, "today"))["now"]["until"]

    assert ["2026-10-25T06:00:00+01:00", "2026-10-25T22:00:00+01:00", "2026-10-26T06:00:00+01:00"] == list(
        ends.values()
    )


async def test_today_without_a_colour_and_without_prices_says_so(rte: Stage) -> None:
    found = await read(rte, "today")

    assert (None, "not_fetched", None) == (found["colour"], found["reason"], found["prices"])
    assert (None, "not_fetched", None) == tuple(found["now"][name] for name in ("colour", "reason", "price"))


async def test_what_is_left_is_the_allowance_less_what_was_published_tomorrow_included(rte: Stage) -> None:
    await store_season(rte, today(rte), white=3, red=2)
    before = await read(rte, "remaining")
    await store_colours(rte, {today(rte) + timedelta(days=1): "RED"})

    after = await read(rte, "remaining")

    assert {
        "season": {"start": "2026-09-01", "end": "2027-09-01"},
        "counted_through": "2026-10-20",
        "unknown_days": 0,
        "blue": {"allowed": 300, "used": 45, "remaining": 255},
        "white": {"allowed": 43, "used": 3, "remaining": 40},
        "red": {"allowed": 22, "used": 2, "remaining": 20},
    } == before
    assert ("2026-10-21", {"allowed": 22, "used": 3, "remaining": 19}) == (after["counted_through"], after["red"])


async def test_days_whose_colour_is_not_known_are_counted_as_such(rte: Stage) -> None:
    await store_colours(rte, {date(2026, 9, 1): "BLUE", date(2026, 9, 2): None, date(2026, 9, 5): "BLUE"})

    found = await read(rte, "remaining")

    assert ("2026-09-05", 3, 298) == (found["counted_through"], found["unknown_days"], found["blue"]["remaining"])


async def test_on_the_last_day_of_a_season_the_next_one_is_not_counted(rte: Stage) -> None:
    set_clock(rte, "2026-08-31T23:30:00+02:00")
    await store_colours(rte, {date(2026, 8, 31): "BLUE", date(2026, 9, 1): "RED"})

    found = await read(rte, "remaining")

    assert ("2025-09-01", "2026-08-31", 22) == (
        found["season"]["start"],
        found["counted_through"],
        found["red"]["remaining"],
    )


async def test_today_is_that_of_paris(rte: Stage) -> None:
    set_clock(rte, "2026-07-14T00:30:00+02:00")

    assert "2026-07-14" == (await read(rte, "today"))["day"]


async def test_prices_are_those_of_the_day_that_is_asked_for(stage: Stage) -> None:
    later = dict.fromkeys(PRICES, "1")
    await stage.resources.tempo_prices.set_prices(date(2026, 2, 1), PRICES, stage.clock.now)
    await stage.resources.tempo_prices.set_prices(date(2026, 11, 1), later, stage.clock.now)

    now, then = await read(stage, "prices"), await read(stage, "prices", day="2026-11-01")

    assert {"valid_from": "2026-02-01", "set_at": "2026-10-20T10:00:00Z", **PRICES} == now
    assert {"valid_from": "2026-11-01", "set_at": "2026-10-20T10:00:00Z", **later} == then


async def test_where_no_prices_are_set_that_is_a_problem(stage: Stage) -> None:
    answer = await stage.client.get("/v1/tempo/prices")

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])


NO_DAYS: dict[str, dict[str, str]] = {
    "no days": {},
    "no end": {"start": "2026-10-01"},
    "empty": {"start": "2026-10-01", "end": "2026-10-01"},
    "backwards": {"start": "2026-10-02", "end": "2026-10-01"},
    "too long": {"start": "2015-01-01", "end": "2026-01-01"},
    "another form": {"start": "01/10/2026", "end": "2026-10-02"},
    "no such day": {"start": "2026-02-29", "end": "2026-03-02"},
}


async def test_days_that_can_not_be_answered_are_a_problem(stage: Stage) -> None:
    for case, query in NO_DAYS.items():
        answer = await stage.client.get("/v1/tempo/days", params=query)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), case


async def test_who_has_the_present_answer_is_told_so(rte: Stage) -> None:
    await store_colours(rte, {date(2026, 10, 20): "BLUE", date(2026, 10, 21): "BLUE"})
    await rte.resources.tempo_prices.set_prices(date(2026, 10, 1), PRICES, rte.clock.now)
    paths = ["days?start=2026-10-19&end=2026-10-22", "today", "tomorrow", "remaining", "prices"]
    tags = {path: (await rte.client.get(f"/v1/tempo/{path}")).headers["ETag"] for path in paths}

    async def ask_again(path: str) -> httpx.Response:
        return await rte.client.get(f"/v1/tempo/{path}", headers={"If-None-Match": tags[path]})

    again = {path: await ask_again(path) for path in paths}
    await store_colours(rte, {date(2026, 10, 20): "RED", date(2026, 10, 21): "RED"})
    await rte.resources.tempo_prices.set_prices(date(2026, 10, 1), {**PRICES, "red_hp": "2"}, rte.clock.now)
    changed = {path: await ask_again(path) for path in paths}

    assert {path: (304, b"", tag) for path, tag in tags.items()} == {
        path: (answer.status_code, answer.content, answer.headers["ETag"]) for path, answer in again.items()
    }
    assert dict.fromkeys(paths, (200, True)) == {
        path: (answer.status_code, answer.headers["ETag"] != tags[path]) for path, answer in changed.items()
    }


async def test_an_answer_may_be_kept_until_the_minute_is_over(rte: Stage) -> None:
    set_clock(rte, "2026-01-14T05:59:48+01:00")

    answer = await rte.client.get("/v1/tempo/today")

    assert "public, max-age=12" == answer.headers["Cache-Control"]
