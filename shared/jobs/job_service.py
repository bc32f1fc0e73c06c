"""The lifecycle of jobs: each step of the ledger, and its follow-up actions.

After a step that plans calls or frees a place, the next calls in line are enqueued; after the end of a job its event is
published. Callers do neither themselves. If a process dies in between, the sweeper does both.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.core.errors import NotFound
from shared.events.store import EventStore
from shared.jobs.job_metrics import JobMetrics
from shared.jobs.ledger import Ledger
from shared.jobs.models import CallTicket, Job, JobStatus, Lane
from shared.jobs.store import JobStore
from shared.jobs.task_queue import TaskQueue
from shared.observability.logging import get_logger

logger = get_logger(__name__)


class JobService:
    """The operations on jobs and their calls."""

    def __init__(
        self, jobs: JobStore, ledger: Ledger, queue: TaskQueue, events: EventStore, metrics: JobMetrics
    ) -> None:
        """Work with these stores."""
        self._jobs = jobs
        self._ledger = ledger
        self._queue = queue
        self._events = events
        self._metrics = metrics

    async def submit(
        self,
        series: Series,
        days: DayRange,
        lane: Lane,
        calls: Sequence[DayRange],
        trace_context: Mapping[str, str],
        now: datetime,
    ) -> Job:
        """Create a job with its planned calls and enqueue the first. Raises `NotFound`, as `JobStore.create_job`."""
        job = await self._jobs.create_job(series, days, lane, calls, trace_context, now)
        if calls:
            await self.send_next(now)
        return job

    async def send_next(self, now: datetime) -> None:
        """Enqueue the next calls in line. Raises nothing: earlier steps are complete, and enqueuing is retried."""
        try:
            await self._queue.enqueue_calls(await self._ledger.send_next(now))
        except Exception:
            # Waiting calls are still in their line, and calls with a place are leased: the sweeper enqueues both.
            logger.exception("enqueuing put off")

    async def park(
        self,
        ticket: CallTicket,
        until: datetime,
        now: datetime,
        *,
        counts_as_attempt: bool,
        keeps_place: bool = False,
    ) -> None:
        """Park a call until a time, as `Ledger.park`; a freed place goes to another call."""
        await self._ledger.park(ticket, until, counts_as_attempt=counts_as_attempt, keeps_place=keeps_place)
        if not keeps_place:
            await self.send_next(now)

    async def settle(
        self,
        job: Job,
        ticket: CallTicket,
        outcome: str,
        now: datetime,
        *,
        is_dead: bool = False,
        upstream_code: str | None = None,
    ) -> None:
        """Settle a call, as `Ledger.settle`; publish progress, or the end of the job with its last call."""
        settlement = await self._ledger.settle(ticket, outcome, now, is_dead=is_dead, upstream_code=upstream_code)
        await self.send_next(now)
        if not settlement.settled or settlement.status is None:
            return
        ended_as = settlement.status if settlement.status.ended else None
        if ended_as is None:
            await self._events.publish(job.account_id, "job.progress", {"job_id": job.id})
        else:
            await self._publish_end(job.account_id, job.id, ended_as)
        await self._metrics.note_settled(job.lane, outcome, ended_as)

    async def cancel(self, job: Job, now: datetime) -> Job:
        """Cancel a job; a job that has ended is unchanged. Returns the current job.

        Data that it has stored is kept; a pending response is not stored. Raises `NotFound`.
        """
        await self.cancel_all(job.account_id, [job.id], now)
        found = await self._jobs.load_job(job.id)
        if found is None:
            raise NotFound
        return found

    async def cancel_all(self, account_id: str, job_ids: Sequence[str], now: datetime) -> int:
        """Cancel jobs of an account. Returns the number of jobs that had not ended before."""
        cancelled = [job_id for job_id in job_ids if await self._ledger.cancel(job_id, now)]
        if cancelled:
            await self.send_next(now)
        for job_id in cancelled:
            await self._publish_end(account_id, job_id, JobStatus.CANCELLED)
        return len(cancelled)

    async def forget(self, job_ids: Sequence[str], now: datetime) -> list[str]:
        """Erase jobs with their calls, as `Ledger.forget`; no event is published. Returns those that had not ended."""
        under_way = await self._ledger.forget(job_ids)
        await self.send_next(now)
        return under_way

    async def publish_ends(self, now: datetime) -> None:
        """Publish the end of jobs whose process died before publishing it."""
        for job_id in await self._events.untold_jobs(now):
            job = await self._jobs.load_job(job_id)
            if job is None or not job.status.ended:
                await self._events.forget_end(job_id)
            else:
                await self._publish_end(job.account_id, job_id, job.status)

    async def _publish_end(self, account_id: str, job_id: str, status: JobStatus) -> None:
        await self._events.publish_end(account_id, job_id, f"job.{status}")
