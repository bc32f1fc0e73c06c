"""`fetch=missing`: reading stored data after fetching the rest, for every outcome of the fetch."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import httpx
import pytest

from shared.accounts.daily_quota import Quota, QuotaStore
from shared.consents.models import UsagePoint
from shared.jobs.models import CallTicket
from tests.support.api_gateway import PRM, Person, Stage

pytestmark = pytest.mark.anyio

READINGS = f"/v1/usage-points/{PRM}/readings"
CURVE = f"{READINGS}/consumption_load_curve"
DAYS = {"start": "2026-10-01", "end": "2026-10-03", "fetch": "missing"}


async def read(stage: Stage, person: Person, path: str = CURVE, **headers: str) -> httpx.Response:
    params = DAYS if path == CURVE else {"fetch": "missing"}
    return await stage.client.get(path, params=params, headers={**person.headers, **headers})


async def used(stage: Stage, person: Person) -> dict[str, int]:
    return {each.quota: each.used for each in await stage.resources.quotas.load(person.account.id, {}, stage.clock.now)}


async def job_of(stage: Stage, person: Person, answer: httpx.Response) -> dict[str, Any]:
    job: dict[str, Any] = (await stage.client.get(answer.headers["Location"], headers=person.headers)).json()
    return job


async def test_what_is_missing_is_asked_for_and_what_is_stored_is_answered_with(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))

    answer = await read(stage, person)

    document = answer.json()
    assert (200, "partial", "queued") == (
        answer.status_code,
        answer.headers["X-Cache-Status"],
        answer.headers["X-Fetch-Status"],
    )
    assert (48, ["not_fetched"]) == (len(document["readings"]), [each["reason"] for each in document["missing"]])
    assert ("queued", {"job": answer.headers["Location"]}) == (document["fetch"]["status"], document["fetch"]["links"])
    assert int(answer.headers["Retry-After"]) >= 1
    assert 1 == (await job_of(stage, person, answer))["progress"]["calls_total"]
    assert {"fetch": 1, "read": 1} == await used(stage, person)


async def test_who_waits_reads_what_was_fetched_meanwhile(
    stage: Stage, person: Person, usage_point: UsagePoint, patient: None
) -> None:
    reading = asyncio.create_task(read(stage, person, Prefer="wait=120"))
    job_id, number = await stage.take_task("interactive")
    ticket = CallTicket(job_id, number)
    await stage.resources.ledger.start_call(ticket, stage.clock.now, 10)
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))
    await settle(stage, person, ticket)

    answer = await reading

    assert (200, "hit", "succeeded", "wait=120") == (
        answer.status_code,
        *(answer.headers[name] for name in ("X-Cache-Status", "X-Fetch-Status", "Preference-Applied")),
    )
    assert (96, []) == (len(answer.json()["readings"]), answer.json()["missing"])
    assert "Retry-After" not in answer.headers


async def test_when_all_is_there_nothing_is_asked_for(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 3))

    answer = await read(stage, person, Prefer="wait=10")

    assert ("hit", "not_needed") == (answer.headers["X-Cache-Status"], answer.json()["fetch"]["status"])
    assert {"fetch": 0, "read": 1} == await used(stage, person)
    assert [] == await stage.queued("interactive")


async def test_a_used_up_fetch_quota_keeps_nobody_from_what_is_stored(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))
    quotas = QuotaStore(stage.resources.redis, {Quota.FETCH: 0, Quota.READ: 3})
    stage.app.state.resources = replace(stage.resources, quotas=quotas)

    answer = await read(stage, person, Prefer="wait=10")

    document = answer.json()
    assert (200, 48, "quota_exceeded") == (
        answer.status_code,
        len(document["readings"]),
        answer.headers["X-Fetch-Status"],
    )
    assert ("refused", "quota_exceeded", {}) == tuple(document["fetch"][name] for name in ("status", "code", "links"))


async def test_neither_does_a_consent_that_is_over(stage: Stage, person: Person) -> None:
    usage_point = await stage.grant(person, expires_on=date(2026, 10, 20))
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 2))

    answer = await read(stage, person)

    assert (200, 48, "consent_missing") == (
        answer.status_code,
        len(answer.json()["readings"]),
        answer.json()["fetch"]["code"],
    )


async def test_days_that_nobody_has_are_not_asked_for(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    beyond = {"start": "2016-10-01", "end": "2016-10-03", "fetch": "missing"}

    answer = await stage.client.get(CURVE, params=beyond, headers=person.headers)

    assert ("not_needed", ["beyond_history"]) == (
        answer.json()["fetch"]["status"],
        [each["reason"] for each in answer.json()["missing"]],
    )


async def test_a_record_is_fetched_too(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    answer = await read(stage, person, f"{READINGS}/contract")

    assert (200, None, "queued") == (
        answer.status_code,
        answer.json()["record"],
        answer.json()["fetch"]["status"],
    )


async def test_a_key_that_may_only_read_has_nothing_fetched(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    made = await stage.client.post("/v1/account/keys", headers=person.headers, json={"scopes": ["read"]})
    headers = {"Authorization": f"Bearer {made.json()['api_key']}"}

    answers = [
        await stage.client.get(CURVE, params={**DAYS, **more}, headers=headers) for more in ({}, {"fetch": "all"})
    ]
    without = await stage.client.get(CURVE, params={"start": "2026-10-01", "end": "2026-10-03"}, headers=headers)

    assert [403, 422, 200] == [answer.status_code for answer in [*answers, without]]
    assert [] == await stage.queued("interactive")


async def settle(stage: Stage, person: Person, ticket: CallTicket) -> None:
    """Settle a successful call, as a worker does."""
    await stage.resources.ledger.settle(ticket, "ok", stage.clock.now)
    await stage.resources.events.publish(person.account.id, "job.succeeded", {"job_id": ticket.job_id})
