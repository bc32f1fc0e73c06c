"""The nightly plan: for every usage point that may be asked for, a bulk job for what is missing up to yesterday.

Personal data that nobody asked for is not fetched: the catalogue says what the plan may begin by itself.
It plans and enqueues; fetching is the calls' affair. A second run finds the days stored, or its calls find them so.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from shared.catalog import DATASETS, Dataset
from shared.consents import UsagePoint
from shared.derivation import whole_days
from shared.errors import NotFound
from shared.models import Coverage, DayRange, Job, Lane, Series
from shared.planning import plan_calls, refresh_windows
from shared.refreshing import days_to_come, is_collected, is_dormant, is_due_today, pause_days
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
                if _is_wanted(usage_point, dataset):
                    made += await _refresh_dataset(resources, usage_point, dataset) is not None
        logger.info("refresh planned", jobs=made)
        return made


def _is_wanted(usage_point: UsagePoint, dataset: Dataset) -> bool:
    if not dataset.available or not usage_point.is_refreshed(dataset):
        return False
    return usage_point.reason_against(dataset, datetime.now(UTC)) is None


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
    curve = await _curve_of(resources, series, dataset)
    collected = _is_collected(usage_point, dataset, coverage, curve)
    if dataset.is_series:
        dormant = is_dormant(usage_point.used_on, now, resources.settings.dormant_after_days)
        pause = pause_days(dataset, collected=collected, dormant=dormant)
        if not is_due_today(dataset, usage_point.id, coverage, now, pause):
            return None
    if usage_point.refresh_datasets is not None:
        # Named by its owner: then it is not fetched unasked, whatever it is.
        dataset = replace(dataset, fetched_unasked=True)
    derived = whole_days(curve) | days_to_come(dataset, curve, now, collected=collected)
    missing = refresh_windows(dataset, coverage, now, derived)
    if not missing:
        return None
    with linked_trace("refresh dataset", {"releve.dataset": dataset.name}):
        days = DayRange(missing[0].start, missing[-1].end)
        calls = plan_calls(dataset, missing)
        try:
            job = await resources.jobs.create_job(series, days, Lane.BULK, calls, current_trace_context(), now)
        except NotFound:
            # Erased since it was looked up: the plan of the others goes on.
            return None
        for ticket in await resources.ledger.send_next(job.id, now):
            await resources.broker.enqueue_call(ticket, job.lane, job.trace_context)
    return job


def _is_collected(
    usage_point: UsagePoint, dataset: Dataset, coverage: Mapping[str, Coverage], curve: Mapping[str, Coverage]
) -> bool:
    """Whether the curve that a series is, or is given by, is looked after and worth it."""
    if dataset.derived_from is None:
        return is_collected(coverage)
    return _is_wanted(usage_point, DATASETS[dataset.derived_from]) and is_collected(curve)


async def _curve_of(resources: Resources, series: Series, dataset: Dataset) -> Mapping[str, Coverage]:
    """What is known of the curve that gives a series its days, if one does."""
    if dataset.derived_from is None:
        return {}
    return await resources.readings.load_all_coverage(replace(series, dataset=dataset.derived_from))
