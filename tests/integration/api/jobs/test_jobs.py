"""Requesting data, and the progress of the job."""

import asyncio
from datetime import date, timedelta
from typing import cast

import pytest

from shared.consents.models import UsagePoint
from shared.core.datasets import Direction
from shared.jobs.ledger import OK
from shared.jobs.models import CallTicket
from shared.readings.models import Gap, Reason
from tests.support.api_gateway import NOON, OTHER_PRM, PRM, Person, Stage

pytestmark = pytest.mark.anyio

WEEK = {"usage_point_id": PRM, "dataset": "consumption_load_curve", "start": "2026-10-01", "end": "2026-10-08"}


async def test_a_job_is_accepted_and_its_calls_are_enqueued(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    answer = await stage.client.post(
        "/v1/jobs", json={**WEEK, "start": "2026-09-01", "end": "2026-10-01"}, headers=person.headers
    )

    assert 202 == answer.status_code
    job = answer.json()
    assert f"/v1/jobs/{job['id']}" == answer.headers["Location"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert ("queued", PRM, "2026-09-01", "2026-10-01") == (
        job["status"],
        job["usage_point_id"],
        job["start"],
        job["end"],
    )
    # 30 days in calls of 7 days; 4 of them at a time.
    assert {"calls_done": 0, "calls_total": 5, "calls_failed": 0} == job["progress"]
    assert 4 == len(await stage.queued("interactive"))
    assert [
        {
            "start": "2026-09-01",
            "end": "2026-10-01",
            "reason": "not_fetched",
            "retryable": True,
            "ask_again_at": None,
        }
    ] == job["missing"]
    assert job["error"] is None
    assert {
        "self": f"/v1/jobs/{job['id']}",
        "events": f"/v1/jobs/{job['id']}/events",
        "cancel": f"/v1/jobs/{job['id']}",
        "readings": f"/v1/usage-points/{PRM}/readings/consumption_load_curve?start=2026-09-01&end=2026-10-01",
    } == job["links"]


async def test_the_queue_and_redis_hold_no_usage_point_id_and_no_key(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)

    keys = cast(list[bytes], await stage.resources.redis.keys("*"))
    dumps = b"".join([(await stage.resources.redis.dump(key)) or b"" for key in keys])
    assert await stage.queued("interactive")
    for secret in (PRM, person.api_key):
        assert secret.encode() not in b"".join(keys) + dumps


async def test_days_that_are_stored_are_not_asked_for_again(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8))

    again = await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)
    shifted = await stage.client.post(
        "/v1/jobs", json={**WEEK, "start": "2026-10-02", "end": "2026-10-09"}, headers=person.headers
    )

    assert ("succeeded", 0, []) == (
        again.json()["status"],
        again.json()["progress"]["calls_total"],
        again.json()["missing"],
    )
    assert "Retry-After" not in again.headers
    assert 1 == shifted.json()["progress"]["calls_total"]
    assert 1 == len(await stage.queued("interactive"))


async def test_a_job_can_be_followed_to_its_end(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    created = (await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)).json()
    ticket = CallTicket(created["id"], 0)
    started = await stage.resources.ledger.start_call(ticket, NOON, 10)
    running = await stage.client.get(created["links"]["self"], headers=person.headers)
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8))
    await stage.resources.ledger.settle(ticket, OK, NOON + timedelta(seconds=3))
    ended = await stage.client.get(created["links"]["self"], headers=person.headers)

    assert started is not None
    assert (200, "running", "1") == (running.status_code, running.json()["status"], running.headers["Retry-After"])
    assert (200, "succeeded", []) == (ended.status_code, ended.json()["status"], ended.json()["missing"])
    assert "2026-10-20T10:00:03Z" == ended.json()["finished_at"]
    assert "Retry-After" not in ended.headers


async def test_a_failed_job_says_why(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    created = (await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)).json()
    gap = Gap(date(2026, 10, 3), date(2026, 10, 4), Reason.NO_MEASURE)
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8), {gap.start: gap})
    await stage.resources.ledger.settle(CallTicket(created["id"], 0), "no_measure", NOON)

    job = (await stage.client.get(created["links"]["self"], headers=person.headers)).json()

    assert "failed" == job["status"]
    assert {"code": "no_measure", "title": "The provider has no measurements for this period."} == job["error"]
    assert [
        {
            "start": "2026-10-03",
            "end": "2026-10-04",
            "reason": "no_measure",
            "retryable": False,
            "ask_again_at": None,
        }
    ] == job["missing"]


