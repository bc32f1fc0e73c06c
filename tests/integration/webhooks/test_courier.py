"""Events are delivered to subscribed webhooks: signed, and retried until accepted."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import update
from standardwebhooks import WebhookVerificationError

from bench.bad_receivers import answers, receiving
from shared.events.deliveries import LEASE, TEST_TYPE, DeliveryError, DeliveryStatus
from shared.events.webhooks import OVERLAP, DisabledReason
from shared.storage.tables import webhook_endpoints
from tests.support.webhook_receiver import ACTOR, FAILS, JOB, TAKEN, Receiver, Stage
from workers.webhooks.courier import PAUSES

pytestmark = pytest.mark.anyio


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
