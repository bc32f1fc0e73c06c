"""Places that must never contain a usage point or a reading: log lines, messages, events, and the stores."""

import asyncio
import json
import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from redis import Redis

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.jobs.models import Lane
from shared.jobs.task_queue import Cause
from shared.readings.models import Reading
from tests.support.worker import Person, Stage, days_ago

pytestmark = pytest.mark.anyio

THREE_WEEKS = DayRange(days_ago(60), days_ago(39))


def shown(readings: list[Reading], text: str) -> list[str]:
    """The readings that a text contains as separate numbers: ids contain a few of every household by chance."""
    values = {str(reading.value) for reading in readings if reading.value >= 10_000}
    assert len(values) > 5
    return sorted(values & set(re.findall(r"[0-9A-Za-z]+", text)))


def dump_of(redis: Redis) -> str:
    """The contents of the store, as text."""
    kinds: dict[Any, Any] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"stream": redis.xrange,
    }
    found: Any = redis.keys()
    return " ".join(f"{key!r} {kinds[redis.type(key)](key)!r}" for key in found)


async def test_log_lines_name_no_usage_point_and_no_reading(
    stage: Stage, person: Person, house: UsagePoint, logs: StringIO
) -> None:
    done = await stage.run(house, "daily_consumption", THREE_WEEKS)
    # One for each of the three calls, then one for the first of the next job, then one for the exchange.
    for fault in ({"kind": "technical_error"}, {"kind": "truncated"}, {"kind": "wrong_point"}, {"code": "900908"}):
        stage.enedis.break_calls(**fault)
    # The first job's deferred calls keep their days: a request for the same days would wait for them.
    for days in (THREE_WEEKS, DayRange(days_ago(70), days_ago(60))):
        await stage.run(house, "consumption_load_curve", days)
    stage.enedis.break_calls(code="900908")
    await stage.exchange.exchange(await stage.begin_consent(person, 1))

    text = logs.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"call put off", "call given up", "consent not granted"} <= {line["event"] for line in lines}
    assert house.prm not in text
    assert [] == shown(list(await stage.read(person, done)), text)


async def test_messages_carry_a_jobs_id_and_a_calls_number(stage: Stage, house: UsagePoint) -> None:
    job = await stage.submit(house, "consumption_load_curve", THREE_WEEKS, Lane.BULK)
    consent = await stage.begin_consent(await stage.create_person(), 1)
    await stage.resources.task_queue.enqueue_consent(consent)
    await stage.resources.task_queue.enqueue_refresh(Cause.BY_HAND)

    assert [[job.id, number] for number in range(3)] == stage.queued("bulk")
    assert [[consent]] == stage.queued("interactive")
    assert [[Cause.BY_HAND]] == stage.queued("system")
    assert house.prm not in dump_of(stage.redis)


async def test_neither_store_shows_a_usage_point_or_a_reading(
    stage: Stage, person: Person, house: UsagePoint, stored_bytes: Callable[[], bytes]
) -> None:
    job = await stage.run(house, "daily_consumption", THREE_WEEKS)
    await stage.submit(house, "consumption_load_curve", THREE_WEEKS)
    readings = list(await stage.read(person, job))

    stored = dump_of(stage.redis) + (await asyncio.to_thread(stored_bytes)).decode("latin-1")

    assert [] == [secret for secret in (house.prm, person.api_key) if secret in stored]
    assert [] == shown(readings, stored)
    most = max(reading.value for reading in readings)
    assert [str(most)] == shown(readings, f'{stored}"value": {most}}}'), "it would be found"
    assert job.id in stored
