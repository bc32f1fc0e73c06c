"""The queue: the Celery application, the names of its tasks, and enqueuing.

A message contains only ids. It may be lost or delivered twice; the ledger and the stores tolerate both.
"""

import asyncio
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from celery import Celery
from kombu import pools
from kombu.transport import redis as kombu_redis

from shared.config.settings import Settings
from shared.jobs.models import CallTicket, DueCall, Lane
from shared.observability.tracing import continued_trace


class Cause(StrEnum):
    """Why a refresh is planned: the schedule, an operator's request, or an interrupted plan."""

    SCHEDULE = "schedule"
    BY_HAND = "by_hand"
    RESUME = "resume"


SYSTEM_QUEUE = "system"


class _MessagesInHand(kombu_redis.QoS):
    """The unacknowledged messages of a consumer; tolerates the loss of the connection."""

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Put them back, unless their connection is closed: the sweeper then enqueues the calls again.

        kombu 5.7 tries to use the connection that it has itself closed, and Celery 5.7 then ends the worker:
        `findings/celery-worker-ends-with-its-broker.sh`.
        """
        transport = self.channel.connection
        if transport is not None and transport.client is not None:
            super().restore_unacked_once(stderr)  # type: ignore[no-untyped-call]  # kombu is untyped


class TaskName(StrEnum):
    """The tasks of the workers."""

    FETCH = "releve.fetch"
    EXCHANGE_CONSENT = "releve.exchange_consent"
    REFRESH = "releve.refresh"
    CARE_FOR_CONSENTS = "releve.care_for_consents"
    SWEEP = "releve.sweep"
    RETENTION = "releve.retention"
    PUBLIC_DATA = "releve.public_data"


def create_celery(settings: Settings) -> Celery:
    """The Celery application of the API, workers, beat and Flower; does not connect yet."""
    kombu_redis.Channel.QoS = _MessagesInHand
    app = Celery("releve", broker=broker_url(settings.redis_url.get_secret_value()))
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # A task is acknowledged when it starts: the ledger recovers the unfinished work of a killed worker.
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_hijack_root_logger=False,
        worker_send_task_events=True,
        task_send_sent_event=True,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"socket_keepalive": True, "health_check_interval": 20},
        # A client waits for the publish: after about a second it is better left to the sweeper.
        task_publish_retry_policy={"max_retries": 3, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5},
        timezone="Europe/Paris",
        task_default_queue=SYSTEM_QUEUE,
    )
    return app


def broker_url(redis_url: str) -> str:
    """The Redis URL in Celery's form, which differs only for sockets."""
    scheme, _, rest = redis_url.partition("://")
    if scheme != "unix":
        return redis_url
    path, _, query = rest.partition("?")
    database = dict(part.split("=", 1) for part in query.split("&") if "=" in part).get("db", "0")
    return f"redis+socket://{path}?virtual_host={database}"


class TaskQueue:
    """Enqueues tasks."""

    def __init__(self, celery: Celery) -> None:
        """Send through ``celery``."""
        self._celery = celery
        # Celery's tracing starts a span for a message only if the task is registered in this process.
        for name in TaskName:
            # Not shared: the real tasks belong to another application of this process (a worker's).
            celery.task(name=name, shared=False)(_somewhere_else)

    async def enqueue_call(self, ticket: CallTicket, lane: Lane, trace_context: Mapping[str, str]) -> None:
        """Enqueue a call for a worker of the lane, in the trace of its job."""
        await self._send(TaskName.FETCH, [ticket.job_id, ticket.number], lane, trace_context)

    async def enqueue_calls(self, calls: Iterable[DueCall]) -> None:
        """Enqueue several calls, in order."""
        for call in calls:
            await self.enqueue_call(call.ticket, call.lane, call.trace_context)

    async def enqueue_consent(self, consent_id: str) -> None:
        """Enqueue the exchange of a consent, in the interactive lane because a person waits for it."""
        await self._send(TaskName.EXCHANGE_CONSENT, [consent_id], Lane.INTERACTIVE, None)

    async def enqueue_refresh(self, cause: Cause) -> None:
        """Enqueue the planning of a refresh now."""
        await self._send(TaskName.REFRESH, [cause.value], SYSTEM_QUEUE, None)

    async def enqueue_public_data(self, dataset: str) -> None:
        """Enqueue a request for a public dataset now. The worker sends none before the provider's minimum pause since
        the last call has passed, nor while the provider has closed the API itself."""
        await self._send(TaskName.PUBLIC_DATA, [dataset], SYSTEM_QUEUE, None)

    async def _send(
        self, name: TaskName, arguments: list[Any], queue: str, trace_context: Mapping[str, str] | None
    ) -> None:
        def send() -> None:
            self._celery.send_task(name, args=arguments, queue=str(queue))

        if trace_context is None:
            await asyncio.to_thread(send)
            return
        with continued_trace(trace_context):
            await asyncio.to_thread(send)

    def close(self) -> None:
        """Close the connections."""
        self._celery.close()
        # Celery only drops its references to connections, which belong to the process: this closes them.
        pools.reset()  # type: ignore[no-untyped-call]  # kombu is untyped


def _somewhere_else(*_arguments: Any) -> None:
    raise RuntimeError("this process only sends tasks")
