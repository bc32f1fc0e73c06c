"""The queue on a real server: a message reaches its lane and contains only ids and its trace."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from pydantic import SecretStr
from redis.asyncio import Redis

from shared.config.settings import Settings
from shared.jobs.models import CallTicket, Lane
from shared.jobs.task_queue import SYSTEM_QUEUE, Cause, TaskName, TaskQueue, broker_url, create_celery
from shared.observability.tracing import current_trace_context
from tests.support.killable_valkey import KillableValkey
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

TRACE = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the broker's server."""
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def celery(settings: Settings) -> Celery:
    """The Celery application of a sending process."""
    return create_celery(settings)


@pytest.fixture
def broker(celery: Celery) -> Iterator[TaskQueue]:
    """The task queue under test."""
    broker = TaskQueue(celery)
    yield broker
    broker.close()


async def messages(redis: Redis, queue: str) -> list[dict[str, Any]]:
    """The messages of a queue, oldest first, with their bodies decoded."""
    waiting = [json.loads(text) for text in await redis.lrange(queue, 0, -1)]
    return [{**message, "body": json.loads(b64decode(message["body"]))} for message in reversed(waiting)]


async def test_a_call_waits_in_its_lane_and_is_two_ids(broker: TaskQueue, redis: Redis) -> None:
    for lane in Lane:
        await broker.enqueue_call(CallTicket("job_1", 7), lane, TRACE)

    for lane in Lane:
        (message,) = await messages(redis, lane)
        arguments, keywords, embedded = message["body"]
        assert (["job_1", 7], {}) == (arguments, keywords), lane
        assert set() == {value for value in embedded.values() if value is not None}, lane
        assert "releve.fetch" == message["headers"]["task"], lane
        assert "['job_1', 7]" == message["headers"]["argsrepr"], lane
        assert None is message["headers"]["eta"], lane


async def test_a_public_dataset_is_asked_for_by_whichever_worker_comes_first(broker: TaskQueue, redis: Redis) -> None:
    await broker.enqueue_public_data("tempo")

    (message,) = await messages(redis, SYSTEM_QUEUE)
    assert (TaskName.PUBLIC_DATA.value, [["tempo"], {}]) == (message["headers"]["task"], message["body"][:2])


async def test_a_consent_is_exchanged_while_somebody_waits(broker: TaskQueue, redis: Redis) -> None:
    await broker.enqueue_consent("cons_1")

    (message,) = await messages(redis, Lane.INTERACTIVE)
    assert ("releve.exchange_consent", ["cons_1"]) == (message["headers"]["task"], message["body"][0])


async def test_the_refresh_is_a_system_matter(broker: TaskQueue, redis: Redis) -> None:
    await broker.enqueue_refresh(Cause.BY_HAND)

    (message,) = await messages(redis, SYSTEM_QUEUE)
    assert ("releve.refresh", ["by_hand"]) == (message["headers"]["task"], message["body"][0])


async def test_calls_are_delivered_in_the_order_in_which_they_were_enqueued(broker: TaskQueue, redis: Redis) -> None:
    for number in range(20):
        await broker.enqueue_call(CallTicket("job_1", number), Lane.BULK, {})

    assert list(range(20)) == [message["body"][0][1] for message in await messages(redis, Lane.BULK)]


async def test_many_at_once_all_arrive(broker: TaskQueue, redis: Redis) -> None:
    await asyncio.gather(*(broker.enqueue_call(CallTicket("job_1", n), Lane.BULK, TRACE) for n in range(50)))

    assert set(range(50)) == {message["body"][0][1] for message in await messages(redis, Lane.BULK)}


