"""The use case: take a call, fetch its days or its record, encrypt and store them, settle the call.

It holds the account's public key and cannot decrypt what it writes. If it crashes, the call is either settled or still
leased; another worker takes it when the lease expires.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from shared.core.calendar import ONE_DAY, DayRange, day_of
from shared.core.datasets import DATASETS, Dataset
from shared.core.errors import (
    AccountSuspended,
    AppError,
    BeforeActivation,
    BeyondHistory,
    CallAbandoned,
    NoSlotYet,
    ServiceUnavailable,
)
from shared.core.task_cancellation import cancel_all
from shared.jobs.ledger import OK, StartedCall
from shared.jobs.models import CallTicket, Job
from shared.observability.logging import get_logger
from shared.readings.models import Coverage, Gap, Reading, Reason
from shared.readings.planning import absence_of, brings_news, coverage_of, due_windows, window_name, windows_of
from shared.resources import Resources
from shared.storage.database import DATABASE_AWAY
from workers.consents.access_check import watch_consent
from workers.fetching.absences import Absence, failure_of, gaps_of_record, knowledge_of, save_absence
from workers.upstream.port import FetchRequest, Provider, RecordRequest

logger = get_logger(__name__)

# Errors that refuse a period because of its first days.
_REFUSED_STARTS: Mapping[type[AppError], Reason] = {
    BeforeActivation: Reason.BEFORE_ACTIVATION,
    BeyondHistory: Reason.BEYOND_HISTORY,
}
_STORE_PAUSE = timedelta(seconds=5)
_BACKOFF_SECONDS = (2.0, 10.0, 60.0, 300.0)


class Fetcher:
    """Executes calls, sequentially or concurrently."""

    def __init__(self, resources: Resources, providers: dict[str, Provider]) -> None:
        """Use the stores of ``resources`` and call ``providers``, by name."""
        self._resources = resources
        self._jobs = resources.job_service
        self._providers = providers
        self._lease_seconds = resources.settings.call_lease_seconds

    async def do_call(self, ticket: CallTicket) -> None:
        """Execute a call that the queue delivered; does nothing when another worker executes or has executed it."""
        started = await self._resources.ledger.start_call(ticket, _now(), self._lease_seconds)
        job = started and await self._resources.jobs.load_job(ticket.job_id)
        if not started or not job:
            return
        try:
            # Attempts that end are counted below; a higher count means that this call crashes its worker.
            if started.attempt > self._resources.settings.call_attempts:
                raise CallAbandoned
            async with self._kept_alive(ticket):
                is_done = await self._fetch(job, started)
        except NoSlotYet as error:
            # Another call would get no slot either: this one keeps its position, and the queue behind it keeps waiting.
            retry_at = error.retry_at or _now()
            await self._jobs.park(ticket, retry_at, _now(), counts_as_attempt=False, keeps_place=True)
        except DATABASE_AWAY:
            # Not caused by the call: no call is given up for an outage, however long it lasts.
            logger.warning("call put off", job_id=job.id, call=ticket.number, code=ServiceUnavailable.code)
            until = _now() + _STORE_PAUSE * random.uniform(1.0, 1.25)  # noqa: S311  # spreads load, guards no secret
            await self._jobs.park(ticket, until, _now(), counts_as_attempt=False, keeps_place=True)
        except AppError as error:
            if error.retryable and started.attempt < self._resources.settings.call_attempts:
                retry_at = max(error.retry_at or _now(), _now() + _backoff(started.attempt))
                logger.warning("call put off", job_id=job.id, call=ticket.number, code=error.code)
                await self._jobs.park(ticket, retry_at, _now(), counts_as_attempt=True)
                return
            await self._give_up(job, started, error)
            # No event for a suspended account: the operator who suspended it knows.
            is_dead = not isinstance(error, AccountSuspended)
            await self._jobs.settle(job, ticket, error.code, _now(), is_dead=is_dead, upstream_code=error.upstream_code)
        else:
            if is_done:
                await self._jobs.settle(job, ticket, OK, _now())
            else:
                await self._jobs.send_next(_now())

    async def _fetch(self, job: Job, started: StartedCall) -> bool:
        """Fetch the due days of a call; ``False`` when another call is fetching them and this one waits for it."""
        due = await self._due_windows(job, started.days, _now())
        if not due:
            return True
        dataset = DATASETS[job.dataset]
        names = [window_name(dataset, window.start) for window in due]
        if not await self._resources.ledger.claim(started.ticket, names, _now()):
            return False
        # Another call may have stored them between the check and the claim.
        due = await self._due_windows(job, started.days, _now())
        if due:
            await self._fetch_due(job, due)
        return True

    async def _fetch_due(self, job: Job, due: Sequence[DayRange]) -> None:
        resources, now = self._resources, _now()
        usage_point = await resources.usage_points.load_active(job.usage_point_id, now)
        dataset = DATASETS[job.dataset]
        against = usage_point.reason_against(dataset, now)
        if against is not None:
            await save_absence(resources, job, due, Absence(against), now)
            return
        public_key = await resources.accounts.load_public_key(job.account_id)
        fetch = self._fetch_series if dataset.is_series else self._fetch_record
        try:
            async with watch_consent(resources, usage_point):
                is_news = await fetch(job, usage_point.prm, due, public_key)
            if is_news:
                told = {"usage_point_id": usage_point.id, "dataset": dataset.name, "job_id": job.id}
                await resources.events.publish(job.account_id, "readings.updated", told)
        except AppError as error:
            absence = knowledge_of(error)
            if absence is None:
                raise
            if absence.is_of_dataset and await self._may_be_of_dataset(job, absence):
                await resources.usage_points.note_unavailable(usage_point.id, dataset.name, absence.reason, _now())
            await save_absence(resources, job, due, absence, _now())

    async def _may_be_of_dataset(self, job: Job, absence: Absence) -> bool:
        """Whether an absence of a whole dataset is plausible here. A record has no direction and no curve; and a
        direction with stored readings exists, whatever a single response states."""
        if not DATASETS[job.dataset].is_series:
            return False
        if absence.reason is not Reason.WRONG_DIRECTION:
            return True
        known = await self._resources.readings.load_all_coverage(job.series)
        return all(each.state == "absent" for each in known.values())

    async def _fetch_series(self, job: Job, prm: str, due: Sequence[DayRange], public_key: bytes) -> bool:
        """Whether it brought new data: readings of a day that was not completely stored."""
        dataset, is_news = DATASETS[job.dataset], False
        # Another job may have stored both ends of this call in the meantime: the remainder is often shorter.
        days = DayRange(due[0].start, due[-1].end)
        provider = self._providers[dataset.provider]
        first_day, reason = await self._remembered_start(job, due[0])
        request = FetchRequest(prm, dataset, DayRange(first_day, days.end), job.lane)
        try:
            readings = await provider.fetch_readings(request)
        except (BeforeActivation, BeyondHistory) as refusal:
            reason = _REFUSED_STARTS[type(refusal)]
            first_day, readings = await _fetch_from_first_day(provider, request)
        names = [window_name(dataset, window.start) for window in due]
        before = await self._resources.readings.load_coverage(job.series, names)
        for window in due:
            inside = [reading for reading in readings if window.start <= day_of(reading.start) < window.end]
            known = _known_from(dataset, window, first_day, reason, inside)
            if not await self._resources.readings.save_window(job, known, inside, public_key):
                # The job has ended, and its account may be gone: the rest of the response is discarded.
                return False
            is_news = is_news or brings_news(before.get(known.window), inside)
        return is_news

    async def _remembered_start(self, job: Job, window: DayRange) -> tuple[date, Reason]:
        """The first day of a window worth requesting; earlier days were refused before, for the returned reason."""
        name = window_name(DATASETS[job.dataset], window.start)
        known = (await self._resources.readings.load_coverage(job.series, [name])).get(name)
        for gap in known.gaps if known else ():
            if gap.start <= window.start < gap.end < window.end and gap.reason in _REFUSED_STARTS.values():
                return gap.end, gap.reason
        return window.start, Reason.BEFORE_ACTIVATION

    async def _fetch_record(self, job: Job, prm: str, due: Sequence[DayRange], public_key: bytes) -> bool:
        """Whether it was stored; workers cannot decrypt the previous version for comparison."""
        dataset = DATASETS[job.dataset]
        record = await self._providers[dataset.provider].fetch_record(RecordRequest(prm, dataset, job.lane))
        (window,), now = due, _now()
        gaps = gaps_of_record(record, window, now)
        known = Coverage(window_name(dataset, window.start), now, window.start, window.end, gaps)
        return await self._resources.readings.save_record(job, known, record, public_key)

    async def _due_windows(self, job: Job, days: DayRange, now: datetime) -> list[DayRange]:
        """The windows of a call that no other call has stored since it was planned."""
        dataset = DATASETS[job.dataset]
        names = [window_name(dataset, window.start) for window in windows_of(dataset, days)]
        return due_windows(dataset, days, await self._resources.readings.load_coverage(job.series, names), now)

    async def _give_up(self, job: Job, started: StartedCall, error: AppError) -> None:
        """Record why the days of a call are missing; stored data is kept."""
        now = _now()
        logger.error(
            "call given up",
            job_id=job.id,
            call=started.ticket.number,
            code=error.code,
            upstream_code=error.upstream_code,
            attempts=started.attempt,
        )
        # Suspension carries no information about the days: they are requested again when it ends.
        if not isinstance(error, AccountSuspended):
            due = await self._due_windows(job, started.days, now)
            await save_absence(self._resources, job, due, failure_of(error), now)

    @asynccontextmanager
    async def _kept_alive(self, ticket: CallTicket) -> AsyncIterator[None]:
        """Renew the lease while working, so that no other worker takes the call."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._lease_seconds / 3)
                await self._resources.ledger.renew(ticket, _now(), self._lease_seconds)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            # A renewal in flight must not arrive after the call was settled or parked.
            await cancel_all(renewing)


