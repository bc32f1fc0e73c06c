"""Why days are missing: derived from provider errors and recorded. Stored readings are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.core.errors import (
    AppError,
    BeforeActivation,
    BeyondHistory,
    ConsentLost,
    ConsentMissing,
    CurveNotCollected,
    NoMeasure,
    NotFound,
    ProviderWrongDirection,
)
from shared.jobs.models import Job
from shared.readings.models import Gap, Reason
from shared.readings.planning import absence_of, coverage_of, current_days, window_name
from shared.resources import Resources


@dataclass(frozen=True, slots=True)
class Absence:
    """Why data is missing, and the delay after which a retry is worthwhile (``None``: never)."""

    reason: Reason
    pause: timedelta | None = None

    @property
    def is_of_dataset(self) -> bool:
        """Whether it applies to every day of the dataset, not only to the requested ones."""
        return self.reason in (Reason.WRONG_DIRECTION, Reason.CURVE_NOT_COLLECTED)


# Errors that carry information about the requested data: the call itself succeeded.
_KNOWLEDGE: Mapping[type[AppError], Absence] = {
    BeforeActivation: Absence(Reason.BEFORE_ACTIVATION),
    BeyondHistory: Absence(Reason.BEYOND_HISTORY),
    CurveNotCollected: Absence(Reason.CURVE_NOT_COLLECTED),
    ProviderWrongDirection: Absence(Reason.WRONG_DIRECTION),
    NoMeasure: Absence(Reason.NO_MEASURE, timedelta(days=1)),
}
# Enedis has refused valid consents in bulk: one refusal is not final, and a retry the next morning is soon enough. A
# little less than a day, or the next refresh would come just before it is due.
_NO_RIGHT = Absence(Reason.CONSENT_LOST, timedelta(hours=20))
_FAILURE_PAUSE = timedelta(hours=1)
_FAILURE = Absence(Reason.PROVIDER_ERROR, _FAILURE_PAUSE)
# For a record with one part unavailable: after an operator subscribes to an API, the record must not stay incomplete
# for a month.
_LACKS_OF_RECORDS = {"provider_error": _FAILURE_PAUSE, "api_not_subscribed": timedelta(days=7)}
# A stored record that the provider now reports as missing.
_RENEWAL_PAUSE = timedelta(days=30)


def knowledge_of(error: AppError) -> Absence | None:
    """What an error reveals about the requested data; ``None`` when it only means that the call failed."""
    return _KNOWLEDGE.get(type(error))


def failure_of(error: AppError) -> Absence:
    """What is known about the days of a call that failed permanently."""
    return _NO_RIGHT if isinstance(error, (ConsentLost, ConsentMissing, NotFound)) else _FAILURE


def gaps_of_record(record: Mapping[str, Any], days: DayRange, now: datetime) -> tuple[Gap, ...]:
    """Missing parts of a record that a retry may bring: the record is stored, and due again before it is stale."""
    absent = record.get("absent")
    lacks = set(absent.values()) if isinstance(absent, Mapping) else set()
    pauses = [pause for lack, pause in _LACKS_OF_RECORDS.items() if lack in lacks]
    if not pauses:
        return ()
    return (Gap(days.start, days.end, Reason.PROVIDER_ERROR, partial=True, ask_again_at=now + min(pauses)),)


async def save_absence(
    resources: Resources, job: Job, windows: Sequence[DayRange], absence: Absence, now: datetime
) -> None:
    """Record why these windows of a job's series are missing, unless the job has ended. Windows with stored data keep
    it, and a stored record is not requested again before a retry is worthwhile."""
    dataset = DATASETS[job.dataset]
    names = [window_name(dataset, window.start) for window in windows]
    coverage = await resources.readings.load_coverage(job.series, names)
    again = None if absence.pause is None else now + absence.pause
    for window, name in zip(windows, names, strict=True):
        known = coverage.get(name)
        if known is None or known.state == "absent":
            absent = absence_of(dataset, window, absence.reason, now, again)
            if dataset.is_series and absence.reason is Reason.NO_MEASURE:
                # Equivalent to an empty response: recent data may not be published yet, old data will never be.
                absent = coverage_of(dataset, window, (), now)
            await resources.readings.save_window(job, absent, [], b"")
        elif not dataset.is_series:
            days = current_days(now)
            gap = Gap(days.start, days.end, absence.reason, partial=True, ask_again_at=again or now + _RENEWAL_PAUSE)
            await resources.readings.save_window(job, replace(known, gaps=(gap,)), [], b"")