@pytest.mark.parametrize("how", ["when asking", "when looking"])
async def test_who_prefers_to_wait_gets_the_ended_job(
    stage: Stage, person: Person, usage_point: UsagePoint, patient: None, how: str
) -> None:
    async def work() -> None:
        # As a worker does.
        job_id, number = await stage.take_task("interactive")
        await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8))
        await stage.resources.ledger.settle(CallTicket(job_id, number), OK, NOON)
        await stage.resources.events.publish(person.account.id, "job.succeeded", {"job_id": job_id})

    wait = {**person.headers, "Prefer": "wait=120"}
    if how == "when asking":
        answer, _ = await asyncio.gather(stage.client.post("/v1/jobs", json=WEEK, headers=wait), work())
        assert f"/v1/jobs/{answer.json()['id']}" == answer.headers["Location"]
    else:
        created = (await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)).json()
        answer, _ = await asyncio.gather(stage.client.get(created["links"]["self"], headers=wait), work())

    assert (200, "succeeded", []) == (answer.status_code, answer.json()["status"], answer.json()["missing"])
    assert "wait=120" == answer.headers["Preference-Applied"]


async def test_a_wait_ends_when_it_is_over_though_the_job_is_not(
    stage: Stage, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.http.long_polling.LONGEST_WAIT_SECONDS", 0.05)

    answer = await stage.client.post("/v1/jobs", json=WEEK, headers={**person.headers, "Prefer": "wait=1"})

    assert (202, "queued") == (answer.status_code, answer.json()["status"])
    assert "Retry-After" in answer.headers


async def test_a_job_survives_a_broker_that_does_not_take_its_calls(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    # A key of another type in place of the queue: makes the real broker fail.
    await stage.resources.redis.set("interactive", "in the way")

    answer = await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)

    assert 202 == answer.status_code
    assert [f"{answer.json()['id']}/0".encode()] == await stage.resources.redis.zrange("leases", 0, -1)


# Errors in a request for a week, and the status, code and pointer of the response.
INVALID = (422, "validation_failed")
WRONG: dict[str, tuple[dict[str, object], tuple[int, str], list[str]]] = {
    "short PRM": ({"usage_point_id": "1234"}, INVALID, ["/usage_point_id"]),
    "long PRM": ({"usage_point_id": PRM + "9"}, INVALID, ["/usage_point_id"]),
    "letter": ({"usage_point_id": "9876543210123x"}, INVALID, ["/usage_point_id"]),
    "other digits": ({"usage_point_id": "٩" * 14}, INVALID, ["/usage_point_id"]),
    "newline": ({"usage_point_id": PRM + "\n"}, INVALID, ["/usage_point_id"]),
    "NUL": ({"usage_point_id": "\x00" * 14}, INVALID, ["/usage_point_id"]),
    "number for PRM": ({"usage_point_id": int(PRM)}, INVALID, ["/usage_point_id"]),
    "absurd PRM": ({"usage_point_id": "9" * 50_000}, INVALID, ["/usage_point_id"]),
    "null PRM": ({"usage_point_id": None}, INVALID, ["/usage_point_id"]),
    "unknown dataset": ({"dataset": "weather"}, INVALID, ["/dataset"]),
    "NUL dataset": ({"dataset": "\x00"}, INVALID, ["/dataset"]),
    "list of datasets": ({"dataset": ["daily_consumption"]}, INVALID, ["/dataset"]),
    "wrong direction": ({"dataset": "production_load_curve"}, (422, "wrong_direction"), ["/dataset"]),
    "French date": ({"start": "01/10/2026"}, INVALID, ["/start"]),
    "date without dashes": ({"start": "20261001"}, INVALID, ["/start"]),
    "week date": ({"start": "2026-W40-4"}, INVALID, ["/start"]),
    "no such day": ({"start": "2026-02-30"}, INVALID, ["/start"]),
    "with a time": ({"start": "2026-10-01T00:00:00"}, INVALID, ["/start"]),
    "epoch": ({"start": 1_790_000_000}, INVALID, ["/start"]),
    "first day of all": ({"start": "0001-01-01"}, INVALID, ["/start"]),
    "null day": ({"start": None}, INVALID, ["/start"]),
    "last day of all": ({"end": "9999-12-31"}, INVALID, ["/end"]),
    "nothing between": ({"end": "2026-10-01"}, INVALID, ["/end"]),
    "end before start": ({"end": "2026-09-01"}, INVALID, ["/end"]),
    "today included": ({"end": "2026-10-21"}, INVALID, ["/end"]),
    "future": ({"end": "2030-01-01"}, INVALID, ["/end"]),
    "beyond history": ({"start": "2019-01-01"}, (422, "out_of_history"), ["/start"]),
    "before electricity": ({"start": "1900-01-01"}, (422, "out_of_history"), ["/start"]),
    "foreign or unknown PRM": ({"usage_point_id": OTHER_PRM}, (404, "not_found"), []),
    "unknown field, named after a PRM": ({PRM: 1}, INVALID, [""]),
}


async def test_what_can_be_checked_is_refused_before_there_is_a_job(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    neighbour = await stage.create_person()
    await stage.grant(neighbour, OTHER_PRM)

    for case, (change, expected, pointers) in WRONG.items():
        answer = await stage.client.post("/v1/jobs", json={**WEEK, **change}, headers=person.headers)

        assert expected == (answer.status_code, answer.json()["code"]), case
        assert "application/problem+json" == answer.headers["Content-Type"], case
        assert pointers == [each["pointer"] for each in answer.json()["errors"]], case
        for secret in (PRM, OTHER_PRM, person.api_key):
            assert secret not in answer.text, case
    assert [] == await stage.queued("interactive")
    assert [] == await stage.resources.redis.keys("job:*")


async def test_the_oldest_possible_day_is_named(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    refused = await stage.client.post("/v1/jobs", json={**WEEK, "start": "2019-01-01"}, headers=person.headers)
    accepted = await stage.client.post("/v1/jobs", json={**WEEK, "start": "2024-10-06"}, headers=person.headers)

    assert "The provider keeps this dataset from 2024-10-06." == refused.json()["detail"]
    assert 202 == accepted.status_code


async def test_yesterday_can_be_asked_for(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    answer = await stage.client.post("/v1/jobs", json={**WEEK, "end": "2026-10-20"}, headers=person.headers)

    assert 202 == answer.status_code


async def test_the_future_begins_at_midnight_in_paris(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    stage.clock.now = NOON.replace(hour=22, minute=30)

    answer = await stage.client.post("/v1/jobs", json={**WEEK, "end": "2026-10-21"}, headers=person.headers)

    assert 202 == answer.status_code


async def test_an_expired_consent_opens_nothing(stage: Stage, person: Person) -> None:
    await stage.grant(person, expires_on=date(2026, 10, 20))

    answer = await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)

    assert (409, "consent_missing") == (answer.status_code, answer.json()["code"])


async def test_a_producer_can_ask_for_production(stage: Stage, person: Person) -> None:
    await stage.grant(person, directions=[Direction.PRODUCTION])

    production = {**WEEK, "dataset": "daily_production"}
    answers = [await stage.client.post("/v1/jobs", json=each, headers=person.headers) for each in (production, WEEK)]

    assert [202, 422] == [answer.status_code for answer in answers]


async def test_another_account_does_not_see_a_job(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    created = (await stage.client.post("/v1/jobs", json=WEEK, headers=person.headers)).json()
    stranger = await stage.create_person()

    foreign = await stage.client.get(created["links"]["self"], headers=stranger.headers)
    unknown = await stage.client.get("/v1/jobs/job_000000000000000000000000", headers=stranger.headers)

    assert (404, "not_found") == (foreign.status_code, foreign.json()["code"])
    assert foreign.json()["detail"] == unknown.json()["detail"]
    assert 404 == unknown.status_code


async def test_a_malformed_job_id_is_refused(stage: Stage, person: Person) -> None:
    for job_id in ("x", "job_", "job_%00", "job_" + "a" * 5000, "job_*", "%FF%FE"):
        answer = await stage.client.get(f"/v1/jobs/{job_id}", headers=person.headers)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), job_id
