"""Usage points over HTTP."""

from datetime import date

import pytest

from shared.consents.models import UsagePoint
from shared.core.datasets import Direction
from shared.readings.models import Gap, Reason
from tests.support.api_gateway import OTHER_PRM, PRM, Person, Stage

pytestmark = pytest.mark.anyio


async def test_an_account_sees_its_own_usage_points_only(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    stranger = await stage.create_person()
    await stage.grant(stranger, OTHER_PRM, list(Direction))

    answer = await stage.client.get("/v1/usage-points", headers=person.headers)

    assert [
        {
            "usage_point_id": PRM,
            "directions": ["consumption"],
            "label": None,
            "refresh": True,
            "refresh_datasets": None,
            "created_at": "2026-10-20T10:00:00Z",
            "consent": {
                "id": usage_point.consent.id,
                "status": "granted",
                "active": True,
                "expires_on": "2029-10-19",
            },
        }
    ] == answer.json()["usage_points"]


async def test_a_usage_point_says_what_is_stored(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    gap = Gap(date(2026, 10, 3), date(2026, 10, 4), Reason.NO_MEASURE)
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8), {gap.start: gap})
    await stage.store_months(usage_point, "daily_consumption", date(2026, 8, 1), date(2026, 10, 20))

    answer = await stage.client.get(f"/v1/usage-points/{PRM}", headers=person.headers)

    assert [
        {
            "dataset": "daily_consumption",
            "start": "2026-08-01",
            "end": "2026-10-20",
            "last_fetched_at": "2026-10-20T10:00:00Z",
            "windows": {"complete": 3, "partial": 0, "absent": 0},
        },
        {
            "dataset": "consumption_load_curve",
            "start": "2026-10-01",
            "end": "2026-10-08",
            "last_fetched_at": "2026-10-20T10:00:00Z",
            "windows": {"complete": 6, "partial": 0, "absent": 1},
        },
    ] == answer.json()["coverage"]


async def test_what_is_not_ones_own_is_not_there(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    stranger = await stage.create_person()
    await stage.grant(stranger, OTHER_PRM)
    not_there = dict.fromkeys((OTHER_PRM, "00000000000000"), (404, "not_found"))
    no_number = dict.fromkeys(("1234", f"{PRM}0", "%00", "x" * 5000), (422, "validation_failed"))

    answers = {
        path: await stage.client.get(f"/v1/usage-points/{path}", headers=person.headers)
        for path in not_there | no_number
    }

    assert not_there | no_number == {
        path: (answer.status_code, answer.json()["code"]) for path, answer in answers.items()
    }
    for secret in (OTHER_PRM, PRM):
        assert [] == [path for path, answer in answers.items() if secret in answer.text]
