"""Datasets known to be unavailable for a usage point: requests are refused with the reason, reads return the reason."""

import pytest

from shared.readings.models import Reason
from tests.support.api_gateway import NOON, OTHER_PRM, PRM, Stage

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
DAYS = {"start": "2026-10-01", "end": "2026-10-03"}


async def test_a_job_that_could_only_fail_is_not_taken(stage: Stage) -> None:
    person = await stage.create_person()
    # The second usage point has another reason than the first.
    reasons = {PRM: Reason.WRONG_DIRECTION, OTHER_PRM: Reason.CURVE_NOT_COLLECTED}
    for prm, reason in reasons.items():
        point = await stage.grant(person, prm)
        await stage.resources.usage_points.note_unavailable(point.id, CURVE, reason, NOON)

    answers = [
        await stage.client.post(
            "/v1/jobs", headers=person.headers, json={"usage_point_id": prm, "dataset": CURVE, **DAYS}
        )
        for prm in reasons
    ]

    assert [(422, "wrong_direction", "/dataset"), (422, "dataset_not_available", "/dataset")] == [
        (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["pointer"]) for answer in answers
    ]
    assert [] == await stage.queued("interactive")


async def test_reading_it_tells_why_there_is_nothing_and_that_no_call_would_help(stage: Stage) -> None:
    person = await stage.create_person()
    point = await stage.grant(person)
    await stage.resources.usage_points.note_unavailable(point.id, CURVE, Reason.CURVE_NOT_COLLECTED, NOON)

    answer = await stage.client.get(f"/v1/usage-points/{PRM}/readings/{CURVE}", headers=person.headers, params=DAYS)

    missing = [(gap["start"], gap["end"], gap["reason"], gap["retryable"]) for gap in answer.json()["missing"]]
    assert [("2026-10-01", "2026-10-03", "curve_not_collected", False)] == missing
    assert "hit" == answer.headers["X-Cache-Status"]


async def test_the_direction_that_a_point_does_not_have_is_the_reason_for_its_readings(stage: Stage) -> None:
    person = await stage.create_person()
    await stage.grant(person)

    answer = await stage.client.get(
        f"/v1/usage-points/{PRM}/readings/daily_production", headers=person.headers, params=DAYS
    )

    assert ["wrong_direction"] == [gap["reason"] for gap in answer.json()["missing"]]


async def test_what_was_stored_before_is_still_read(stage: Stage) -> None:
    person = await stage.create_person()
    point = await stage.grant(person)
    await stage.store_curve(point, NOON.date().replace(day=1), NOON.date().replace(day=2))
    await stage.resources.usage_points.note_unavailable(point.id, CURVE, Reason.CURVE_NOT_COLLECTED, NOON)

    answer = await stage.client.get(f"/v1/usage-points/{PRM}/readings/{CURVE}", headers=person.headers, params=DAYS)

    document = answer.json()
    assert 48 == len(document["readings"])
    assert [("2026-10-02", "curve_not_collected")] == [(gap["start"], gap["reason"]) for gap in document["missing"]]
