"""`Idempotency-Key`: a repeated request is executed once."""

import asyncio

import pytest

from shared.accounts.daily_quota import Quota
from shared.consents.models import UsagePoint
from tests.support.api_gateway import NOON, PRM, Person, Stage

pytestmark = pytest.mark.anyio

WEEK = {"usage_point_id": PRM, "dataset": "consumption_load_curve", "start": "2026-10-01", "end": "2026-10-08"}
KEY = {"Idempotency-Key": '"5a7ecb1d-7f2c-4a8e-9d54-1f0f9b6d2c11"'}


async def used(stage: Stage, person: Person) -> dict[Quota, int]:
    return {usage.quota: usage.used for usage in await stage.resources.quotas.load(person.account.id, {}, NOON)}


async def test_the_same_request_again_gives_the_same_job_as_it_is_now_and_counts_once(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    headers = {**person.headers, **KEY}
    first = await stage.client.post("/v1/jobs", json=WEEK, headers=headers)
    await stage.resources.ledger.cancel(first.json()["id"], NOON)

    again = await stage.client.post("/v1/jobs", json=dict(reversed(WEEK.items())), headers=headers)
    bare = {**person.headers, "Idempotency-Key": KEY["Idempotency-Key"].strip('"'), "Prefer": "wait=1"}
    waited = await stage.client.post("/v1/jobs", json=WEEK, headers=bare)

    assert (202, None) == (first.status_code, first.headers.get("Idempotency-Replayed"))
    assert (202, "true", first.headers["Location"]) == (
        again.status_code,
        again.headers["Idempotency-Replayed"],
        again.headers["Location"],
    )
    assert (first.json()["id"], "cancelled") == (again.json()["id"], again.json()["status"])
    assert (200, first.json()["id"]) == (waited.status_code, waited.json()["id"])
    assert {Quota.FETCH: 1, Quota.READ: 0} == await used(stage, person)
    assert 1 == len(await stage.resources.jobs.list_job_ids(person.account.id))


async def test_of_many_at_once_one_makes_the_job(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    headers = {**person.headers, **KEY}

    answers = await asyncio.gather(*(stage.client.post("/v1/jobs", json=WEEK, headers=headers) for _ in range(10)))

    made = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 409]
    assert 10 == len(made) + len(refused)
    assert 1 == len({answer.json()["id"] for answer in made})
    assert {"idempotency_in_progress"} >= {answer.json()["code"] for answer in refused}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert 1 == len(await stage.resources.jobs.list_job_ids(person.account.id))


async def test_another_request_with_the_same_key_is_refused(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    headers = {**person.headers, **KEY}
    await stage.client.post("/v1/jobs", json=WEEK, headers=headers)

    other = await stage.client.post("/v1/jobs", json={**WEEK, "end": "2026-10-09"}, headers=headers)

    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["code"])


async def test_a_key_belongs_to_its_account(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    neighbour = await stage.create_person()
    await stage.grant(neighbour, "98765432109999")
    await stage.client.post("/v1/jobs", json=WEEK, headers={**person.headers, **KEY})

    theirs = await stage.client.post(
        "/v1/jobs", json={**WEEK, "usage_point_id": "98765432109999"}, headers={**neighbour.headers, **KEY}
    )

    assert 202 == theirs.status_code


async def test_a_request_that_was_refused_can_be_mended_under_its_key(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    headers = {**person.headers, **KEY}

    refused = await stage.client.post("/v1/jobs", json={**WEEK, "end": "2030-01-01"}, headers=headers)
    mended = await stage.client.post("/v1/jobs", json=WEEK, headers=headers)

    assert (422, 202) == (refused.status_code, mended.status_code)
    assert "Idempotency-Replayed" not in mended.headers


async def test_a_job_that_is_gone_is_not_made_again(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    headers = {**person.headers, **KEY}
    await stage.client.post("/v1/jobs", json=WEEK, headers=headers)
    await stage.resources.erasure.erase_usage_point(usage_point, "test", NOON)

    again = await stage.client.post("/v1/jobs", json=WEEK, headers=headers)

    assert (410, "job_gone") == (again.status_code, again.json()["code"])


async def test_a_key_has_a_form(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    bearer = (b"Authorization", f"Bearer {person.api_key}".encode())
    refused = ["", '"', '""', "two words", "x" * 129, "é", '"a', "a,b", "a;b=c", "a\tb"]

    answers = [
        await stage.client.post("/v1/jobs", json=WEEK, headers=[bearer, (b"Idempotency-Key", key.encode("latin-1"))])
        for key in refused
    ]

    assert [(422, ["Idempotency-Key"])] * len(refused) == [
        (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) for answer in answers
    ]


async def test_there_is_one_key_or_none(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    headers = [*person.headers.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    answer = await stage.client.post("/v1/jobs", json=WEEK, headers=headers)

    assert (422, "validation_failed") == (answer.status_code, answer.json()["code"])


async def test_what_answers_with_a_secret_takes_no_key_and_does_nothing(stage: Stage, person: Person) -> None:
    paths = ["/v1/accounts", "/v1/account/keys", "/v1/consents", "/v1/admin/invitations", "/v1/webhooks"]

    answers = [
        await stage.client.post(path, headers={**(stage.admin if "admin" in path else person.headers), **KEY})
        for path in paths
    ]

    assert [(422, "idempotency_not_offered")] * len(paths) == [
        (answer.status_code, answer.json()["code"]) for answer in answers
    ]
    assert 1 == len(await stage.resources.accounts.keys.list_keys(person.account.id))
