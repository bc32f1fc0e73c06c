"""Which events a webhook receives, replays and tests, and what remains of a deleted one."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bench.bad_receivers import answers, receiving
from shared.events.deliveries import TEST_TYPE, DeliveryError, DeliveryStatus
from shared.events.delivery_keys import KEPT_DELIVERIES
from shared.storage.tables import accounts, webhook_endpoints
from tests.support.dumps import redis_dump, sql_dump
from tests.support.patience import PATIENCE_SECONDS
from tests.support.webhook_receiver import ACTOR, FAILS, JOB, Receiver, Stage, until

pytestmark = pytest.mark.anyio


async def suspend(stage: Stage) -> None:
    async with stage.resources.database.transaction() as connection:
        await connection.execute(update(accounts).values(suspended_at=datetime.now(UTC)))


async def test_each_webhook_is_told_what_it_wants_and_progress_only_by_name(stage: Stage) -> None:
    other = Receiver()
    async with receiving(other) as url:
        await stage.add_webhook(url, ["job.progress", "consent.granted"])
        for event_type in ("job.progress", "job.succeeded", "consent.granted", "consent.failed"):
            await stage.tell(event_type)

        await stage.work_off()

    assert ["job.succeeded", "consent.granted", "consent.failed"] == stage.receiver.types
    assert ["job.progress", "consent.granted"] == other.types


async def test_events_of_another_account_go_elsewhere(stage: Stage) -> None:
    neighbour, _ = await stage.resources.accounts.create_account(datetime.now(UTC))

    await stage.resources.events.publish(neighbour.id, "job.succeeded", {"job_id": JOB})

    assert 0 == await stage.work_off()


async def test_for_a_suspended_account_nothing_is_sent_and_it_can_be_replayed_later(stage: Stage) -> None:
    await stage.tell()
    await suspend(stage)

    await stage.work_off()

    delivery = await stage.only_delivery()
    assert ([], DeliveryStatus.FAILED, DeliveryError.ACCOUNT_SUSPENDED, 0) == (
        stage.receiver.messages,
        delivery.status,
        delivery.error,
        delivery.attempts,
    )
    async with stage.resources.database.transaction() as connection:
        await connection.execute(update(accounts).values(suspended_at=None))
    await stage.resources.deliveries.replay(delivery, datetime.now(UTC))
    await stage.work_off()
    assert ["job.succeeded"] == stage.receiver.types


async def test_a_replay_has_the_same_id_and_all_its_tries(stage: Stage) -> None:
    stage.receiver.answer = FAILS
    await stage.tell()
    await stage.work_off()
    delivery = await stage.only_delivery()

    replayed = await stage.resources.deliveries.replay(delivery, datetime.now(UTC))
    await stage.work_off()

    assert replayed is not None
    assert (DeliveryStatus.PENDING, 0, 1) == (replayed.status, replayed.tries, replayed.attempts)
    tried = await stage.only_delivery()
    assert (1, 2) == (tried.tries, tried.attempts)
    assert {delivery.id} == {each.headers["webhook-id"] for each in stage.receiver.messages}


async def test_a_test_is_tried_once_also_when_disabled_and_disables_nothing(stage: Stage) -> None:
    stage.receiver.answer = answers("410 Gone")
    await stage.change(enabled=False)
    await stage.resources.deliveries.enqueue_test(stage.account.id, stage.webhook.id, datetime.now(UTC), awaited=False)
    await stage.work_off()
    await stage.change(enabled=True)
    await stage.resources.deliveries.enqueue_test(stage.account.id, stage.webhook.id, datetime.now(UTC), awaited=False)

    await stage.work_off()
    await stage.work_off(datetime.now(UTC) + timedelta(days=1))

    assert [TEST_TYPE, TEST_TYPE] == stage.receiver.types
    assert (await stage.resources.webhooks.load_webhook(stage.webhook.id, stage.account.id)).enabled


async def test_a_deleted_webhook_leaves_nothing_whoever_was_killed_in_between(stage: Stage) -> None:
    await stage.tell()
    await stage.tell()
    await stage.resources.webhooks.delete_webhook(stage.webhook, ACTOR, datetime.now(UTC))

    await stage.work_off()
    await stage.tell()

    assert [] == stage.receiver.messages
    dump = await redis_dump(stage.resources.redis)
    assert [] == [word for word in (stage.webhook.id, "delivery:") if word in dump]


async def test_a_delivery_that_is_under_way_when_its_account_is_erased_leaves_nothing(stage: Stage) -> None:
    await stage.tell()
    (claimed,) = await stage.resources.deliveries.claim(datetime.now(UTC), 10)

    async def erase(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stage.resources.jobs.refuse_erased([stage.account.id])
        await stage.resources.deliveries.forget_account(stage.account.id)
        writer.write(b"HTTP/1.1 500 Synthetic\r\n\r\n")

    stage.receiver.answer = erase
    await stage.courier.deliver(claimed, datetime.now(UTC))
    await stage.tell()
    await stage.note(stage.webhook)

    dump = await redis_dump(stage.resources.redis)
    assert [] == [word for word in (stage.webhook.id, claimed.id, f"webhooks:{stage.account.id}") if word in dump]


async def test_deliveries_about_what_is_gone_are_forgotten_and_no_others(stage: Stage) -> None:
    await stage.tell("job.succeeded", job_id="job_1")
    await stage.tell("job.succeeded", job_id="job_2")

    await stage.resources.deliveries.forget_ids(stage.account.id, ["job_1"])
    await stage.work_off()

    assert [b"job_2" in each.body for each in stage.receiver.messages] == [True]


async def test_a_courier_notes_again_what_redis_has_lost(stage: Stage) -> None:
    await stage.change(events=["job.failed"])
    await stage.resources.redis.flushall()
    stop = asyncio.Event()
    running = asyncio.create_task(stage.courier.run(stop))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await until(lambda: stage.resources.redis.exists(f"webhooks:{stage.account.id}"))
            await stage.tell("job.succeeded")
            await stage.tell("job.failed")
            await stage.receiver.arrived.wait()
    finally:
        stop.set()
        await running

    assert ["job.failed"] == stage.receiver.types


async def test_an_older_version_does_not_win_over_a_newer_one(stage: Stage) -> None:
    before = stage.webhook
    await stage.change(events=["job.failed"])

    await stage.note(before)
    await stage.tell("job.succeeded")

    assert 0 == await stage.work_off()


async def test_of_each_webhook_the_newest_deliveries_are_kept(stage: Stage) -> None:
    for number in range(KEPT_DELIVERIES + 5):
        await stage.tell("job.succeeded", job_id=f"job_{number}")

    kept = await stage.deliveries()

    assert (KEPT_DELIVERIES, f"job_{KEPT_DELIVERIES + 4}", "job_5") == (
        len(kept),
        kept[0].data["job_id"],
        kept[-1].data["job_id"],
    )
    assert KEPT_DELIVERIES == len(await stage.resources.redis.keys("delivery:*"))
    assert KEPT_DELIVERIES == await stage.resources.redis.zcard(f"pending:{stage.webhook.id}")


async def test_neither_store_shows_a_url_a_name_or_a_secret(stage: Stage) -> None:
    await stage.tell()
    await stage.work_off()

    dumps = await redis_dump(stage.resources.redis) + await sql_dump(stage.resources.database)

    port = stage.url.rsplit(":", 1)[1]
    assert [] == [word for word in (stage.url, port, "Synthetic name", stage.secret) if word in dumps]


async def test_a_webhook_whose_secret_of_the_server_is_lost_is_tried_again_later(stage: Stage) -> None:
    await stage.tell()
    async with stage.resources.database.transaction() as connection:
        await connection.execute(update(webhook_endpoints).values(secret_sealed=b"synthetic"))

    await stage.work_off()

    delivery = await stage.only_delivery()
    assert (DeliveryStatus.PENDING, DeliveryError.UNREADABLE) == (delivery.status, delivery.error)
