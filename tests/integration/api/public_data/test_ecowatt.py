"""EcoWatt without a key, and the list of public datasets."""

from datetime import date

import pytest

from shared.core.public_datasets import ECOWATT
from tests.support.api_gateway import Stage
from tests.support.public_data import note_answer, store_ecowatt, with_rte

pytestmark = pytest.mark.anyio


async def test_days_and_hours_are_as_rte_said_and_what_it_left_out_is_not_there(stage: Stage) -> None:
    await note_answer(with_rte(stage), ECOWATT)
    await store_ecowatt(stage, date(2026, 10, 20), {10: 2, 9: 0}, level=2)
    await store_ecowatt(stage, date(2026, 10, 21), {})

    answer = await stage.client.get("/v1/ecowatt")

    assert {
        "days": [
            {
                "day": "2026-10-20",
                "level": 2,
                "message": "Aucune alerte.",
                "hours": [{"hour": 9, "level": 0}, {"hour": 10, "level": 2}],
                "generated_at": "2026-10-19T21:00:00Z",
            },
            {
                "day": "2026-10-21",
                "level": 1,
                "message": "Aucune alerte.",
                "hours": [],
                "generated_at": "2026-10-19T21:00:00Z",
            },
        ],
        "missing": [{"start": "2026-10-22", "end": "2026-10-24", "reason": "not_published_yet"}],
    } == answer.json()


async def test_the_past_has_gaps_with_reasons(stage: Stage) -> None:
    await store_ecowatt(with_rte(stage), date(2022, 9, 2), {}, level=None)

    answer = await stage.client.get("/v1/ecowatt", params={"start": "2022-08-31", "end": "2022-09-04"})

    assert [
        {"start": "2022-08-31", "end": "2022-09-01", "reason": "beyond_history"},
        {"start": "2022-09-01", "end": "2022-09-02", "reason": "not_fetched"},
        {"start": "2022-09-02", "end": "2022-09-03", "reason": "not_said"},
        {"start": "2022-09-03", "end": "2022-09-04", "reason": "not_fetched"},
    ] == answer.json()["missing"]


async def test_from_a_start_alone_it_is_four_days(stage: Stage) -> None:
    answer = await stage.client.get("/v1/ecowatt", params={"start": "2025-01-30"})

    assert [{"start": "2025-01-30", "end": "2025-02-03", "reason": "not_offered"}] == answer.json()["missing"]


async def test_days_that_can_not_be_answered_are_a_problem(stage: Stage) -> None:
    for query in ({"end": "2026-10-20"}, {"start": "2010-01-01", "end": "2026-01-01"}, {"start": "tomorrow"}):
        answer = await stage.client.get("/v1/ecowatt", params=query)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), query


async def test_who_has_the_present_answer_is_told_so(stage: Stage) -> None:
    first = await stage.client.get("/v1/ecowatt")

    same = await stage.client.get("/v1/ecowatt", headers={"If-None-Match": first.headers["ETag"]})
    await store_ecowatt(stage, date(2026, 10, 20), {})
    other = await stage.client.get("/v1/ecowatt", headers={"If-None-Match": first.headers["ETag"]})

    assert [304, 200] == [same.status_code, other.status_code]
    assert "public, max-age=60" == first.headers["Cache-Control"] == same.headers["Cache-Control"]


async def test_the_catalogue_lists_what_is_public_and_where_it_is_read(stage: Stage) -> None:
    before = (await stage.client.get("/v1/datasets")).json()["public"]
    after = (await with_rte(stage).client.get("/v1/datasets")).json()["public"]

    assert [("tempo", False, "2014-09-01"), ("ecowatt", False, "2022-09-01")] == [
        (each["name"], each["available"], each["oldest_day"]) for each in before
    ]
    assert [True, True] == [each["available"] for each in after]
    for each in after:
        for name, link in each["links"].items():
            answer = await stage.client.get(link, params={"start": "2026-10-01", "end": "2026-10-02"})
            # No prices are set here.
            assert answer.status_code == (404 if name == "prices" else 200), link
