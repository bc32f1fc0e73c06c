"""Worker and beat as separate processes: started, sent messages, stopped by a signal."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest
from redis import Redis

from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.events.store import Event
from shared.jobs.models import JobStatus, Lane
from shared.jobs.task_queue import Cause, TaskName
from tests.support.patience import PATIENCE_SECONDS, PROVIDER_PATIENCE_SECONDS
from tests.support.simulated_enedis import SOLAR_HOUSE
from tests.support.worker import Person, Stage, days_ago, half_hours_of

pytestmark = pytest.mark.anyio

WEEK = DayRange(days_ago(40), days_ago(33))
CURVE = "consumption_load_curve"
ROOT = Path(__file__).parents[3]

# Writes the line that a test waits for as soon as it is ready, bypassing Celery, which redirects prints to its log.
WORKER = "run_worker(settings, sys.argv[1], 2, on_ready=ready)"
BEAT = "run_beat(settings, on_ready=ready)"
PROGRAM = """
import os, sys
from shared.config.settings import load_settings
from workers.processes import run_beat, run_worker
settings = load_settings()
ready = lambda: os.write(1, b"ready\\n")
"""


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the environment of a process, with this process's own environment, such as coverage's."""
    changed = {
        "RELEVE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "RELEVE_DATA_DIR": str(settings.data_dir),
        "RELEVE_SWEEP_SECONDS": "0.2",
        "RELEVE_CALL_LEASE_SECONDS": str(settings.call_lease_seconds),
        "RELEVE_LOG_LEVEL": "info",
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "ENEDIS_BASE_URL": settings.enedis_base_url,
        "ENEDIS_CLIENT_ID": settings.enedis_client_id,
        "ENEDIS_CLIENT_SECRET": settings.enedis_client_secret.get_secret_value(),
        "ENEDIS_TIMEOUT_SECONDS": str(PROVIDER_PATIENCE_SECONDS),
        "ENEDIS_PER_SECOND": "1000",
        "ENEDIS_PER_HOUR": "100000",
    }
    return {**os.environ, **changed, "OTEL_EXPORTER_OTLP_ENDPOINT": ""}


@contextmanager
def spawned(program: str, settings: Settings, log: IO[bytes], *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process; it is killed on exit if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + program, *arguments],
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=log,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_ready(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    """Return when a process has reported that it is ready."""
    assert process.stdout is not None
    assert b"ready\n" in iter(process.stdout.readline, b""), log_text(log)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IO[bytes]]:
    """The log file of a test's processes."""
    with (tmp_path / "log").open("wb") as opened:
        yield opened


def log_text(log: IO[bytes]) -> str:
    """The logs of the processes."""
    return Path(log.name).read_text()


async def events(stage: Stage, person: Person, after: str) -> AsyncIterator[Event]:
    """The events published to the account from now on."""
    while True:
        for event in await stage.resources.events.next_events(person.account_id, after, 30):
            after = event.id
            yield event


async def event_of(stage: Stage, person: Person, after: str, kind: str, **data: str) -> Event:
    """The next event of a kind, with this data."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in events(stage, person, after):
            if event.type == kind and data.items() <= event.data.items():
                return event
    raise AssertionError


async def test_beat_has_public_data_looked_after_at_its_start(stage: Stage, log: IO[bytes]) -> None:
    with spawned(BEAT, stage.resources.settings, log):
        # A socket times out after the same time: a delay of more than half of it is not due to a busy machine.
        first: Any = await asyncio.to_thread(stage.redis.blpop, ["system"], PATIENCE_SECONDS / 2)

    assert TaskName.PUBLIC_DATA.value == task_of(first[1])


async def test_worker_and_beat_do_everything_between_them_until_they_are_told_to_stop(
    stage: Stage, person: Person, house: UsagePoint, log: IO[bytes]
) -> None:
    settings = stage.resources.settings
    start = await stage.resources.events.last_event_id(person.account_id)
    # A call that a worker had taken when it was killed: only the sweep enqueues it again.
    orphan = await stage.submit(house, "daily_consumption", WEEK)
    taken = stage.next_ticket()
    assert taken is not None
    await stage.resources.ledger.start_call(taken, datetime.now(UTC), 0.0)
    job = await stage.submit(house, CURVE, WEEK)
    consent_id = await stage.begin_consent(person, stage.enedis.share(SOLAR_HOUSE))
    await stage.resources.task_queue.enqueue_consent(consent_id)

    with spawned(BEAT, settings, log) as beat, spawned(WORKER, settings, log, "interactive") as worker:
        for process in (beat, worker):
            await asyncio.to_thread(until_ready, process, log)
        await event_of(stage, person, start, "consent.granted", consent_id=consent_id)
        for each in (orphan, job):
            await event_of(stage, person, start, "job.succeeded", job_id=each.id)
        # The plan is for the whole system, its calls are not for this worker.
        await stage.resources.task_queue.enqueue_refresh(Cause.BY_HAND)
        assert stage.redis.blmove("bulk", "bulk", int(PATIENCE_SECONDS)) is not None

        for process in (beat, worker):
            process.send_signal(signal.SIGTERM)
        assert 0 == worker.wait()
        assert beat.wait() in (0, -signal.SIGTERM)

    assert [JobStatus.SUCCEEDED] * 2 == [(await stage.job(each)).status for each in (orphan, job)]
    assert half_hours_of(WEEK) == len(await stage.read(person, job))
    assert {TaskName.FETCH.value} == {task_of(message) for message in messages(stage.redis, "bulk")}


async def test_a_worker_leaves_the_other_lane_alone_and_its_log_names_no_usage_point(
    stage: Stage, person: Person, house: UsagePoint, log: IO[bytes]
) -> None:
    stage.enedis.break_calls(code="900908")
    start = await stage.resources.events.last_event_id(person.account_id)
    waiting = await stage.submit(house, CURVE, WEEK)
    with spawned(WORKER, stage.resources.settings, log, "bulk") as worker:
        await asyncio.to_thread(until_ready, worker, log)
        job = await stage.submit(house, "daily_consumption", WEEK, Lane.BULK)
        await event_of(stage, person, start, "job.failed", job_id=job.id)
        worker.send_signal(signal.SIGTERM)
        assert 0 == worker.wait()

    assert JobStatus.QUEUED is (await stage.job(waiting)).status
    text = log_text(log)
    given_up = [json.loads(line) for line in text.splitlines() if "call given up" in line]
    assert [job.id] == [line["job_id"] for line in given_up]
    assert house.prm not in text


def messages(redis: Redis, queue: str) -> list[bytes]:
    """The messages of a queue."""
    found: Any = redis.lrange(queue, 0, -1)
    return list(found)


def task_of(message: bytes) -> str:
    """The task of a message."""
    task: str = json.loads(message)["headers"]["task"]
    return task
