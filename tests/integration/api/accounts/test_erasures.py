"""`DELETE /v1/account` and `DELETE /v1/usage-points/{id}`: all data is erased permanently, with a receipt."""

import asyncio
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from shared.accounts.daily_quota import Quota
from shared.consents.models import ConsentStatus, UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Direction, Series
from shared.core.errors import NotFound
from shared.crypto.receipts import read_receipt
from shared.events.listeners import Purpose
from shared.jobs.models import CallTicket, Job, Lane
from shared.lifecycle.erasure import SECOND_PASS_AFTER
from shared.storage.audit_log import ADMIN
from shared.storage.tables import consents
from tests.support.api_gateway import NOON, OTHER_PRM, PRM, Person, Stage
from tests.support.dumps import redis_dump, sql_dump
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

START, END = date(2026, 10, 1), date(2026, 10, 4)
CURVE = "consumption_load_curve"
POINT = f"/v1/usage-points/{PRM}"


async def submit(stage: Stage, usage_point: UsagePoint, dataset: str = CURVE, calls: int = 3) -> Job:
    """A job with calls in the queue."""
    series = Series(usage_point.account_id, usage_point.id, dataset)
    days = DayRange(START, END)
    job = await stage.resources.jobs.create_job(series, days, Lane.INTERACTIVE, [days] * calls, {}, stage.clock.now)
    await stage.resources.ledger.send_next(stage.clock.now)
    return job


async def fill(stage: Stage, usage_point: UsagePoint) -> Job:
    """Create data of every kind that an account may have."""
    await stage.store_curve(usage_point, START, END)
    await stage.store_months(usage_point, "daily_consumption", START, END)
    await stage.resources.quotas.take(usage_point.account_id, Quota.READ, None, stage.clock.now)
    await stage.resources.events.publish(usage_point.account_id, "readings.updated", {})
    job = await submit(stage, usage_point)
    await stage.resources.ledger.settle(CallTicket(job.id, 0), "provider_timeout", stage.clock.now, is_dead=True)
    return job


async def dump_of(stage: Stage) -> str:
    """The contents of both stores."""
    return await redis_dump(stage.resources.redis) + await sql_dump(stage.resources.database)


async def sweep_later(stage: Stage) -> None:
    assert await stage.resources.erasure.finish(stage.clock.now + SECOND_PASS_AFTER)


