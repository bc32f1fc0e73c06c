"""Composition of the processes around the queue: workers, courier, beat, Flower. Wiring only."""

import asyncio
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery import Celery, signals
from celery.schedules import crontab

from shared.config.settings import Settings
from shared.crypto.server_secret import ServerSecret
from shared.jobs.models import Lane
from shared.jobs.task_queue import SYSTEM_QUEUE, Cause, TaskName, create_celery
from shared.observability.logging import start_logging
from shared.observability.tracing import start_tracing, stop_tracing, untraced
from shared.refresh.wave_schedule import wave_hours
from shared.refresh.waves import time_of_first_wave
from shared.resources import open_resources

if TYPE_CHECKING:
    from workers.runtime import Runtime

# Calls wait for slots and responses, not for the CPU. Five a second at half a second each need three at a time.
_DEFAULT_CONCURRENCY = 8
# Before the nightly refresh is planned, so that it requests nothing for consents that were just lost.
_CARE_AT = crontab(hour="7", minute="15")

Ready = Callable[[], object]


def create_worker(settings: Settings) -> "tuple[Celery, Runtime]":
    """The Celery application with its tasks, and the runtime that they use (not started)."""
    # Imported here: beat and Flower, which this module also starts, need none of a worker's dependencies.
    from workers.runtime import Runtime
    from workers.tasks import register_tasks

    celery = create_celery(settings)
    runtime = Runtime(settings)
    register_tasks(celery, runtime)
    return celery, runtime


def run_worker(
    settings: Settings, lane: Lane | str, concurrency: int | None = None, on_ready: Ready | None = None
) -> None:
    """Work on one lane until SIGTERM; calls in progress are completed first."""
    lane = Lane(lane)
    start_logging(settings.log_level)
    start_tracing(f"releve-worker-{lane}", settings.otlp_endpoint)
    celery, runtime = create_worker(settings)
    _call_when(signals.worker_ready, on_ready)
    runtime.start()
    try:
        celery.worker_main(
            [
                "worker",
                "--pool=threads",
                f"--concurrency={concurrency or _DEFAULT_CONCURRENCY}",
                f"--queues={lane},{SYSTEM_QUEUE}",
                f"--hostname={lane}@%h",
                f"--loglevel={settings.log_level}",
                "--task-events",
                "--without-gossip",
                "--without-mingle",
            ]
        )
    finally:
        runtime.stop()
        stop_tracing()


def run_courier(settings: Settings, most_at_once: int | None = None, on_ready: Ready | None = None) -> None:
    """Deliver webhooks until SIGTERM. Needs no queue: due deliveries wait in the store."""
    start_logging(settings.log_level)
    start_tracing("releve-worker-webhooks", settings.otlp_endpoint)
    try:
        asyncio.run(_deliver(settings, most_at_once, on_ready))
    finally:
        stop_tracing()


async def _deliver(settings: Settings, most_at_once: int | None, on_ready: Ready | None) -> None:
    from workers.webhooks.courier import DELIVERIES_AT_ONCE, Courier
    from workers.webhooks.http_sender import open_receivers

    most_at_once = most_at_once or DELIVERIES_AT_ONCE
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        open_resources(settings) as resources,
        open_receivers(resources.webhook_targets, most_at_once) as receivers,
    ):
        if on_ready is not None:
            on_ready()
        # Polling the store once a second would flood every trace viewer.
        with untraced():
            await Courier(resources, receivers, most_at_once).run(stop)


def run_beat(settings: Settings, on_ready: Ready | None = None) -> None:
    """Send the scheduled tasks until SIGTERM. A second beat is harmless: a task sent twice takes effect once."""
    start_logging(settings.log_level)
    celery = create_celery(settings)
    celery.conf.beat_schedule = entries = schedule(settings)
    # An interval schedule starts with a pause; a new gateway requests public data at once, and no other task has such a
    # long interval.
    first = entries["public-data"]
    _call_when(signals.beat_init, lambda: celery.send_task(first["task"], **first["options"]))
    _call_when(signals.beat_init, on_ready)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    celery.start(
        ["beat", f"--schedule={settings.data_dir / 'beat-schedule'}", f"--loglevel={settings.log_level}", "--pidfile="]
    )


def schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """The beat schedule; times of day are in Europe/Paris."""
    first_wave = time_of_first_wave(settings, ServerSecret(settings.secret_key.get_secret_value()))
    return {
        "sweep": {
            "task": TaskName.SWEEP.value,
            "schedule": timedelta(seconds=settings.sweep_seconds),
            # After a stop of the workers, one sweep replaces all the missed ones.
            "options": {"queue": SYSTEM_QUEUE, "expires": max(10.0, settings.sweep_seconds * 3)},
        },
        "public-data": {
            "task": TaskName.PUBLIC_DATA.value,
            "schedule": timedelta(seconds=settings.public_data_seconds),
            "options": {"queue": SYSTEM_QUEUE, "expires": max(10.0, settings.public_data_seconds * 3)},
        },
        "refresh": {
            "task": TaskName.REFRESH.value,
            "args": [Cause.SCHEDULE.value],
            "schedule": crontab(hour=",".join(map(str, wave_hours(first_wave))), minute=str(first_wave.minute)),
            "options": {"queue": SYSTEM_QUEUE},
        },
        "care-for-consents": {
            "task": TaskName.CARE_FOR_CONSENTS.value,
            "schedule": _CARE_AT,
            "options": {"queue": SYSTEM_QUEUE},
        },
        "retention": {
            "task": TaskName.RETENTION.value,
            # In the hour with the least load, and away from the refresh.
            "schedule": crontab(hour="3", minute="40"),
            "options": {"queue": SYSTEM_QUEUE},
        },
    }


def run_flower(settings: Settings, host: str, port: int, user: str, password: str) -> None:
    """Serve Flower behind a login until SIGTERM."""
    start_logging(settings.log_level)
    celery = create_celery(settings)
    # Tornado also parses the process's arguments; the command's are not meant for it.
    sys.argv = sys.argv[:1]
    celery.start(["flower", f"--address={host}", f"--port={port}", f"--basic-auth={user}:{password}", "--read-only"])


def _call_when(signal: Any, call: Ready | None) -> None:
    if call is not None:
        signal.connect(lambda **_: call(), weak=False)
