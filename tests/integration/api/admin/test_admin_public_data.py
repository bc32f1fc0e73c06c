"""Public data for administrators: the prices of Tempo, and the state of requests to RTE."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.core.public_datasets import ECOWATT, TEMPO
from shared.storage.audit_log import ADMIN
from tests.support.api_gateway import Stage
from tests.support.public_data import PRICES, note_answer, store_colours, with_rte

pytestmark = pytest.mark.anyio

PATH = "/v1/admin/tempo/prices"


async def test_prices_are_set_listed_and_taken_back(stage: Stage) -> None:
    made = await stage.client.put(f"{PATH}/2026-08-01", json=PRICES, headers=stage.admin)
    await stage.client.put(f"{PATH}/2027-02-01", json={**PRICES, "red_hp": "0.7"}, headers=stage.admin)
    deleted = await stage.client.delete(f"{PATH}/2027-02-01", headers=stage.admin)
    deleted_again = await stage.client.delete(f"{PATH}/2027-02-01", headers=stage.admin)

    listed = await stage.client.get(PATH, headers=stage.admin)

    kept = {"valid_from": "2026-08-01", "set_at": "2026-10-20T10:00:00Z", **PRICES}
    assert (200, kept) == (made.status_code, made.json())
    assert [204, 404] == [deleted.status_code, deleted_again.status_code]
    assert {"prices": [kept]} == listed.json()
    assert ["tempo_prices.set", "tempo_prices.set", "tempo_prices.deleted"] == [
        each.action for each in reversed(await stage.resources.audit.load_events(ADMIN))
    ]


async def test_a_price_is_kept_as_it_was_written(stage: Stage) -> None:
    for price in ("0", "0.0", "0.123456", "99.999999", "100", "100.000000"):
        answer = await stage.client.put(f"{PATH}/2026-08-01", json={**PRICES, "red_hp": price}, headers=stage.admin)

        assert (200, price) == (answer.status_code, answer.json()["red_hp"])


NO_PRICES = [
    "",
    "-1",
    "0,15",
    "1e3",
    "0.1234567",
    "100.1",
    "101",
    ".5",
    "5.",
    "NaN",
    "٣",
    "0.15\n",
    " 0.15",
    0.15,
    None,
]


async def test_what_is_no_price_is_refused(stage: Stage) -> None:
    for price in NO_PRICES:
        answer = await stage.client.put(f"{PATH}/2026-08-01", json={**PRICES, "red_hp": price}, headers=stage.admin)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), price
        assert "/red_hp" == answer.json()["errors"][0]["pointer"], price
    assert [] == await stage.resources.tempo_prices.list_prices()


async def test_prices_are_all_six_and_nothing_else(stage: Stage) -> None:
    bodies: list[dict[str, str]] = [
        {},
        {**PRICES, "green_hp": "0.1"},
        {name: PRICES[name] for name in list(PRICES)[1:]},
    ]
    for body in bodies:
        answer = await stage.client.put(f"{PATH}/2026-08-01", json=body, headers=stage.admin)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), body


async def test_how_rte_was_asked_is_shown_with_what_is_stored(stage: Stage) -> None:
    await note_answer(with_rte(stage), TEMPO)
    until = datetime(2026, 10, 20, 11, tzinfo=UTC)
    await stage.resources.public_days.take_turn(ECOWATT.name, timedelta(), stage.clock.now)
    await stage.resources.public_days.note_failure(ECOWATT.name, "provider_throttled", until)
    await store_colours(stage, {date(2026, 10, 19): "BLUE", date(2026, 10, 21): "RED"})

    answer = await stage.client.get("/v1/admin/public-data", headers=stage.admin)

    never = dict.fromkeys(["asked_at", "succeeded_at", "failure", "not_before"])
    common = {"provider": "rte", "offered": True, "history": never}
    assert [
        {
            **common,
            "name": "tempo",
            "asked_at": "2026-10-20T09:55:00Z",
            "succeeded_at": "2026-10-20T09:55:00Z",
            "failure": None,
            "not_before": None,
            "day_count": 2,
            "first_day": "2026-10-19",
            "last_day": "2026-10-21",
        },
        {
            **common,
            "name": "ecowatt",
            "asked_at": "2026-10-20T10:00:00Z",
            "succeeded_at": None,
            "failure": "provider_throttled",
            "not_before": "2026-10-20T11:00:00Z",
            "day_count": 0,
            "first_day": None,
            "last_day": None,
        },
    ] == answer.json()["datasets"]
