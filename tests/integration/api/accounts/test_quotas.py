"""The daily request quotas of an account, over HTTP and a real store."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from shared.accounts.daily_quota import Quota, QuotaStore
from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.storage.tables import accounts
from tests.support.api_gateway import PRM, Person, Stage

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
READINGS = f"/v1/usage-points/{PRM}/readings/{CURVE}"
DAYS = {"start": "2026-10-01", "end": "2026-10-02"}


@pytest.fixture
async def limited(stage: Stage, settings: Settings) -> Stage:
    """A gateway that allows two fetch requests and three read requests."""
    quotas = QuotaStore(stage.resources.redis, {Quota.FETCH: 2, Quota.READ: 3})
    stage.app.state.resources = replace(stage.resources, quotas=quotas)
    return stage


async def submit(stage: Stage, person: Person, day: int) -> httpx.Response:
    days = {"start": f"2026-10-{day:02}", "end": f"2026-10-{day + 1:02}"}
    return await stage.client.post(
        "/v1/jobs", headers=person.headers, json={"usage_point_id": PRM, "dataset": CURVE, **days}
    )


async def read(stage: Stage, person: Person) -> httpx.Response:
    return await stage.client.get(READINGS, headers=person.headers, params=DAYS)


async def shown(stage: Stage, person: Person) -> dict[str, tuple[int, int]]:
    account: dict[str, Any] = (await stage.client.get("/v1/account", headers=person.headers)).json()
    return {each["quota"]: (each["used"], each["limit"]) for each in account["quotas"]}


async def test_fetching_ends_with_its_quota_and_reading_goes_on(
    limited: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await limited.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))
    answers = [await submit(limited, person, day) for day in (2, 3, 4)]

    after = await read(limited, person)

    refused = answers[-1]
    assert [202, 202, 429] == [answer.status_code for answer in answers]
    assert ("quota_exceeded", True) == (refused.json()["code"], refused.json()["retryable"])
    assert (200, 48) == (after.status_code, len(after.json()["readings"]))
    assert {"fetch": (2, 2), "read": (1, 3)} == await shown(limited, person)


async def test_a_refused_request_leaves_no_job(limited: Stage, person: Person, usage_point: UsagePoint) -> None:
    for day in (2, 3, 4):
        await submit(limited, person, day)

    assert 2 == await limited.resources.redis.zcard(f"jobs:{person.account.id}")


@pytest.mark.usefixtures("usage_point")
async def test_a_long_period_is_one_request(limited: Stage, person: Person) -> None:
    order = {"usage_point_id": PRM, "dataset": CURVE, "start": "2025-01-01", "end": "2026-10-01"}

    answer = await limited.client.post("/v1/jobs", headers=person.headers, json=order)

    assert answer.json()["progress"]["calls_total"] > 50
    assert {"fetch": (1, 2), "read": (0, 3)} == await shown(limited, person)


async def test_a_job_for_what_is_stored_counts_as_reading(
    limited: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await limited.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))

    answer = await submit(limited, person, 1)

    assert (202, 0) == (answer.status_code, answer.json()["progress"]["calls_total"])
    assert {"fetch": (0, 2), "read": (1, 3)} == await shown(limited, person)


async def test_what_is_left_is_in_the_headers(limited: Stage, person: Person, usage_point: UsagePoint) -> None:
    await limited.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))
    # Noon in Paris: twelve hours are left.
    fetched, served = await submit(limited, person, 2), await read(limited, person)

    assert ('"fetch";q=2;w=86400', f'"fetch";r=1;t={12 * 3600}') == (
        fetched.headers["RateLimit-Policy"],
        fetched.headers["RateLimit"],
    )
    assert ('"read";q=3;w=86400', f'"read";r=2;t={12 * 3600}') == (
        served.headers["RateLimit-Policy"],
        served.headers["RateLimit"],
    )


async def test_the_older_names_of_the_headers_say_the_same_also_when_it_is_used_up(
    limited: Stage, person: Person, usage_point: UsagePoint
) -> None:
    answers = [await read(limited, person) for _ in range(4)]

    midnight = str(int(datetime(2026, 10, 20, 22, tzinfo=UTC).timestamp()))
    assert [200, 200, 200, 429] == [answer.status_code for answer in answers]
    assert [("3", left, midnight) for left in ("2", "1", "0", "0")] == [
        tuple(answer.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")) for answer in answers
    ]
    assert '"read";q=3;w=86400' == answers[-1].headers["RateLimit-Policy"]
    assert answers[-1].headers["RateLimit"].startswith('"read";r=0;t=')


@pytest.mark.usefixtures("usage_point")
async def test_at_midnight_in_paris_there_are_all_of_them_again(limited: Stage, person: Person) -> None:
    for day in (2, 3):
        await submit(limited, person, day)
    limited.clock.now = datetime(2026, 10, 20, 21, 59, 59, tzinfo=UTC)
    before = await submit(limited, person, 4)

    limited.clock.now += timedelta(seconds=1)
    after = await submit(limited, person, 5)

    assert (429, 202) == (before.status_code, after.status_code)
    assert {"fetch": (1, 2), "read": (0, 3)} == await shown(limited, person)


@pytest.mark.usefixtures("usage_point")
async def test_an_account_may_have_limits_of_its_own(limited: Stage, person: Person) -> None:
    async with limited.resources.database.transaction() as connection:
        own = update(accounts).where(accounts.c.id == person.account.id)
        await connection.execute(own.values(fetch_quota=1, read_quota=0))

    statuses = [(await submit(limited, person, day)).status_code for day in (2, 3)]

    assert [202, 429, 429] == [*statuses, (await read(limited, person)).status_code]


async def test_of_many_at_once_exactly_as_many_pass_as_may(stage: Stage) -> None:
    quotas = QuotaStore(stage.resources.redis, {Quota.FETCH: 50, Quota.READ: 1000})

    tries = [quotas.take("acct_1", Quota.FETCH, None, stage.clock.now) for _ in range(600)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    passed = [each for each in outcomes if not isinstance(each, BaseException)]
    assert (50, 550) == (len(passed), len(outcomes) - len(passed))
    assert set(range(1, 51)) == {each.used for each in passed}


async def test_what_is_wrong_with_a_request_costs_nothing(
    limited: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await limited.client.get(READINGS, headers=person.headers)
    await limited.client.post("/v1/jobs", headers=person.headers, json={})

    assert {"fetch": (0, 2), "read": (0, 3)} == await shown(limited, person)
    assert usage_point.account_id == person.account.id


async def test_counters_go_away_by_themselves(limited: Stage, person: Person, usage_point: UsagePoint) -> None:
    await submit(limited, person, 2)

    (key,) = await limited.resources.redis.keys("quota:*")
    assert isinstance(key, bytes)

    assert 0 < await limited.resources.redis.ttl(key) <= 2 * 86_400
    assert usage_point.prm not in key.decode()
