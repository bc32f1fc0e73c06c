"""The nightly refresh plan: a bulk job per usage point with a valid consent, for data missing up to yesterday.

Personal data is not fetched without a request: the catalogue defines which datasets the plan may start. The plan only
creates and enqueues jobs; calls do the fetching. An interrupted plan resumes where it stopped, and a series with an
unfinished job of an earlier wave is not planned again: a backlog must not grow with each wave.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange, day_of
from shared.core.datasets import DATASETS, Dataset, Series
from shared.core.errors import NotFound
from shared.jobs.models import Job, Lane
from shared.jobs.task_queue import Cause
from shared.observability.logging import get_logger
from shared.observability.tracing import current_trace_context, linked_trace
from shared.readings.daily_from_curve import whole_days
from shared.readings.models import Coverage
from shared.readings.planning import plan_calls, refresh_windows
from shared.refresh.cadence import days_to_come, is_collected, is_dormant, is_due_today, pause_days
from shared.refresh.wave_schedule import due_wave
from shared.refresh.waves import Wave, time_of_first_wave
from shared.resources import Resources

logger = get_logger(__name__)


async def refresh(resources: Resources, cause: Cause = Cause.BY_HAND) -> int:
    """Plan a wave: every usage point with an active consent. Returns the number of jobs created.

    Of two concurrent planners, one does nothing.
    """
    planner = await resources.refreshes.claim_plan()
    if planner is None:
        return 0
    try:
        wave = await _wave_to_plan(resources, cause)
        return 0 if wave is None else await _plan(resources, planner, wave)
    finally:
        await resources.refreshes.release_plan(planner)


async def _wave_to_plan(resources: Resources, cause: Cause) -> Wave | None:
    """The wave that is to begin, or else the newest one if its plan was interrupted."""
    now = datetime.now(UTC)
    begins = None
    if cause is Cause.SCHEDULE:
        begins = due_wave(now, time_of_first_wave(resources.settings, resources.server))
    newest = await resources.refreshes.load_newest()
    broken_off = newest if newest is not None and newest.planned_at is None else None
    if cause is Cause.BY_HAND and broken_off is None:
        begins = f"{day_of(now)}/by-hand-{secrets.token_hex(3)}"
    if begins is not None and await resources.refreshes.begin_wave(begins, now, by_hand=cause is Cause.BY_HAND):
        newest = await resources.refreshes.load_newest()
        if newest is not None and newest.left_by_earlier:
            logger.warning("refresh begins before the last one has ended", wave=begins, left=newest.left_by_earlier)
        return newest
    if broken_off is not None:
        logger.warning("refresh resumed", wave=broken_off.id, points=broken_off.points)
    return broken_off


async def _plan(resources: Resources, planner: str, wave: Wave) -> int:
    made = 0
    async for page in _usage_points_in_turn(resources, wave):
        points = await resources.usage_points.load_many(page)
        for usage_point_id in page:
            jobs, waiting = list[Job](), 0
            if usage_point_id in points:
                jobs, waiting = await _plan_point(resources, points[usage_point_id])
            else:
                # Erased in the meantime, or encrypted with a lost secret key: planning continues with the others.
                logger.error("usage point not planned", usage_point_id=usage_point_id)
            made += len(jobs)
            if not await resources.refreshes.note_point(planner, wave.id, usage_point_id, jobs, waiting):
                logger.warning("refresh left to another planner", wave=wave.id)
                return made
    await resources.refreshes.note_planned(wave.id, datetime.now(UTC))
    logger.info("refresh planned", wave=wave.id, jobs=made)
    return made


async def _usage_points_in_turn(resources: Resources, wave: Wave) -> AsyncIterator[list[str]]:
    """The usage points that the wave has not planned yet, in batches. Each wave starts at another id, so that no usage
    point is always last: ids are random, and the wave goes through them in order and wraps around."""
    begin = f"up_{hashlib.sha256(wave.id.encode()).hexdigest()[:24]}"
    is_second_lap = wave.cursor and wave.cursor <= begin
    laps = [(wave.cursor, begin)] if is_second_lap else [(wave.cursor or begin, None), ("", begin)]
    for after, end in laps:
        while page := await resources.usage_points.active_ids(datetime.now(UTC), after):
            inside = [each for each in page if end is None or each <= end]
            yield inside
            if len(inside) < len(page):
                break
            after = page[-1]  # noqa: PLW2901  # the next page


async def _plan_point(resources: Resources, usage_point: UsagePoint) -> tuple[list[Job], int]:
    """The jobs that a usage point needs, and the number of its series with an unfinished job."""
    now, dormant_after_days = datetime.now(UTC), resources.settings.dormant_after_days
    wanted = {dataset.name: dataset for dataset in DATASETS.values() if _is_wanted(usage_point, dataset, now)}
    # Includes curves that are not refreshed: their fetched parts yield daily values as well.
    names = {*wanted, *(dataset.derived_from for dataset in wanted.values() if dataset.derived_from)}
    series = {name: Series(usage_point.account_id, usage_point.id, name) for name in sorted(names)}
    coverage = dict(zip(series, await resources.readings.load_coverages(list(series.values())), strict=True))
    missing = {
        name: windows
        for name, dataset in wanted.items()
        if (windows := _missing(usage_point, dataset, wanted, coverage, now, dormant_after_days))
    }
    under_way = await resources.refreshes.find_under_way([series[name] for name in missing])
    jobs = [
        await _create_job(resources, series[name], wanted[name], windows, now)
        for name, windows in missing.items()
        if series[name] not in under_way
    ]
    if jobs:
        await resources.job_service.send_next(now)
    return [job for job in jobs if job is not None], len(under_way)


def _is_wanted(usage_point: UsagePoint, dataset: Dataset, now: datetime) -> bool:
    if not dataset.available or not usage_point.is_refreshed(dataset):
        return False
    return usage_point.reason_against(dataset, now) is None


def _missing(
    usage_point: UsagePoint,
    dataset: Dataset,
    wanted: Collection[str],
    known: Mapping[str, Mapping[str, Coverage]],
    now: datetime,
    dormant_after_days: int,
) -> list[DayRange]:
    """The windows of a dataset to fetch. ``wanted``: refreshed datasets; ``known``: coverage per dataset."""
    coverage, curve = known[dataset.name], known[dataset.derived_from] if dataset.derived_from else {}
    # Whether the curve that a series is, or is derived from, is refreshed and worthwhile.
    collected = (
        dataset.derived_from in wanted and is_collected(curve) if dataset.derived_from else is_collected(coverage)
    )
    if dataset.is_series:
        dormant = is_dormant(usage_point.used_on, now, dormant_after_days)
        pause = pause_days(dataset, collected=collected, dormant=dormant)
        if not is_due_today(dataset, usage_point.id, coverage, now, pause):
            return []
    if usage_point.refresh_datasets is not None:
        # Selected explicitly by its owner: never fetched without a request, whatever the dataset.
        dataset = replace(dataset, fetched_unasked=True)
    derived = whole_days(curve) | days_to_come(dataset, curve, now, collected=collected)
    return refresh_windows(dataset, coverage, now, derived)


async def _create_job(
    resources: Resources, series: Series, dataset: Dataset, missing: list[DayRange], now: datetime
) -> Job | None:
    with linked_trace("refresh dataset", {"releve.dataset": dataset.name}):
        days = DayRange(missing[0].start, missing[-1].end)
        calls = plan_calls(dataset, missing)
        try:
            return await resources.jobs.create_job(series, days, Lane.BULK, calls, current_trace_context(), now)
        except NotFound:
            # Erased since the lookup: planning continues with the others.
            return None
