"""Reading stored data."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise, product

import pytest

from shared.consents.models import UsagePoint
from shared.crypto.vault import ServerSecret
from shared.readings.models import Gap, Reason
from shared.readings.store import ReadingStore
from tests.support.api_gateway import NOON, OTHER_PRM, PRM, Person, Stage

pytestmark = pytest.mark.anyio

CURVE = f"/v1/usage-points/{PRM}/readings/consumption_load_curve"


async def test_stored_days_are_read_with_their_offsets(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8))

    answer = await stage.client.get(f"{CURVE}?start=2026-10-01&end=2026-10-08", headers=person.headers)

    assert (200, "hit") == (answer.status_code, answer.headers["X-Cache-Status"])
    assert "private, no-cache" == answer.headers["Cache-Control"]
    document = answer.json()
    readings = document.pop("readings")
    assert {
        "usage_point_id": PRM,
        "dataset": "consumption_load_curve",
        "unit": "W",
        "timezone": "Europe/Paris",
        "missing": [],
    } == document
    assert 7 * 48 == len(readings)
    assert {"start": "2026-10-01T00:00:00+02:00", "step": "PT30M", "value": 0, "quality": "raw"} == readings[0]
    assert "2026-10-07T23:30:00+02:00" == readings[-1]["start"]


async def test_a_day_of_a_clock_change_is_whole_and_each_half_hour_is_told_apart(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    changes = [
        (date(2025, 10, 26), 50, ["2025-10-26T02:00:00+02:00", "2025-10-26T02:00:00+01:00"]),
        (date(2026, 3, 29), 46, ["2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"]),
    ]
    for day, half_hours, doubled in changes:
        await stage.store_curve(usage_point, day, day + timedelta(days=1))

        answer = await stage.client.get(f"{CURVE}?start={day}&end={day + timedelta(days=1)}", headers=person.headers)

        starts = [each["start"] for each in answer.json()["readings"]]
        assert half_hours == len(set(starts)), day
        assert set(doubled) <= set(starts), day
        assert [timedelta(minutes=30)] * (half_hours - 1) == [
            datetime.fromisoformat(later) - datetime.fromisoformat(earlier) for earlier, later in pairwise(starts)
        ], day


async def test_a_month_is_cut_to_the_days_that_were_asked_for(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_months(usage_point, "daily_consumption_max_power", date(2026, 8, 1), date(2026, 10, 1))

    answer = await stage.client.get(
        f"/v1/usage-points/{PRM}/readings/daily_consumption_max_power?start=2026-08-30&end=2026-09-02",
        headers=person.headers,
    )

    assert [30, 31, 1] == [each["value"] for each in answer.json()["readings"]]
    assert {
        "start": "2026-08-30T00:00:00+02:00",
        "step": "P1D",
        "value": 30,
        "quality": "raw",
        "at": "2026-08-30T19:00:00+02:00",
    } == answer.json()["readings"][0]


async def test_what_was_never_fetched_is_a_miss(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    answer = await stage.client.get(f"{CURVE}?start=2026-10-01&end=2026-10-08", headers=person.headers)

    assert (200, "miss", []) == (answer.status_code, answer.headers["X-Cache-Status"], answer.json()["readings"])
    assert ["not_fetched"] == [each["reason"] for each in answer.json()["missing"]]


async def test_each_missing_day_has_its_reason(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    empty = Gap(date(2026, 10, 16), date(2026, 10, 17), Reason.NO_MEASURE)
    late = Gap(
        date(2026, 10, 18),
        date(2026, 10, 19),
        Reason.NO_MEASURE,
        ask_again_at=NOON + timedelta(hours=1),
    )
    await stage.store_curve(usage_point, date(2026, 10, 15), date(2026, 10, 19), {empty.start: empty, late.start: late})

    answer = await stage.client.get(f"{CURVE}?start=2026-10-14&end=2026-10-22", headers=person.headers)

    assert "partial" == answer.headers["X-Cache-Status"]
    assert 2 * 48 == len(answer.json()["readings"])
    assert [
        ("2026-10-14", "2026-10-15", "not_fetched", True, None),
        ("2026-10-16", "2026-10-17", "no_measure", False, None),
        ("2026-10-18", "2026-10-19", "no_measure", True, "2026-10-20T11:00:00Z"),
        ("2026-10-19", "2026-10-20", "not_fetched", True, None),
        ("2026-10-20", "2026-10-22", "not_published_yet", True, "2026-10-21T06:00:00Z"),
    ] == [
        (each["start"], each["end"], each["reason"], each["retryable"], each["ask_again_at"])
        for each in answer.json()["missing"]
    ]


async def test_three_years_come_in_one_answer(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_months(usage_point, "daily_consumption", date(2023, 10, 7), date(2026, 10, 20))

    answer = await stage.client.get(
        f"/v1/usage-points/{PRM}/readings/daily_consumption?start=2023-10-07&end=2026-10-20", headers=person.headers
    )

    assert "hit" == answer.headers["X-Cache-Status"]
    assert (date(2026, 10, 20) - date(2023, 10, 7)).days == len(answer.json()["readings"])


async def test_another_account_with_the_same_meter_opens_nothing_of_the_first(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8))
    stranger = await stage.create_person()

    answer = await stage.client.get(f"{CURVE}?start=2026-10-01&end=2026-10-08", headers=stranger.headers)

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])
    assert PRM not in answer.text


async def test_a_blob_that_was_changed_is_our_failure_and_says_nothing(
    stage: Stage, person: Person, usage_point: UsagePoint, capsys: pytest.CaptureFixture[str]
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))
    key = f"readings:{usage_point.account_id}:{usage_point.id}:consumption_load_curve"
    blobs = await stage.resources.redis.hgetall(key)
    await stage.resources.redis.hset(key, "2026-10-01", blobs[b"2026-10-02"])

    answer = await stage.client.get(f"{CURVE}?start=2026-10-01&end=2026-10-03", headers=person.headers)

    assert (503, "unreadable") == (answer.status_code, answer.json()["code"])
    assert "application/problem+json" == answer.headers["Content-Type"]
    assert "CannotOpen" not in answer.text
    assert PRM not in answer.text


DAYS = "start=2026-10-01&end=2026-10-02"
# The status and the pointer of the error; in the path, or in the query of a curve.
BAD_QUESTIONS = {
    "no days": (CURVE, 422, ["start", "end"]),
    "no end": (f"{CURVE}?start=2026-10-01", 422, ["end"]),
    "blank start": (f"{CURVE}?start=&end=2026-10-01", 422, ["start"]),
    "no date": (f"{CURVE}?start=2026-10-01&end=x", 422, ["end"]),
    "empty": (f"{CURVE}?start=2026-10-01&end=2026-10-01", 422, ["end"]),
    "backwards": (f"{CURVE}?start=2026-10-02&end=2026-10-01", 422, ["end"]),
    "too long": (f"{CURVE}?start=2014-10-02&end=2026-10-01", 422, ["end"]),
    "0001": (f"{CURVE}?start=0001-01-01&end=0001-01-02", 422, ["start", "end"]),
    "NUL": (f"{CURVE}?start=%00&end=2026-10-01", 422, ["start"]),
    "not UTF-8": (f"{CURVE}?start=%FF%FE&end=2026-10-01", 422, ["start"]),
    "unknown dataset": (f"/v1/usage-points/{PRM}/readings/weather?{DAYS}", 422, ["dataset"]),
    "a record with days": (f"/v1/usage-points/{PRM}/readings/contract?{DAYS}", 422, ["start", "end"]),
    "malformed PRM": (f"/v1/usage-points/{PRM}7/readings/daily_consumption?{DAYS}", 422, ["usage_point_id"]),
    "unknown PRM": (f"/v1/usage-points/{OTHER_PRM}/readings/daily_consumption?{DAYS}", 404, []),
}


async def test_a_bad_question_gets_a_problem(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    for case, (path, status, pointers) in BAD_QUESTIONS.items():
        answer = await stage.client.get(path, headers=person.headers)

        code = {404: "not_found", 422: "validation_failed"}[status]
        assert (status, code) == (answer.status_code, answer.json()["code"]), case
        assert "application/problem+json" == answer.headers["Content-Type"], case
        assert pointers == [each["pointer"] for each in answer.json()["errors"]], case
        for secret in (PRM, OTHER_PRM, person.api_key):
            assert secret not in answer.text, case


async def test_days_at_the_ends_of_time_are_only_missing(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    ends_of_time = [("1900-01-01", "1900-02-01"), ("2199-12-01", "2199-12-31")]
    for dataset, (start, end) in product(("consumption_load_curve", "daily_consumption"), ends_of_time):
        answer = await stage.client.get(
            f"/v1/usage-points/{PRM}/readings/{dataset}?start={start}&end={end}", headers=person.headers
        )

        assert (200, []) == (answer.status_code, answer.json()["readings"]), (dataset, start)
        assert [(start, end)] == [(each["start"], each["end"]) for each in answer.json()["missing"]], dataset


async def test_what_was_sealed_under_a_lost_server_key_says_so(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))
    stranger = ServerSecret("another-secret-of-these-tests-0123456789")
    readings = ReadingStore(stage.resources.redis, stranger)
    stage.app.state.resources = replace(stage.resources, readings=readings)

    answer = await stage.client.get(f"{CURVE}?start=2026-10-01&end=2026-10-02", headers=person.headers)

    assert (503, "unreadable", False) == (answer.status_code, answer.json()["code"], answer.json()["retryable"])
