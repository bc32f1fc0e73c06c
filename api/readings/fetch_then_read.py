"""Fetch missing data before a read: create a job for days or a record that are not stored yet, and wait for it.

`fetch_missing` reports the result of the fetch, for /v1, which returns the stored data in any case. `fetch_then_read`
is for the APIs of other gateways, which have no jobs: a response is complete as far as the provider has the data, or it
contains the previously stored data if the provider cannot be called. While a job is in progress no data is returned,
because it would look complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from api.http.rate_limit_headers import count_request
from api.jobs.documents import await_end, job_path, pause_headers
from api.jobs.submission import check_right, submit_job
from api.readings.stored import StoredDays, load_stored_days
from shared.accounts.api_keys import Scope
from shared.accounts.daily_quota import Quota
from shared.accounts.store import Caller
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange, day_of
from shared.core.datasets import Dataset
from shared.core.errors import AppError, ConsentLost, DatasetNotAvailable, NotFound, ProviderUnavailable, StillFetching
from shared.jobs.models import Job, Lane
from shared.readings.models import UNDER_CONSENT, Reason
from shared.readings.planning import current_days, history_start, missing_windows
from shared.resources import Resources

_ASK_AGAIN_SECONDS = 5
# An older job is not searched for among thousands: a new job shares its calls anyway.
_LOOKED_BACK = timedelta(days=1)
# Days whose call failed, or that a cancelled job did not reach.
_PASSING = frozenset({Reason.PROVIDER_ERROR, Reason.NOT_FETCHED})


@dataclass(frozen=True, slots=True)
class Fetch:
    """The result of a fetch: a job, or the reason why there is none."""

    job: Job | None = None
    refusal: AppError | None = None

    @property
    def document(self) -> Mapping[str, Any]:
        """The content of `FetchDocument`."""
        if self.job is not None:
            return {"status": self.job.status, "code": None, "detail": None, "links": {"job": job_path(self.job.id)}}
        if self.refusal is not None:
            return {"status": "refused", "code": self.refusal.code, "detail": self.refusal.detail, "links": {}}
        return {"status": "not_needed", "code": None, "detail": None, "links": {}}

    @property
    def headers(self) -> dict[str, str]:
        """The same as headers, for formats without the document."""
        if self.job is not None:
            location = {"Location": job_path(self.job.id), "X-Fetch-Status": str(self.job.status)}
            return location | pause_headers(self.job)
        return {"X-Fetch-Status": "not_needed" if self.refusal is None else self.refusal.code}


async def fetch_missing(
    resources: Resources,
    caller: Caller,
    usage_point: UsagePoint,
    dataset: Dataset,
    days: DayRange | None,
    wait_seconds: float,
    now: datetime,
) -> Fetch:
    """Create a job for the days that the provider may have, or for a record, and wait for it.

    An error that prevents the fetch is not raised but returned as `Fetch.refusal`.
    """
    wanted = _fetchable_days(dataset, days, now)
    if wanted is None:
        return Fetch()
    try:
        caller.require(Scope.FETCH)
        check_right(usage_point, dataset, now)
        job, _ = await submit_job(resources, caller.account, usage_point, dataset, wanted, now)
    except AppError as refusal:
        return Fetch(refusal=refusal)
    return Fetch(await await_end(resources, job, wait_seconds) if wait_seconds else job)


async def fetch_then_read(
    resources: Resources,
    caller: Caller,
    usage_point: UsagePoint,
    dataset: Dataset,
    days: DayRange | None,
    now: datetime,
) -> StoredDays:
    """The stored state of these days, none of them after today, or of a record (``days`` is ``None``), after fetching
    the missing data if possible. Counts as one request: `fetch` if a fetch has to be started, `read` otherwise.

    Raises `Forbidden`; `StillFetching` if the fetch takes longer than the wait (a retry joins the same job); and the
    errors of `check_right` and `submit_job` if there is no stored data to return instead.
    """
    caller.require(Scope.READ)
    known = await load_stored_days(resources, usage_point, dataset, days, now)
    wanted = _fetchable_days(dataset, days, now)
    if known.cache_status == "hit" or wanted is None:
        await _note_read(resources, caller, usage_point, now)
        return known
    wait_seconds = resources.settings.compat_wait_seconds
    job = await _running_job(resources, caller, known, wanted, now)
    if job is not None:
        await _note_read(resources, caller, usage_point, now)
        fetch = Fetch(await await_end(resources, job, wait_seconds))
    else:
        fetch = await fetch_missing(resources, caller, usage_point, dataset, days, wait_seconds, now)
    if fetch.refusal is not None:
        if not is_anything_stored(known):
            raise fetch.refusal
        await _note_read(resources, caller, usage_point, now)
        return known
    if fetch.job is not None and not fetch.job.status.ended:
        raise StillFetching(retry_at=now + timedelta(seconds=_ASK_AGAIN_SECONDS))
    return await load_stored_days(resources, usage_point, dataset, days, now)


def is_anything_stored(known: StoredDays) -> bool:
    """Whether any reading of these days, or the record, is stored."""
    if not known.dataset.is_series:
        # A record that is incomplete, or could not be fetched again, is stored all the same.
        return bool(known.stock.coverage) and all(gap.partial for gap in known.gaps)
    return any(gap.partial for gap in known.gaps) or known.missing_days < known.days.days


def why_nothing(known: StoredDays) -> AppError:
    """The error to return if nothing is stored. Data that may follow is not a `NotFound`, which would read as final."""
    reasons = {gap.reason for gap in known.gaps}
    if reasons & _PASSING:
        again = [gap.ask_again_at for gap in known.gaps if gap.reason in _PASSING and gap.ask_again_at is not None]
        return ProviderUnavailable(retry_at=min(again, default=None))
    if Reason.CONSENT_LOST in reasons:
        return ConsentLost()
    return DatasetNotAvailable() if reasons & UNDER_CONSENT else NotFound()


def _fetchable_days(dataset: Dataset, days: DayRange | None, now: datetime) -> DayRange | None:
    """The days that a job may request: today for a record, the days that the provider may have for a time series."""
    return current_days(now) if days is None else days.clipped(history_start(dataset, now), day_of(now))


async def _note_read(resources: Resources, caller: Caller, usage_point: UsagePoint, now: datetime) -> None:
    await count_request(resources, caller.account, Quota.READ, now)
    await resources.usage_points.note_read(usage_point, day_of(now))


async def _running_job(
    resources: Resources, caller: Caller, known: StoredDays, wanted: DayRange, now: datetime
) -> Job | None:
    """The job that already fetches all of this, so that a retry after a timeout does not start a new one."""
    missing = missing_windows(known.dataset, wanted, known.stock.coverage, now, known.stock.derived)
    if not missing:
        return None
    first, last = missing[0].start, missing[-1].end

    def fetches_it(job: Job) -> bool:
        return (
            not job.status.ended
            # The nightly refresh may take hours; a waiting client goes before it.
            and job.lane is Lane.INTERACTIVE
            and job.series == known.series
            and (
                not known.dataset.is_series
                or (job.start <= max(first, wanted.start) and job.end >= min(last, wanted.end))
            )
        )

    page = await resources.job_list.load_page(caller.account.id, 1, wanted=fetches_it, created_from=now - _LOOKED_BACK)
    return page.jobs[0] if page.jobs else None