async def _fetch_from_first_day(provider: Provider, request: FetchRequest) -> tuple[date, Sequence[Reading]]:
    """Enedis refuses a whole period when one day precedes the point's activation, without naming that day: bisect the
    period to find it. Returns the first accepted day (the period's end if none) and the readings.
    """
    readings: Sequence[Reading] = []
    refused, answered = request.days.start, request.days.end
    while answered - refused > ONE_DAY:
        middle = refused + (answered - refused) // 2
        try:
            readings = await provider.fetch_readings(replace(request, days=DayRange(middle, request.days.end)))
            answered = middle
        except (BeforeActivation, BeyondHistory):
            refused = middle
    return answered, readings


def _known_from(
    dataset: Dataset, window: DayRange, first_day: date, reason: Reason, readings: Sequence[Reading]
) -> Coverage:
    """Coverage of a window by a response that begins at ``first_day``; earlier days are missing for ``reason``."""
    answered = window.clipped(first_day, window.end)
    if answered is None:
        return absence_of(dataset, window, reason, _now())
    known = coverage_of(dataset, answered, readings, _now())
    if answered.start == window.start:
        return known
    before = Gap(window.start, answered.start, reason)
    return replace(known, since=window.start, gaps=(before, *known.gaps))


def _backoff(attempt: int) -> timedelta:
    seconds = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS)) - 1]
    # Jitter: calls that failed together must not be retried together.
    return timedelta(seconds=seconds * random.uniform(1.0, 1.25))  # noqa: S311  # spreads load, guards no secret


def _now() -> datetime:
    return datetime.now(UTC)