async def test_a_worker_that_knows_the_task_is_given_the_ids(
    settings: Settings, broker: TaskQueue, redis: Redis
) -> None:
    await broker.enqueue_call(CallTicket("job_1", 7), Lane.BULK, TRACE)
    worker = create_celery(settings)

    with worker.connection_for_read() as connection, connection.SimpleQueue(Lane.BULK.value) as queue:
        message = await asyncio.to_thread(queue.get, timeout=PATIENCE_SECONDS)
        message.ack()

    worker.close()
    assert ["job_1", 7] == message.payload[0]
    assert 0 == await redis.llen(Lane.BULK)


async def test_a_message_goes_on_in_the_trace_of_its_job(broker: TaskQueue, redis: Redis) -> None:
    provider = TracerProvider()
    instrumentor = CeleryInstrumentor()  # type: ignore[no-untyped-call]  # the package does not type its constructor
    instrumentor.instrument(tracer_provider=provider)
    try:
        with provider.get_tracer("synthetic").start_as_current_span("request") as request:
            carrier = current_trace_context()
        await broker.enqueue_call(CallTicket("job_1", 7), Lane.BULK, carrier)
    finally:
        instrumentor.uninstrument()
        provider.shutdown()

    (message,) = await messages(redis, Lane.BULK)
    assert trace.format_trace_id(request.get_span_context().trace_id) in message["headers"]["traceparent"]


async def test_a_queue_that_is_down_is_an_error_and_not_a_wait_for_ever(settings: Settings, tmp_path: Path) -> None:
    nowhere = Settings.model_validate(
        {**settings.model_dump(by_alias=True), "REDIS_URL": f"unix://{tmp_path}/none?db=0"}
    )
    broker = TaskQueue(create_celery(nowhere))

    with pytest.raises(OperationalError):
        await broker.enqueue_call(CallTicket("job_1", 7), Lane.INTERACTIVE, {})

    broker.close()


def test_a_task_of_a_process_that_only_sends_does_nothing_there(celery: Celery, broker: TaskQueue) -> None:
    assert set(TaskName) <= set(celery.tasks)
    with pytest.raises(RuntimeError, match="only sends"):
        celery.tasks[TaskName.FETCH]("job_1", 7)


def test_the_address_of_redis_is_spelt_for_celery() -> None:
    spelt = {
        "redis://127.0.0.1:6379/3": "redis://127.0.0.1:6379/3",
        "redis://:p%40ss@h/0": "redis://:p%40ss@h/0",
        "rediss://h:6380/1?ssl_cert_reqs=required": "rediss://h:6380/1?ssl_cert_reqs=required",
        "unix:///run/valkey.sock": "redis+socket:///run/valkey.sock?virtual_host=0",
        "unix:///run/valkey.sock?db=5": "redis+socket:///run/valkey.sock?virtual_host=5",
        "unix:///run/a%20b.sock?socket_timeout=3&db=5": "redis+socket:///run/a%20b.sock?virtual_host=5",
    }

    assert spelt == {redis_url: broker_url(redis_url) for redis_url in spelt}


def test_a_consumer_outlives_the_loss_of_its_connection_with_messages_in_its_hands(
    settings: Settings, killable_valkey: KillableValkey
) -> None:
    """Like Celery's worker: it waits for tasks, has unacknowledged ones, and listens for remote control commands."""
    lost = settings.model_copy(update={"redis_url": SecretStr(killable_valkey.redis_url)})
    kombu: Any = import_module("kombu")
    connection: Any = create_celery(lost).connection_for_read()
    work, commands = connection.default_channel, connection.channel()
    connection.SimpleQueue("work").put("synthetic")
    kombu.Consumer(work, [kombu.Queue("work")], on_message=print).consume()
    assert work.basic_get("work") is not None
    everybody = kombu.Exchange("everybody", "fanout")
    kombu.Consumer(commands, [kombu.Queue("mine", everybody, auto_delete=True)], on_message=print).consume()
    cycle = work.connection.cycle
    cycle.on_poll_init(import_module("kombu.utils.eventio").poll())
    cycle.on_poll_start()

    killable_valkey.kill()
    connection.collect()
    connection.close()

    killable_valkey.start()
