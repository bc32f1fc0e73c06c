"""Having what is missing fetched by who reads it. Whatever becomes of that, what is stored is answered with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.jobs.documents import await_end, job_path, pause_headers
from api.jobs.submission import check_right, submit_job
from shared.accounts.store import Account
from shared.consents.store import UsagePoint
from shared.core.calendar import DayRange, day_of
from shared.core.datasets import Dataset
from shared.core.errors import AppError
from shared.jobs.models import Job
from shared.readings.planning import current_days, history_start
from shared.resources import Resources


@dataclass(frozen=True, slots=True)
class Fetch:
    """What became of it: a job, or why there is none."""

    job: Job | None = None
    refusal: AppError | None = None

    @property
    def document(self) -> Mapping[str, Any]:
        """What `FetchDocument` describes."""
        if self.job is not None:
            return {"status": self.job.status, "code": None, "detail": None, "links": {"job": job_path(self.job.id)}}
        if self.refusal is not None:
            return {"status": "refused", "code": self.refusal.code, "detail": self.refusal.detail, "links": {}}
        return {"status": "not_needed", "code": None, "detail": None, "links": {}}

    @property
    def headers(self) -> dict[str, str]:
        """The same for who can't read the document."""
        if self.job is not None:
            location = {"Location": job_path(self.job.id), "X-Fetch-Status": str(self.job.status)}
            return location | pause_headers(self.job)
        return {"X-Fetch-Status": "not_needed" if self.refusal is None else self.refusal.code}


async def fetch_missing(
    parts: Resources,
    account: Account,
    usage_point: UsagePoint,
    dataset: Dataset,
    days: DayRange | None,
    wait_seconds: int,
    now: datetime,
) -> Fetch:
    """A job for those of the days that the provider can have, waited for; of a record for the present one."""
    wanted = current_days(now) if days is None else days.clipped(history_start(dataset, now), day_of(now))
    if wanted is None:
        return Fetch()
    try:
        check_right(usage_point, dataset, now)
        job, _ = await submit_job(parts, account, usage_point, dataset, wanted, now)
    except AppError as refusal:
        return Fetch(refusal=refusal)
    if wait_seconds:
        job = await await_end(parts, job, wait_seconds)
    return Fetch(job)
