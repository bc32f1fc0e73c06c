"""Tempo, EcoWatt and prices as clients of MyElectricalData v1 get them, and the administrators' operations on them."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from shared.core.public_datasets import ECOWATT, TEMPO, PublicDataset
from shared.jobs.task_queue import SYSTEM_QUEUE
from shared.storage.audit_log import ADMIN
from tests.support.api_gateway import Stage
from tests.support.public_data import (
    PRICES,
    note_answer,
    set_clock,
    store_colours,
    store_ecowatt,
    store_season,
    with_rte,
)

pytestmark = pytest.mark.anyio

ASKING: dict[str, PublicDataset] = {
    "/admin/rte/tempo/start/2026-10-01/end/2026-10-20": TEMPO,
    "/admin/rte/ecowatt": ECOWATT,
}


@pytest.fixture
def rte(stage: Stage) -> Stage:
    """A gateway with RTE credentials."""
    return with_rte(stage)


@pytest.fixture
def admin(stage: Stage) -> dict[str, str]:
    """The headers that an administrator of this contract sends."""
    return {"ADMIN_API_KEY": stage.resources.settings.admin_api_key.get_secret_value()}


async def read(stage: Stage, path: str) -> tuple[int, Any]:
    answer = await stage.client.get(path)
    return answer.status_code, answer.json()


async def test_colours_are_upper_case_by_day_the_last_one_included(rte: Stage) -> None:
    await store_colours(
        rte,
        {
            date(2026, 10, 18): "BLUE",
            date(2026, 10, 19): "WHITE",
            date(2026, 10, 20): None,
            date(2026, 10, 21): "RED",
            date(2026, 10, 22): "BLUE",
        },
    )

    assert (200, {"2026-10-19": "WHITE", "2026-10-21": "RED"}) == await read(rte, "/rte/tempo/2026-10-19/2026-10-21")


async def test_a_client_may_have_them_in_lower_case(rte: Stage) -> None:
    await store_colours(rte, {date(2026, 10, 19): "WHITE"})

    assert (200, {"2026-10-19": "white"}) == await read(rte, "/rte/tempo/2026-10-19/2026-10-19?case=lower")


async def test_three_years_may_be_asked_for_at_once_and_the_future_too(rte: Stage) -> None:
    await store_colours(rte, {date(2024, 1, 1): "BLUE", date(2026, 10, 20): "WHITE"})

    status, found = await read(rte, "/rte/tempo/2023-10-21/2026-10-22")

    assert (200, ["2024-01-01", "2026-10-20"]) == (status, list(found))


async def test_a_day_of_ecowatt_stands_under_the_day_before_with_its_own_hours(rte: Stage) -> None:
    await store_ecowatt(rte, date(2026, 1, 13), {hour: hour % 4 for hour in range(24)})
    await store_ecowatt(rte, date(2026, 1, 14), {7: 3, 20: 2}, level=3)
    await store_ecowatt(rte, date(2026, 1, 15), {}, level=None)

    status, found = await read(rte, "/rte/ecowatt/2026-01-12/2026-01-14")

    assert (200, ["2026-01-12", "2026-01-13"]) == (status, list(found))
    assert {f"2026-01-13 {hour:02}:00:00": hour % 4 for hour in range(24)} == found["2026-01-12"]["detail"]
    assert {
        "value": 3,
        "message": "Aucune alerte.",
        "detail": {"2026-01-14 07:00:00": 3, "2026-01-14 20:00:00": 2},
    } == found["2026-01-13"]


async def test_the_range_of_ecowatt_is_of_the_shifted_days(rte: Stage) -> None:
    for day in (12, 13, 14):
        await store_ecowatt(rte, date(2026, 1, day), {0: 1})

    status, found = await read(rte, "/rte/ecowatt/2026-01-12/2026-01-12")

    assert (200, ["2026-01-12"], ["2026-01-13 00:00:00"]) == (status, list(found), list(found["2026-01-12"]["detail"]))


async def test_the_days_that_are_left_are_those_of_the_season(rte: Stage) -> None:
    await store_season(rte, date(2026, 10, 21), white=13, red=2)

    assert (200, {"red": 20, "white": 30, "blue": 264}) == await read(rte, "/edf/tempo/days")


async def test_a_day_that_rte_never_said_does_not_keep_the_others_back(rte: Stage) -> None:
    await store_season(rte, date(2026, 10, 20))
    await store_colours(rte, {date(2026, 9, 10): None})

    assert (200, {"red": 22, "white": 43, "blue": 251}) == await read(rte, "/edf/tempo/days")


async def test_while_days_of_the_season_are_to_be_fetched_nothing_wrong_is_said(rte: Stage) -> None:
    await store_colours(rte, {date(2026, 10, 20): "RED"})

    answer = await rte.client.get("/edf/tempo/days")

    assert (503, ["detail"]) == (answer.status_code, list(answer.json()))
    assert int(answer.headers["Retry-After"]) > 0


async def test_prices_are_exactly_six_texts(stage: Stage) -> None:
    await stage.resources.tempo_prices.set_prices(date(2026, 8, 1), PRICES, stage.clock.now)

    assert (200, PRICES) == await read(stage, "/edf/tempo/price")


async def test_where_nothing_is_known_that_is_a_404_in_french(stage: Stage) -> None:
    paths = [
        "/rte/tempo/2026-10-20/2026-10-21",
        "/rte/ecowatt/2026-10-20/2026-10-21",
        "/edf/tempo/days",
        "/edf/tempo/price",
    ]
    for path in (*paths, *(f"{each}/" for each in paths)):
        status, found = await read(stage, path)

        assert (404, {"detail"}) == (status, set(found)), path
        assert "Aucune donnée" in found["detail"], path


NO_DAYS = [
    "/rte/tempo/2026-10-20/2026-10-19",
    "/rte/tempo/20-10-2026/2026-10-21",
    "/rte/tempo/2026-02-29/2026-03-01",
    "/rte/tempo/2010-01-01/2026-01-01",
    "/rte/tempo/2026-10-20/2026-10-21?case=title",
    "/rte/ecowatt/2026-10-20/2026-10-18",
    "/rte/ecowatt/2026-10-20/today",
    "/rte/ecowatt/2199-12-31/2199-12-30",
]


async def test_days_that_can_not_be_answered_are_refused_with_a_text(stage: Stage) -> None:
    for path in NO_DAYS:
        status, found = await read(stage, path)

        assert (422, str) == (status, type(found["detail"])), path


async def test_an_administrator_sets_prices_with_a_comma_or_a_dot_from_today_on(
    stage: Stage, admin: dict[str, str]
) -> None:
    set_clock(stage, "2026-11-01T00:30:00+01:00")
    sent = {**PRICES, "red_hp": "0,6468", "red_hc": " 0.1460 ", "something": "else"}

    answer = await stage.client.post("/admin/edf/tempo/price", json=sent, headers=admin)

    kept = {**PRICES, "red_hp": "0.6468", "red_hc": "0.1460"}
    assert (200, kept) == (answer.status_code, answer.json())
    (prices,) = await stage.resources.tempo_prices.list_prices()
    assert (date(2026, 11, 1), kept) == (prices.valid_from, prices.prices)
    assert (200, kept) == await read(stage, "/edf/tempo/price")


async def test_a_price_that_is_left_out_is_zero_as_the_contract_has_it(stage: Stage, admin: dict[str, str]) -> None:
    answer = await stage.client.post("/admin/edf/tempo/price/", json={"red_hp": "0.7"}, headers=admin)

    assert (200, dict.fromkeys(PRICES, "0.0") | {"red_hp": "0.7"}) == (answer.status_code, answer.json())


async def test_what_is_no_price_is_refused(stage: Stage, admin: dict[str, str]) -> None:
    prices: list[object] = ["dear", "0,1,2", 0.5, "-1"]
    bodies: list[object] = [*({"red_hp": each} for each in prices), [], None]
    for body in bodies:
        answer = await stage.client.post("/admin/edf/tempo/price", json=body, headers=admin)

        assert (422, str) == (answer.status_code, type(answer.json()["detail"])), body
    assert [] == await stage.resources.tempo_prices.list_prices()


async def test_an_administrator_has_rte_asked(rte: Stage, admin: dict[str, str]) -> None:
    for path, dataset in ASKING.items():
        await note_answer(rte, dataset, ago=timedelta(hours=1))

        answer = await rte.client.get(path, headers=admin)

        assert (200, True, None) == (answer.status_code, answer.json()["asked"], answer.json()["possible_at"]), path
        assert [dataset.name] == await rte.take_task(SYSTEM_QUEUE)
    events = await rte.resources.audit.load_events(ADMIN)
    assert [("public_data.asked", {"dataset": dataset.name}) for dataset in ASKING.values()] == [
        (event.action, event.details) for event in reversed(events)
    ]


async def test_rte_is_not_asked_sooner_than_it_allows(rte: Stage, admin: dict[str, str]) -> None:
    for path, dataset in ASKING.items():
        await note_answer(rte, dataset, ago=timedelta(minutes=5))

        answer = await rte.client.get(path, headers=admin)

        free_at = rte.clock.now + timedelta(seconds=dataset.least_pause_seconds, minutes=-5)
        assert (200, False) == (answer.status_code, answer.json()["asked"]), path
        assert free_at == datetime.fromisoformat(answer.json()["possible_at"]), path
    assert [] == await rte.queued(SYSTEM_QUEUE)


async def test_what_rte_itself_closed_stays_closed_and_any_other_failure_does_not(
    rte: Stage, admin: dict[str, str]
) -> None:
    until = rte.clock.now + timedelta(hours=2)
    await note_answer(rte, ECOWATT, ago=timedelta(hours=1))
    asked = []
    for code in ("provider_throttled", "provider_not_subscribed"):
        await rte.resources.public_days.note_failure(ECOWATT.name, code, until)
        asked.append((await rte.client.get("/admin/rte/ecowatt", headers=admin)).json()["asked"])

    assert [False, True] == asked


async def test_where_there_is_no_rte_nobody_is_asked(stage: Stage, admin: dict[str, str]) -> None:
    answer = await stage.client.get("/admin/rte/ecowatt", headers=admin)

    assert 404 == answer.status_code
    assert [] == await stage.queued(SYSTEM_QUEUE)


async def test_only_the_administrators_key_in_its_own_header_lets_in(stage: Stage) -> None:
    person = await stage.create_person()
    key = person.api_key
    refused = [{}, {"ADMIN_API_KEY": "wrong"}, {"ADMIN_API_KEY": key}, {"Authorization": key}, stage.admin]

    for method, path in (*(("GET", each) for each in ASKING), ("POST", "/admin/edf/tempo/price")):
        answers = [await stage.client.request(method, path, json=PRICES, headers=headers) for headers in refused]

        assert {403} == {answer.status_code for answer in answers}, path
        assert {"detail"} == {name for answer in answers for name in answer.json()}, path
    assert [] == await stage.resources.tempo_prices.list_prices()
