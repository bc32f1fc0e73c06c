"""The nightly plan: for every usage point that may be asked for, a bulk job for what is missing up to yesterday.

Personal data that nobody asked for is not fetched: the catalogue says what the plan may begin by itself.
It plans and enqueues; fetching is the calls' affair. A second run finds the days stored, or its calls find them so.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime

from shared.catalog import DATASETS, Dataset
from shared.consents import UsagePoint
from shared.derivation import whole_days
from shared.errors import NotFound
from shared.models import DayRange, Job, Lane, Series
from shared.planning import plan_calls, refresh_windows
from shared.resources import Resources
from shared.telemetry import current_trace_context, get_logger, linked_trace
from shared.vault import CannotOpen

logger = get_logger(__name__)

# Long enough to plan for many thousands of points; a plan that takes longer may run beside the next one without harm.
_PLAN_SECONDS = 3600


async def refresh(resources: Resources) -> int:
    """Plan the refresh of every usage point with an active consent. Returns how many jobs were made.

    Of two runs at the same time one does nothing.
    """
    async with resources.jobs.alone("refresh", _PLAN_SECONDS) as is_alone:
        if not is_alone:
            return 0
        made = 0
        async for usage_point in _active_usage_points(resources):
            for dataset in DATASETS.values():
                if dataset.available and usage_point.reason_against(dataset, datetime.now(UTC)) is None:
                    made += await _refresh_dataset(resources, usage_point, dataset) is not None
        logger.info("refresh planned", jobs=made)
        return made


async def _active_usage_points(resources: Resources) -> AsyncIterator[UsagePoint]:
    after = ""
    while page := await resources.consents.active_usage_point_ids(datetime.now(UTC), after):
        for usage_point_id in page:
            try:
                usage_point = await resources.consents.load_usage_point(usage_point_id)
            except (NotFound, CannotOpen):
                # Erased meanwhile, or closed with a secret key that is lost: the plan of the others goes on.
                logger.error("usage point not planned", usage_point_id=usage_point_id)
                continue
            yield usage_point
        after = page[-1]


async def _refresh_dataset(resources: Resources, usage_point: UsagePoint, dataset: Dataset) -> Job | None:
    now = datetime.now(UTC)
    series = Series(usage_point.account_id, usage_point.id, dataset.name)
    coverage = await resources.readings.load_all_coverage(series)
    missing = refresh_windows(dataset, coverage, now, await _derived_days(resources, series, dataset))
    if not missing:
        return None
    with linked_trace("refresh dataset", {"releve.dataset": dataset.name}):
        days = DayRange(missing[0].start, missing[-1].end)
        calls = plan_calls(dataset, missing)
        job = await resources.jobs.create_job(series, days, Lane.BULK, calls, current_trace_context(), now)
        for ticket in await resources.ledger.send_next(job.id, now):
            await resources.broker.enqueue_call(ticket, job.lane, job.trace_context)
    return job


async def _derived_days(resources: Resources, series: Series, dataset: Dataset) -> frozenset[date]:
    if dataset.derived_from is None:
        return frozenset()
    return whole_days(await resources.readings.load_all_coverage(replace(series, dataset=dataset.derived_from)))
