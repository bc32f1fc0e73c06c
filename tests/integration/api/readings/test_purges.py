"""`DELETE …/readings/{dataset}`: whole windows are deleted, and running fetches do not restore them."""

from datetime import date, timedelta
from typing import Any

import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.models import Job, Lane
from shared.readings.models import Coverage
from tests.support.api_gateway import NOON, PRM, Person, Stage, half_hours
from tests.support.storing import save_record

pytestmark = pytest.mark.anyio

CURVE, DAILY = "consumption_load_curve", "daily_consumption_max_power"


def path(dataset: str) -> str:
    return f"/v1/usage-points/{PRM}/readings/{dataset}"


async def purge(stage: Stage, person: Person, dataset: str, **days: str) -> dict[str, Any]:
    answer = await stage.client.delete(path(dataset), params=days, headers=person.headers)
    assert 200 == answer.status_code, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def windows(stage: Stage, usage_point: UsagePoint, dataset: str) -> list[str]:
    return await stage.resources.readings.window_names(Series(usage_point.account_id, usage_point.id, dataset))


async def submit(stage: Stage, usage_point: UsagePoint, dataset: str) -> Job:
    days = DayRange(date(2026, 10, 1), date(2026, 10, 3))
    series = Series(usage_point.account_id, usage_point.id, dataset)
    return await stage.resources.jobs.create_job(series, days, Lane.INTERACTIVE, [days], {}, NOON)


async def test_the_days_of_a_curve_go_and_the_others_stay(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8))

    answer = await purge(stage, person, CURVE, start="2026-10-03", end="2026-10-05")

    assert {
        "usage_point_id": PRM,
        "dataset": CURVE,
        "windows": 2,
        "start": "2026-10-03",
        "end": "2026-10-05",
        "jobs_cancelled": 0,
    } == answer
    assert [f"2026-10-0{day}" for day in (1, 2, 5, 6, 7)] == await windows(stage, usage_point, CURVE)
    read = await stage.client.get(
        path(CURVE), params={"start": "2026-10-01", "end": "2026-10-08"}, headers=person.headers
    )
    assert 5 * 48 == len(read.json()["readings"])
    assert [("2026-10-03", "2026-10-05", "not_fetched")] == [
        (gap["start"], gap["end"], gap["reason"]) for gap in read.json()["missing"]
    ]


async def test_a_month_that_is_only_touched_goes_whole_and_the_answer_says_so(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_months(usage_point, DAILY, date(2026, 7, 1), date(2026, 10, 20))

    answer = await purge(stage, person, DAILY, start="2026-08-31", end="2026-09-02")

    assert (2, "2026-08-01", "2026-10-01") == (answer["windows"], answer["start"], answer["end"])
    assert ["2026-07", "2026-10"] == await windows(stage, usage_point, DAILY)


async def test_without_days_all_of_the_dataset_goes_and_no_other_one(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_months(usage_point, DAILY, date(2026, 7, 1), date(2026, 10, 20))
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))

    answer = await purge(stage, person, DAILY)

    assert (4, "2026-07-01", "2026-11-01") == (answer["windows"], answer["start"], answer["end"])
    assert [] == await windows(stage, usage_point, DAILY)
    assert 2 == len(await windows(stage, usage_point, CURVE))


async def test_a_record_goes(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    series = Series(usage_point.account_id, usage_point.id, "identity")
    known = Coverage("current", NOON, NOON.date(), NOON.date() + timedelta(days=1))
    public_key = await stage.resources.accounts.load_public_key(usage_point.account_id)
    await save_record(stage.resources.readings, series, known, {"lastname": "SYNTHETIQUE"}, public_key)

    answer = await purge(stage, person, "identity")

    assert (1, None, None) == (answer["windows"], answer["start"], answer["end"])
    assert (await stage.client.get(path("identity"), headers=person.headers)).json()["record"] is None


async def test_where_nothing_is_stored_nothing_is_erased(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    answer = await purge(stage, person, CURVE, start="1900-01-01", end="2199-12-31")

    assert (0, None, None) == (answer["windows"], answer["start"], answer["end"])


async def test_jobs_of_the_dataset_are_cancelled_and_their_answers_are_not_stored(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    job, other = await submit(stage, usage_point, CURVE), await submit(stage, usage_point, DAILY)
    day = date(2026, 10, 1)

    answer = await purge(stage, person, CURVE)
    public_key = await stage.resources.accounts.load_public_key(usage_point.account_id)
    coverage = Coverage(str(day), NOON, day, day + timedelta(days=1))
    is_stored = await stage.resources.readings.save_window(job, coverage, half_hours(day), public_key)

    assert (1, False) == (answer["jobs_cancelled"], is_stored)
    assert [] == await windows(stage, usage_point, CURVE)
    statuses = [
        (await stage.client.get(f"/v1/jobs/{each.id}", headers=person.headers)).json()["status"]
        for each in (job, other)
    ]
    assert ["cancelled", "queued"] == statuses


async def test_it_is_written_down(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await purge(stage, person, CURVE, start="2026-10-03", end="2026-10-05")

    (event, *_) = await stage.resources.audit.load_events(person.account.id)

    (key,) = await stage.resources.accounts.keys.list_keys(person.account.id)
    details = {"dataset": CURVE, "start": "2026-10-03", "end": "2026-10-05"}
    assert (key.id, "readings.erased", details) == (event.actor, event.action, event.details)


NO_PERIODS: list[tuple[str, dict[str, str], list[str]]] = [
    (CURVE, {"start": "2026-10-01"}, ["end"]),
    (CURVE, {"end": "2026-10-01"}, ["start"]),
    (CURVE, {"start": "2026-10-02", "end": "2026-10-02"}, ["end"]),
    ("identity", {"start": "2026-10-01", "end": "2026-10-02"}, ["start", "end"]),
    (CURVE, {"start": "yesterday", "end": "2026-10-02"}, ["start"]),
]


async def test_a_period_that_is_none_erases_nothing(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))

    for dataset, days, fields in NO_PERIODS:
        answer = await stage.client.delete(path(dataset), params=days, headers=person.headers)

        assert (422, fields) == (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]), days
    assert 2 == len(await windows(stage, usage_point, CURVE))
