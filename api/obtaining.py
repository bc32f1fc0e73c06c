"""Stored readings or a record as somebody gets them who knows of no jobs: what is missing is fetched first, waited for,
and then everything is answered with at once.

For the contracts of other gateways. An answer is whole as far as the provider has it, or it is what was stored
before when the provider can't be asked; while a job goes on there is no answer, because it would look whole.
"""

from datetime import datetime, timedelta

from api.job_documents import find_job
from api.limits import count_request
from api.stored_readings import Known, load_known
from api.submission import check_right, submit_job
from api.waiting import wait_until
from shared.accounts import Caller
from shared.api_keys import Scope
from shared.calendar import day_of
from shared.catalog import Dataset
from shared.consents import UsagePoint
from shared.errors import AppError, StillFetching
from shared.models import DayRange, Job
from shared.planning import current_days, history_start, missing_windows
from shared.quotas import Quota
from shared.resources import Resources

_ASK_AGAIN_SECONDS = 5


async def obtain(
    parts: Resources, caller: Caller, usage_point: UsagePoint, dataset: Dataset, days: DayRange | None, now: datetime
) -> Known:
    """What is known of these days, none of them after today, or of a record (``days`` is ``None``), once it was
    fetched as far as can be. Counted as one request: of fetching when something has to be, else of reading.

    Raises `StillFetching` when that takes longer than is waited; what `submit_job` and `check_right` do when nothing
    is stored to answer with instead; and `Forbidden`.
    """
    caller.require(Scope.READ)
    known = await load_known(parts, usage_point, dataset, days, now)
    wanted = current_days(now) if days is None else days.clipped(history_start(dataset, now), day_of(now))
    if known.cache_status == "hit" or wanted is None:
        await _note_read(parts, caller, usage_point, now)
        return known
    try:
        job = await _running_job(parts, caller, known, wanted, now)
        if job is None:
            caller.require(Scope.FETCH)
            check_right(usage_point, dataset, now)
            job, _ = await submit_job(parts, caller.account, usage_point, dataset, wanted, now)
    except AppError:
        if not is_anything_stored(known):
            raise
        await _note_read(parts, caller, usage_point, now)
        return known
    job = await _wait_for(parts, caller, job)
    if not job.status.ended:
        raise StillFetching(retry_at=now + timedelta(seconds=_ASK_AGAIN_SECONDS))
    return await load_known(parts, usage_point, dataset, days, now)


def is_anything_stored(known: Known) -> bool:
    """Whether there is any reading in these days, or a record."""
    if not known.dataset.is_series:
        return bool(known.coverage) and not known.gaps
    return any(gap.partial for gap in known.gaps) or known.missing_days < known.days.days


async def _note_read(parts: Resources, caller: Caller, usage_point: UsagePoint, now: datetime) -> None:
    await count_request(parts, caller.account, Quota.READ, now)
    await parts.consents.note_read(usage_point, day_of(now))


async def _running_job(parts: Resources, caller: Caller, known: Known, wanted: DayRange, now: datetime) -> Job | None:
    """The job that fetches all of this already: whoever tries again after a wait asks for nothing new."""
    missing = missing_windows(known.dataset, wanted, known.coverage, now, known.derived)
    if not missing:
        return None
    first, last = missing[0].start, missing[-1].end

    def fetches_it(job: Job) -> bool:
        return (
            not job.status.ended
            and job.series == known.series
            and (
                not known.dataset.is_series
                or (job.start <= max(first, wanted.start) and job.end >= min(last, wanted.end))
            )
        )

    page = await parts.job_list.load_page(caller.account.id, 1, wanted=fetches_it)
    return page.jobs[0] if page.jobs else None


async def _wait_for(parts: Resources, caller: Caller, job: Job) -> Job:
    return await wait_until(
        is_over=lambda each: each.status.ended,
        load=lambda: find_job(parts, job.id, caller.account.id),
        listening=parts.listening,
        account_id=caller.account.id,
        concerns=lambda event: event.type != "job.progress" and event.data.get("job_id") == job.id,
        wait_seconds=parts.settings.compat_wait_seconds,
    )
