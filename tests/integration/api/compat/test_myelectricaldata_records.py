"""Contract, address, identity and contact by MyElectricalData v1: fetched if necessary, decrypted with the key."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.accounts.daily_quota import Quota, QuotaStore
from shared.consents.models import UsagePoint
from shared.core.calendar import ONE_DAY
from shared.core.datasets import DATASETS, Series
from shared.jobs.models import CallTicket
from shared.readings.models import Coverage, Gap, Reason
from shared.readings.planning import absence_of, current_days
from tests.support.api_gateway import OTHER_PRM, PRM, Person, Stage
from tests.support.storing import save_record, save_window

pytestmark = pytest.mark.anyio

CONTRACT = {
    "segment": "C5",
    "subscribed_power": {"value": 9, "unit": "kVA"},
    "offpeak_hours": "HC (22H50-6H50)",
    "consumption_activated_on": "2019-05-06",
}
RECORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "contracts": ("contract", CONTRACT),
    "addresses": ("address", {"street": "9 RUE DES ESSAIS"}),
    "identity": ("identity", {"kind": "person", "last_name": "SYNTHETIQUE"}),
    "contact": ("contact", {"email": "essai@example.invalid"}),
}


def bare(person: Person) -> dict[str, str]:
    """The headers with the key as clients of this contract send it."""
    return {"Authorization": person.api_key}


async def store(stage: Stage, usage_point: UsagePoint, word: str, *, gaps: tuple[Gap, ...] = ()) -> None:
    """Store a record as a worker does."""
    dataset, record = RECORDS[word]
    days = current_days(stage.clock.now)
    known = Coverage("current", stage.clock.now, days.start, days.end, gaps)
    public_key = await stage.resources.accounts.load_public_key(usage_point.account_id)
    await save_record(stage.resources.readings, series(usage_point, dataset), known, record, public_key)


async def store_absence(stage: Stage, usage_point: UsagePoint, reason: Reason, pause: timedelta) -> None:
    now = stage.clock.now
    absent = absence_of(DATASETS["contract"], current_days(now), reason, now, now + pause)
    await save_window(stage.resources.readings, series(usage_point, "contract"), absent, [], b"")


def series(usage_point: UsagePoint, dataset: str) -> Series:
    return Series(usage_point.account_id, usage_point.id, dataset)


async def get(stage: Stage, person: Person, path: str) -> httpx.Response:
    return await stage.client.get(path, headers=bare(person))


async def begin_call(stage: Stage) -> CallTicket:
    """Take the next call from the queue, as a worker does."""
    job_id, number = await stage.take_task("interactive")
    ticket = CallTicket(job_id, number)
    await stage.resources.ledger.start_call(ticket, stage.clock.now, 10)
    return ticket


async def end_call(stage: Stage, person: Person, ticket: CallTicket, outcome: str, event: str) -> None:
    await stage.resources.ledger.settle(ticket, outcome, stage.clock.now)
    await stage.resources.events.publish(person.account.id, event, {"job_id": ticket.job_id})


def failure(answer: httpx.Response) -> tuple[int, list[str]]:
    assert "application/json" == answer.headers["Content-Type"]
    assert PRM not in answer.text
    return answer.status_code, list(answer.json())


async def test_a_stored_record_is_the_same_at_all_its_addresses_and_costs_no_call(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    for word in RECORDS:
        await store(stage, usage_point, word)

        answers = [await get(stage, person, f"/{word}/{PRM}{suffix}") for suffix in ("", "/", "/cache", "/cache/")]

        assert [200] * 4 == [each.status_code for each in answers]
        assert 1 == len({each.text for each in answers})
        assert "no-store" == answers[0].headers["Cache-Control"]
        if word in ("contracts", "addresses"):
            (entry,) = answers[0].json()["customer"]["usage_points"]
            assert PRM == entry["usage_point"]["usage_point_id"]
    assert [] == await stage.queued("interactive")


async def test_a_contract_that_is_not_stored_is_fetched_and_waited_for(
    stage: Stage, person: Person, usage_point: UsagePoint, patient: None
) -> None:
    asking = asyncio.create_task(get(stage, person, f"/contracts/{PRM}/"))
    ticket = await begin_call(stage)
    await store(stage, usage_point, "contracts")
    await end_call(stage, person, ticket, "ok", "job.succeeded")

    answer = await asking

    assert 200 == answer.status_code, answer.text
    (entry,) = answer.json()["customer"]["usage_points"]
    assert ("9 kVA", "2019-05-06+02:00") == (
        entry["contracts"]["subscribed_power"],
        entry["contracts"]["last_activation_date"],
    )


async def test_a_contract_that_the_provider_failed_to_give_is_a_503_and_is_asked_for_again_when_it_is_worth_it(
    stage: Stage, person: Person, usage_point: UsagePoint, patient: None
) -> None:
    asking = asyncio.create_task(get(stage, person, f"/contracts/{PRM}"))
    ticket = await begin_call(stage)
    await store_absence(stage, usage_point, Reason.PROVIDER_ERROR, timedelta(hours=1))
    await end_call(stage, person, ticket, "provider_unavailable", "job.failed")

    answers = [await asking, await get(stage, person, f"/contracts/{PRM}")]
    stage.clock.now += timedelta(hours=2)
    asking = asyncio.create_task(get(stage, person, f"/contracts/{PRM}"))
    ticket = await begin_call(stage)
    await store(stage, usage_point, "contracts")
    await end_call(stage, person, ticket, "ok", "job.succeeded")

    assert [(503, ["detail"])] * 2 == [failure(each) for each in answers]
    assert all(int(each.headers["Retry-After"]) >= 1 for each in answers)
    assert 200 == (await asking).status_code
    assert 2 == len(await stage.resources.jobs.list_job_ids(usage_point.account_id))


async def test_what_takes_longer_is_a_503_and_the_job_goes_on(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    stage.app.state.resources = replace(
        stage.resources, settings=stage.resources.settings.model_copy(update={"compat_wait_seconds": 0.01})
    )

    answers = [await get(stage, person, f"/identity/{PRM}") for _ in range(2)]

    assert [(503, ["detail"])] * 2 == [failure(each) for each in answers]
    assert "Retry-After" in answers[0].headers
    assert 1 == len(await stage.resources.jobs.list_job_ids(usage_point.account_id))


@pytest.mark.parametrize(("reason", "status"), [(Reason.NO_MEASURE, 404), (Reason.CONSENT_LOST, 403)])
async def test_a_record_that_is_not_there_says_why(
    stage: Stage, person: Person, usage_point: UsagePoint, reason: Reason, status: int
) -> None:
    await store_absence(stage, usage_point, reason, ONE_DAY)

    answer = await get(stage, person, f"/contracts/{PRM}")

    assert (status, ["detail"]) == failure(answer)
    assert "Retry-After" not in answer.headers


async def test_a_record_that_could_not_be_had_anew_is_still_shown(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    """The provider failed, and now the quota is used up too: the stored record is still valid."""
    now, days = stage.clock.now, current_days(stage.clock.now)
    failed = Gap(days.start, days.end, Reason.PROVIDER_ERROR, partial=True, ask_again_at=now)
    await store(stage, usage_point, "contracts", gaps=(failed,))
    stage.clock.now += timedelta(hours=2)
    quotas = QuotaStore(stage.resources.redis, {Quota.FETCH: 0, Quota.READ: 3})
    stage.app.state.resources = replace(stage.resources, quotas=quotas)

    assert 200 == (await get(stage, person, f"/contracts/{PRM}")).status_code


async def test_a_used_up_quota_is_a_409(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    quotas = QuotaStore(stage.resources.redis, {Quota.FETCH: 0, Quota.READ: 0})
    stage.app.state.resources = replace(stage.resources, quotas=quotas)

    assert (409, ["detail"]) == failure(await get(stage, person, f"/contact/{PRM}"))


async def test_somebody_else_s_point_is_refused_like_one_that_nobody_has_and_like_a_wrong_key(
    stage: Stage, usage_point: UsagePoint
) -> None:
    stranger = await stage.create_person()
    wrong_key = Person(stranger.account, stranger.api_key[:-1] + "x")

    answers = [
        await get(stage, stranger, f"/contracts/{PRM}"),
        await get(stage, stranger, f"/contracts/{OTHER_PRM}"),
        await get(stage, wrong_key, f"/contracts/{PRM}"),
    ]

    assert [(403, ["detail"])] * 3 == [failure(each) for each in answers]
    assert 1 == len({each.text for each in answers})
