"""Job submission: validate the request, plan the fewest calls, store the job, enqueue its calls.

Independent of HTTP, so that every API that submits jobs does it in the same way.
"""

from datetime import date, datetime

from api.http.rate_limit_headers import count_request
from shared.accounts.daily_quota import Quota, Usage
from shared.accounts.store import Account
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange, day_of
from shared.core.datasets import Dataset, Series
from shared.core.errors import (
    ConsentMissing,
    CurveNotCollected,
    DatasetNotAvailable,
    FieldError,
    OutOfHistory,
    ProviderDown,
    ValidationFailed,
    WrongDirection,
)
from shared.jobs.models import Job, Lane
from shared.observability.tracing import current_trace_context
from shared.readings.models import Reason
from shared.readings.planning import current_days, history_start, missing_windows, plan_calls
from shared.resources import Resources


def check_period(dataset: Dataset, start: date | None, end: date | None, now: datetime) -> DayRange:
    """The requested days, if the provider may have data for them; for a record, which has no period, today.

    Raises `DatasetNotAvailable`, `ValidationFailed` or `OutOfHistory`.
    """
    if not dataset.available:
        raise DatasetNotAvailable(errors=[FieldError("/dataset", DatasetNotAvailable.title())])
    given = {"/start": start, "/end": end}
    if not dataset.is_series:
        surplus = [pointer for pointer, day in given.items() if day is not None]
        if surplus:
            raise ValidationFailed(errors=[FieldError(each, "A record does not take a period.") for each in surplus])
        return current_days(now)
    if start is None or end is None:
        lacking = [pointer for pointer, day in given.items() if day is None]
        raise ValidationFailed(errors=[FieldError(each, "A time series requires a period.") for each in lacking])
    if end <= start:
        raise ValidationFailed(errors=[FieldError("/end", "The end must be after the start; it is not included.")])
    if end > day_of(now):
        raise ValidationFailed(
            errors=[FieldError("/end", "The end is in the future. The latest end is today, which is not included.")]
        )
    oldest = history_start(dataset, now)
    if start < oldest:
        detail = f"The provider keeps this dataset from {oldest}."
        raise OutOfHistory(detail, errors=[FieldError("/start", detail)])
    return DayRange(start, end)


def check_right(usage_point: UsagePoint, dataset: Dataset, now: datetime) -> None:
    """Check that the consent is active, and that the provider offers this dataset for this usage point.

    Raises `ConsentMissing`, `WrongDirection` or `DatasetNotAvailable`.
    """
    if not usage_point.consent.is_active(now):
        raise ConsentMissing
    match usage_point.reason_against(dataset, now):
        case None:
            return
        case Reason.WRONG_DIRECTION:
            raise WrongDirection(errors=[FieldError("/dataset", WrongDirection.title())])
        case _:
            detail = f"The provider does not collect this dataset for this usage point: {CurveNotCollected.title()}"
            raise DatasetNotAvailable(detail, errors=[FieldError("/dataset", detail)])


async def submit_job(
    resources: Resources, account: Account, usage_point: UsagePoint, dataset: Dataset, days: DayRange, now: datetime
) -> tuple[Job, Usage]:
    """Create a job for the days that are not stored yet and enqueue its first calls. Also returns the usage of the
    quota that the request counts against: `fetch`, or `read` if nothing has to be fetched. Raises `QuotaExceeded`, and
    `ProviderDown` before the request is counted.
    """
    series = Series(usage_point.account_id, usage_point.id, dataset.name)
    stock = await resources.readings.load_stock(series, days)
    calls = plan_calls(dataset, missing_windows(dataset, days, stock.coverage, now, stock.derived))
    if calls:
        await _refuse_while_down(resources, dataset)
    usage = await count_request(resources, account, Quota.FETCH if calls else Quota.READ, now)
    await resources.usage_points.note_read(usage_point, day_of(now))
    job = await resources.job_service.submit(series, days, Lane.INTERACTIVE, calls, current_trace_context(), now)
    return job, usage


async def _refuse_while_down(resources: Resources, dataset: Dataset) -> None:
    until = await resources.quota_status.down_until(dataset.provider, dataset.apis)
    if until is not None:
        links = {"readings": f"/v1/usage-points/{{usage_point_id}}/readings/{dataset.name}"}
        raise ProviderDown(retry_at=until, links=links)
