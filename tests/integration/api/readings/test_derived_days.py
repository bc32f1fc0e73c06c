"""Daily energies derived from the stored curve: they cost no call and are marked as derived."""

from datetime import date, datetime, timedelta

import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import PARIS
from shared.readings.models import Gap, Reason
from tests.support.api_gateway import PRM, Person, Stage

pytestmark = pytest.mark.anyio

START, END = date(2026, 10, 1), date(2026, 10, 8)
DAILY = f"/v1/usage-points/{PRM}/readings/daily_consumption?start={START}&end={END}"
REQUEST = {"usage_point_id": PRM, "dataset": "daily_consumption", "start": str(START), "end": str(END)}
# The value of each half-hour of the stage is its number in the day: 0 + 1 + … + 47 W, half an hour each.
DAY_WATT_HOURS = sum(range(48)) // 2


async def test_days_whose_curve_is_stored_cost_no_call(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, START, END)

    job = (await stage.client.post("/v1/jobs", json=REQUEST, headers=person.headers)).json()

    assert ("succeeded", 0, []) == (job["status"], job["progress"]["calls_total"], job["missing"])
    assert [] == await stage.queued("interactive")


async def test_a_derived_day_is_the_sum_of_its_curve_and_says_so(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, START, END)

    answer = await stage.client.get(DAILY, headers=person.headers)

    assert (200, "hit") == (answer.status_code, answer.headers["X-Cache-Status"])
    document = answer.json()
    expected = [
        {
            "start": datetime(2026, 10, day, tzinfo=PARIS).isoformat(),
            "step": "P1D",
            "value": DAY_WATT_HOURS,
            "quality": "raw",
            "origin": "derived",
        }
        for day in range(1, 8)
    ]
    assert (expected, []) == (document["readings"], document["missing"])


async def test_the_day_on_which_an_hour_comes_twice_is_derived_whole(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    day = date(2025, 10, 26)
    await stage.store_curve(usage_point, day, day + timedelta(days=1))

    answer = await stage.client.get(
        f"/v1/usage-points/{PRM}/readings/daily_consumption?start={day}&end={day + timedelta(days=1)}",
        headers=person.headers,
    )

    assert [round(sum(range(50)) / 2)] == [reading["value"] for reading in answer.json()["readings"]]


async def test_a_day_of_which_the_curve_has_a_gap_is_fetched(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    hole = date(2026, 10, 4)
    gap = Gap(hole, hole + timedelta(days=1), Reason.INCOMPLETE, partial=True)
    await stage.store_curve(usage_point, START, END, {hole: gap})

    job = (await stage.client.post("/v1/jobs", json=REQUEST, headers=person.headers)).json()
    document = (await stage.client.get(DAILY, headers=person.headers)).json()

    assert 1 == job["progress"]["calls_total"]
    assert [(str(hole), str(hole + timedelta(days=1)), "not_fetched")] == [
        (each["start"], each["end"], each["reason"]) for each in document["missing"]
    ]
    assert 6 == len(document["readings"])


async def test_what_was_measured_is_shown_and_not_what_could_be_derived(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, START, END)
    await stage.store_months(usage_point, "daily_consumption", START, date(2026, 10, 4))

    readings = (await stage.client.get(DAILY, headers=person.headers)).json()["readings"]

    measured, derived = readings[:3], readings[3:]
    assert [1, 2, 3] == [reading["value"] for reading in measured]
    assert all("origin" not in reading for reading in measured)
    assert ["derived"] * 4 == [reading["origin"] for reading in derived]
    assert sorted(reading["start"] for reading in readings) == [reading["start"] for reading in readings]


async def test_a_peak_is_never_derived(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, START, END)

    request = {**REQUEST, "dataset": "daily_consumption_max_power"}
    job = (await stage.client.post("/v1/jobs", json=request, headers=person.headers)).json()

    assert 1 == job["progress"]["calls_total"]
