"""Events are delivered to subscribed webhooks: signed, retried until accepted, and to no other target."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import update
from standardwebhooks import WebhookVerificationError

from bench.bad_receivers import answers, receiving
from shared.events.deliveries import LEASE, TEST_TYPE, DeliveryError, DeliveryStatus
from shared.events.delivery_keys import KEPT_DELIVERIES
from shared.events.webhooks import OVERLAP, DisabledReason
from shared.storage.tables import accounts, webhook_endpoints
from tests.support.dumps import redis_dump, sql_dump
from tests.support.patience import PATIENCE_SECONDS
from tests.support.webhook_receiver import ACTOR, TAKEN, Receiver, Stage, until
from workers.webhooks.courier import PAUSES

pytestmark = pytest.mark.anyio

FAILS = answers("503 Service Unavailable")
JOB = "job_0123456789abcdef"


async def suspend(stage: Stage) -> None:
    async with stage.resources.database.transaction() as connection:
        await connection.execute(update(accounts).values(suspended_at=datetime.now(UTC)))


async def test_an_event_arrives_signed_and_thin(stage: Stage) -> None:
    before = datetime.now(UTC)
    await stage.tell("job.succeeded", job_id=JOB)

    await stage.work_off()

    (message,) = stage.receiver.messages
    delivery = await stage.only_delivery()
    said = message.verify(stage.secret)
    moment = datetime.fromisoformat(said.pop("timestamp"))
    assert {
        "type": "job.succeeded",
        "data": {"job_id": JOB, "links": {"job": f"https://gateway.example/v1/jobs/{JOB}"}},
    } == said
    # To a millisecond.
    assert before - timedelta(milliseconds=1) <= moment <= datetime.now(UTC)
    assert ("application/json", delivery.id) == (message.headers["content-type"], message.headers["webhook-id"])
    assert stage.url == f"http://{message.headers['host']}/webhook"
    assert (DeliveryStatus.DELIVERED, 1, 204, None) == (
        delivery.status,
        delivery.attempts,
        delivery.status_code,
        delivery.next_at,
    )


async def test_who_does_not_have_the_secret_signs_nothing(stage: Stage) -> None:
    other = await stage.add_webhook(stage.url, ["job.failed"])
    _, secret_of_other = await stage.resources.webhooks.rotate_secret(other, ACTOR, datetime.now(UTC))
    await stage.tell()

    await stage.work_off()

    with pytest.raises(WebhookVerificationError):
        stage.receiver.messages[0].verify(secret_of_other)


async def test_for_a_day_after_a_rotation_both_secrets_verify_and_then_the_new_one_alone(stage: Stage) -> None:
    now = datetime.now(UTC)
    _, new = await stage.resources.webhooks.rotate_secret(stage.webhook, ACTOR, now)
    await stage.tell()
    await stage.work_off(now + timedelta(seconds=1))
    (message,) = stage.receiver.messages
    assert message.verify(stage.secret) == message.verify(new)

    async with stage.resources.database.transaction() as connection:
        await connection.execute(update(webhook_endpoints).values(previous_secret_until=now - timedelta(seconds=1)))
    await stage.tell()
    await stage.work_off(now + timedelta(seconds=1))

    later = stage.receiver.messages[1]
    later.verify(new)
    with pytest.raises(WebhookVerificationError):
        later.verify(stage.secret)
    assert timedelta(hours=24) == OVERLAP


async def test_what_is_not_taken_is_tried_for_three_days_under_one_id_and_then_the_webhook_is_disabled(
    stage: Stage,
) -> None:
    stage.receiver.answer = FAILS
    await stage.tell()
    begun = now = datetime.now(UTC)
    pauses = []
    while True:
        await stage.work_off(now)
        delivery = await stage.only_delivery()
        if delivery.next_at is None:
            break
        pauses.append(delivery.next_at - now)
        now = delivery.next_at

    assert len(PAUSES) == len(pauses)
    assert all(abs(each / planned - 1) <= 0.11 for each, planned in zip(pauses, PAUSES, strict=True)), pauses
    assert timedelta(days=2.5) < now - begun < timedelta(days=4)
    assert {delivery.id} == {each.headers["webhook-id"] for each in stage.receiver.messages}
    assert len(PAUSES) + 1 == len(stage.receiver.messages) == delivery.attempts
    assert (DeliveryStatus.FAILED, DeliveryError.BAD_STATUS, 503) == (
        delivery.status,
        delivery.error,
        delivery.status_code,
    )
    webhook = await stage.resources.webhooks.load_webhook(stage.webhook.id, stage.account.id)
    assert (False, DisabledReason.EXHAUSTED, now) == (webhook.enabled, webhook.disabled_reason, webhook.disabled_at)
    newest, *_ = await stage.resources.audit.load_events(stage.account.id)
    assert ("system", "webhook.disabled", {"webhook_id": webhook.id, "reason": "exhausted"}) == (
        newest.actor,
        newest.action,
        newest.details,
    )


async def test_a_disabled_webhook_gets_nothing_more_and_the_others_are_told(stage: Stage) -> None:
    stage.receiver.answer = answers("410 Gone")
    other = Receiver()
    async with receiving(other) as url:
        await stage.add_webhook(url, ["webhook.disabled"])
        await stage.tell()
        await stage.tell()

        await stage.work_off()
        await stage.tell()
        await stage.work_off()

    assert ["job.succeeded"] == stage.receiver.types
    (told,) = other.messages
    assert b'"reason":"gone"' in told.body
    assert [DeliveryError.WEBHOOK_DISABLED, DeliveryError.GONE] == [each.error for each in await stage.deliveries()]
    assert 1 == (await stage.events()).count("webhook.disabled")


async def test_what_is_taken_in_the_end_is_over(stage: Stage) -> None:
    stage.receiver.answer = FAILS
    await stage.tell()
    await stage.work_off()
    stage.receiver.answer = TAKEN
    now = (await stage.only_delivery()).next_at
    assert now is not None

    await stage.work_off(now)
    made_later = await stage.work_off(now + timedelta(days=7))

    delivery = await stage.only_delivery()
    assert (DeliveryStatus.DELIVERED, 2, None) == (delivery.status, delivery.attempts, delivery.error)
    assert 0 == made_later


async def test_a_killed_courier_leaves_its_delivery_to_the_next_one(stage: Stage) -> None:
    await stage.tell()
    now = datetime.now(UTC)
    (taken,) = await stage.resources.deliveries.claim(now, 10)

    before = await stage.work_off(now + LEASE - timedelta(seconds=1))
    after = await stage.work_off(now + LEASE + timedelta(seconds=1))

    assert (0, 1) == (before, after)
    assert [taken.id] == [each.headers["webhook-id"] for each in stage.receiver.messages]


async def test_to_one_webhook_there_is_one_delivery_at_a_time(stage: Stage) -> None:
    other = await stage.add_webhook(stage.url)
    for _ in range(3):
        await stage.tell()

    claimed = await stage.resources.deliveries.claim(datetime.now(UTC), 10)
    # Nor do later events.
    await stage.tell()
    none = await stage.resources.deliveries.claim(datetime.now(UTC), 10)

    assert {stage.webhook.id, other.id} == {each.webhook_id for each in claimed}
    assert (2, []) == (len(claimed), none)
    await asyncio.gather(*(stage.courier.deliver(each, datetime.now(UTC)) for each in claimed))
    await stage.work_off()
    assert 8 == len(stage.receiver.messages) == len({each.headers["webhook-id"] for each in stage.receiver.messages})


async def test_an_event_that_waits_for_its_next_try_does_not_keep_the_others_waiting(stage: Stage) -> None:
    stage.receiver.answer = FAILS
    await stage.tell("job.failed")
    await stage.work_off()
    stage.receiver.answer = TAKEN
    await stage.tell("job.succeeded")

    await stage.work_off(datetime.now(UTC) + timedelta(seconds=2))

    assert ["job.failed", "job.succeeded"] == stage.receiver.types


async def test_who_fails_again_and_again_is_left_alone_longer_and_longer_until_it_takes_something(
    stage: Stage,
) -> None:
    stage.receiver.answer = FAILS
    for _ in range(9):
        await stage.tell()
    begun = now = datetime.now(UTC) + timedelta(seconds=1)
    moments: list[float] = []
    while len(moments) < 8:
        if await stage.work_off(now):
            moments.append((now - begun).total_seconds())
        now += timedelta(seconds=0.5)

    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert all(planned <= each <= planned + 1 for each, planned in zip(pauses, [1, 2, 4, 8, 16, 30, 30], strict=True))
    stage.receiver.answer = TAKEN
    assert await stage.work_off(now + timedelta(seconds=31)) > 2


async def test_a_test_message_is_not_held_back_by_failures(stage: Stage) -> None:
    stage.receiver.answer = FAILS
    await stage.tell()
    await stage.work_off()

    await stage.resources.deliveries.enqueue_test(stage.account.id, stage.webhook.id, datetime.now(UTC), awaited=False)
    await stage.work_off()

    assert ["job.succeeded", TEST_TYPE] == stage.receiver.types


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