async def test_an_erased_account_is_nowhere(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    second = await stage.grant(person, OTHER_PRM, list(Direction))
    jobs = [await fill(stage, usage_point), await fill(stage, second)]
    names = [person.account.id, usage_point.id, second.id, usage_point.consent.id, *(job.id for job in jobs)]
    before = await dump_of(stage)
    assert all(name in before for name in names)

    answer = await stage.client.delete("/v1/account", headers=person.headers)
    await sweep_later(stage)

    assert 200 == answer.status_code
    after = await dump_of(stage)
    assert [] == [name for name in names if name in after]
    assert 401 == (await stage.client.get("/v1/account", headers=person.headers)).status_code


async def test_redis_is_empty_of_it_before_the_answer(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    job = await fill(stage, usage_point)

    await stage.client.delete("/v1/account", headers=person.headers)

    dump = await redis_dump(stage.resources.redis)
    assert [] == [name for name in (person.account.id, usage_point.id, job.id) if name in dump]


async def test_another_account_loses_nothing(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    neighbour = await stage.create_person()
    theirs = await stage.grant(neighbour, OTHER_PRM)
    await fill(stage, theirs)
    await fill(stage, usage_point)

    await stage.client.delete("/v1/account", headers=person.headers)
    await sweep_later(stage)

    answer = await stage.client.get(
        f"/v1/usage-points/{OTHER_PRM}/readings/{CURVE}?start={START}&end={END}", headers=neighbour.headers
    )
    assert 3 * 48 == len(answer.json()["readings"])
    assert await stage.resources.audit.find_break(neighbour.account.id) is None


async def test_the_receipt_says_what_was_erased_and_is_signed(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await fill(stage, usage_point)

    answer = await stage.client.delete("/v1/account", headers=person.headers)

    receipt = answer.json()
    signed = read_receipt(stage.resources.server, receipt.pop("signed"))
    assert signed is not None
    assert (person.account.id, None, "2026-10-20T10:00:00Z") == (
        receipt["account_id"],
        receipt["usage_point_id"],
        receipt["erased_at"],
    )
    assert {"windows": 4, "jobs": 1, "api_keys": 1, "consents": 1, "usage_points": 1, "webhooks": 0} == {
        kind: count for kind, count in receipt["erased"].items() if kind != "audit_events"
    }
    assert receipt["erased"]["audit_events"] >= 1
    assert receipt["erased"] == signed["erased"]
    assert "Enedis" in receipt["at_enedis"]
    assert receipt["enedis_account_url"].startswith("https://mon-compte-particulier.enedis.fr")
    assert "no-store" == answer.headers["Cache-Control"]


async def test_the_keys_that_check_a_receipt_are_published(stage: Stage) -> None:
    answer = await stage.client.get("/.well-known/jwks.json")

    assert [stage.resources.server.key_id] == [key["kid"] for key in answer.json()["keys"]]


async def test_the_administrators_chain_knows_it_by_a_hash_only(stage: Stage, person: Person) -> None:
    await stage.client.delete("/v1/account", headers=person.headers)

    (event,) = await stage.resources.audit.load_events(ADMIN)
    hashed = stage.resources.server.keyed_hash(person.account.id, purpose="account")
    assert ("account", "account.erased", {"account_hash": hashed}) == (event.actor, event.action, event.details)
    assert await stage.resources.audit.find_break(ADMIN) is None


async def test_a_crash_between_sql_and_redis_leaves_nothing(
    stage: Stage, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await fill(stage, usage_point)

    async def killed(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as until_restart:
        until_restart.setattr("shared.jobs.store.JobStore.refuse_erased", killed)
        answer = await stage.client.delete("/v1/account", headers=person.headers)
    assert 200 == answer.status_code
    assert usage_point.id in await redis_dump(stage.resources.redis)
    await sweep_later(stage)

    dump = await dump_of(stage)
    assert [] == [name for name in (person.account.id, usage_point.id, job.id) if name in dump]


async def test_nothing_is_erased_while_redis_is_out_of_reach(
    stage: Stage, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object, **__: object) -> int:
        raise ConnectionError

    with monkeypatch.context() as outage:
        outage.setattr("shared.readings.store.ReadingStore.count_windows", refused)
        answer = await stage.client.delete("/v1/account", headers=person.headers)

    assert 503 == answer.status_code
    assert 200 == (await stage.client.get("/v1/account", headers=person.headers)).status_code


async def test_the_note_of_an_erasure_stays_for_a_minute_and_goes(stage: Stage, person: Person) -> None:
    await stage.client.delete("/v1/account", headers=person.headers)

    early = await stage.resources.erasure.finish(stage.clock.now + SECOND_PASS_AFTER - timedelta(seconds=1))
    passes = [await stage.resources.erasure.finish(stage.clock.now + SECOND_PASS_AFTER) for _ in range(2)]

    assert (0, [1, 0]) == (early, passes)


async def test_of_two_who_erase_it_at_once_one_gets_a_receipt(stage: Stage, person: Person) -> None:
    answers = await asyncio.gather(
        *(stage.client.delete("/v1/account", headers=person.headers) for _ in range(2)),
    )

    assert [200, 401] == sorted(answer.status_code for answer in answers)


async def test_who_waits_for_a_job_is_told_at_once_that_it_is_gone(
    stage: Stage, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Polling and the wait limit are too long to end the wait: only a notification ends it.
    for name in ("api.http.long_polling._LOOK_AGAIN_SECONDS", "api.http.long_polling.LONGEST_WAIT_SECONDS"):
        monkeypatch.setattr(name, int(10 * PATIENCE_SECONDS))
    monkeypatch.setattr("shared.events.listeners._READY_SECONDS", PATIENCE_SECONDS)
    job = await submit(stage, usage_point)
    waiting = asyncio.create_task(
        stage.client.get(f"/v1/jobs/{job.id}", headers={**person.headers, "Prefer": "wait=9999"})
    )
    while not stage.resources.listeners.count[Purpose.WAIT]:  # noqa: ASYNC110  # the API's state: no event reports it
        await asyncio.sleep(0.005)
    await stage.resources.listeners.ready()

    await stage.client.delete("/v1/account", headers=person.headers)

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert 410 == (await waiting).status_code


async def test_a_request_that_was_on_its_way_makes_no_job_and_no_event(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.client.delete("/v1/account", headers=person.headers)

    # The actions of a request that was authenticated before the erasure.
    with pytest.raises(NotFound):
        await submit(stage, usage_point)
    await stage.resources.events.publish(person.account.id, "consent.granted", {})

    assert person.account.id not in await redis_dump(stage.resources.redis)


async def test_a_key_that_may_not_manage_erases_nothing(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    made = await stage.client.post("/v1/account/keys", json={"scopes": ["read", "fetch"]}, headers=person.headers)
    headers = {"Authorization": f"Bearer {made.json()['api_key']}"}

    answers = [
        await stage.client.delete("/v1/account", headers=headers),
        await stage.client.delete(POINT, headers=headers),
        await stage.client.delete(f"{POINT}/readings/{CURVE}", headers=headers),
        await stage.client.patch(POINT, json={"refresh": False}, headers=headers),
        await stage.client.get("/v1/account/export", headers=headers),
    ]

    assert [403] * 5 == [answer.status_code for answer in answers]


async def test_an_erased_usage_point_is_gone_and_its_consent_is_history(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    kept = await stage.grant(person, OTHER_PRM)
    job, other_job = await fill(stage, usage_point), await fill(stage, kept)

    answer = await stage.client.delete(POINT, headers=person.headers)
    await sweep_later(stage)

    assert (200, PRM) == (answer.status_code, answer.json()["usage_point_id"])
    assert {"windows": 4, "jobs": 1, "usage_points": 1} == answer.json()["erased"]
    dump = await dump_of(stage)
    assert usage_point.id not in dump
    assert [] == [key for key in (f"job:{job.id}", f"calls:{job.id}", f"{job.id}/0") if key in dump]
    assert kept.id in dump
    assert other_job.id in dump
    consent = await stage.resources.consents.load(usage_point.consent.id)
    assert (ConsentStatus.REVOKED, NOON) == (consent.status, consent.revoked_at)
    assert ConsentStatus.GRANTED is (await stage.resources.consents.load(kept.consent.id)).status
    assert 404 == (await stage.client.get(POINT, headers=person.headers)).status_code
    assert 410 == (await stage.client.get(f"/v1/jobs/{job.id}", headers=person.headers)).status_code
    (event, *_) = await stage.resources.audit.load_events(person.account.id)
    assert ("usage_point.erased", True) == (event.action, event.details["consent_ended"])


async def test_the_consent_of_an_erased_usage_point_no_longer_knows_it(stage: Stage, person: Person) -> None:
    usage_point = await stage.grant(person, PRM)
    async with stage.resources.database.transaction() as connection:
        hashed = stage.resources.server.keyed_hash(PRM, purpose="usage-point")
        await connection.execute(
            update(consents).values(expected_prm_hash=hashed, prms_sealed=b"sealed", return_hash=hashed)
        )

    await stage.client.delete(POINT, headers=person.headers)

    (row,) = await stage.resources.database.read(select(consents).where(consents.c.id == usage_point.consent.id))
    assert (None, None, None, None, None) == (
        row.expected_prm_hash,
        row.prms_sealed,
        row.return_hash,
        row.proof_sealed,
        row.awaiting_sealed,
    )


async def test_a_usage_point_that_is_shared_anew_begins_with_nothing(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await fill(stage, usage_point)
    await stage.client.delete(POINT, headers=person.headers)

    again = await stage.grant(person, PRM)
    await submit(stage, again)
    answer = await stage.client.get(f"{POINT}/readings/{CURVE}?start={START}&end={END}", headers=person.headers)

    assert ([], "miss") == (answer.json()["readings"], answer.headers["X-Cache-Status"])


async def test_a_job_that_is_cancelled_frees_its_calls_and_says_so(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    job = await submit(stage, usage_point)
    assert 3 == await stage.resources.redis.zcard("leases")

    answer = await stage.client.delete(f"/v1/jobs/{job.id}", headers=person.headers)
    again = await stage.client.delete(f"/v1/jobs/{job.id}", headers=person.headers)

    assert [(200, "cancelled")] * 2 == [(each.status_code, each.json()["status"]) for each in (answer, again)]
    assert "Retry-After" not in answer.headers
    assert 0 == await stage.resources.redis.zcard("leases")
    events = await stage.resources.events.next_events(person.account.id, "0-0", 0.01)
    assert [{"job_id": job.id}] == [event.data for event in events if event.type == "job.cancelled"]
    assert await stage.resources.redis.ttl(f"job:{job.id}") > 0


async def test_a_job_that_has_ended_is_not_cancelled(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    job = await submit(stage, usage_point, calls=0)

    answer = await stage.client.delete(f"/v1/jobs/{job.id}", headers=person.headers)

    assert "succeeded" == answer.json()["status"]
