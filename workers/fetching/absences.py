"""Why days are not there: what an error tells about them, and writing that down. What is stored of them stays."""

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
    """Why something is not there, and after how long it is worth asking again (never: ``None``)."""

    reason: Reason
    pause: timedelta | None = None

    @property
    def is_of_dataset(self) -> bool:
        """Whether it holds for every day of the dataset, not only for those that were asked for."""
        return self.reason in (Reason.WRONG_DIRECTION, Reason.CURVE_NOT_COLLECTED)


# Errors that are knowledge about what was asked for: the call did its work.
_KNOWLEDGE: Mapping[type[AppError], Absence] = {
    BeforeActivation: Absence(Reason.BEFORE_ACTIVATION),
    BeyondHistory: Absence(Reason.BEYOND_HISTORY),
    CurveNotCollected: Absence(Reason.CURVE_NOT_COLLECTED),
    ProviderWrongDirection: Absence(Reason.WRONG_DIRECTION),
    NoMeasure: Absence(Reason.NO_MEASURE, timedelta(days=1)),
}
# Enedis has refused valid consents by the wave: one refusal is no end, and the next morning is soon enough to look
# again. A little less than a day, or the next refresh would find it a moment too early.
_NO_RIGHT = Absence(Reason.CONSENT_LOST, timedelta(hours=20))
_FAILURE_PAUSE = timedelta(hours=1)
_FAILURE = Absence(Reason.PROVIDER_ERROR, _FAILURE_PAUSE)
# Of a record whose one part could not be had: an operator who subscribes to an API does not wait for the next month.
_LACKS_OF_RECORDS = {"provider_error": _FAILURE_PAUSE, "api_not_subscribed": timedelta(days=7)}
# A record that is stored, and of which the provider now says that there is none.
_RENEWAL_PAUSE = timedelta(days=30)


def knowledge_of(error: AppError) -> Absence | None:
    """What an error says about what was asked for, ``None`` when it only says that the call failed."""
    return _KNOWLEDGE.get(type(error))


def failure_of(error: AppError) -> Absence:
    """What is known of the days of a call that failed for good."""
    return _NO_RIGHT if isinstance(error, (ConsentLost, ConsentMissing, NotFound)) else _FAILURE


def gaps_of_record(record: Mapping[str, Any], days: DayRange, now: datetime) -> tuple[Gap, ...]:
    """What a record lacks that asking again may bring: it is kept, and due again before it is old."""
    absent = record.get("absent")
    lacks = set(absent.values()) if isinstance(absent, Mapping) else set()
    pauses = [pause for lack, pause in _LACKS_OF_RECORDS.items() if lack in lacks]
    if not pauses:
        return ()
    return (Gap(days.start, days.end, Reason.PROVIDER_ERROR, partial=True, ask_again_at=now + min(pauses)),)


async def save_absence(
    resources: Resources, job: Job, windows: Sequence[DayRange], absence: Absence, now: datetime
) -> None:
    """Write down why these windows of a job's series are not there, unless the job is over; one of which something is
    stored keeps it, and a stored record is not asked for again before it is worth it."""
    dataset = DATASETS[job.dataset]
    names = [window_name(dataset, window.start) for window in windows]
    coverage = await resources.readings.load_coverage(job.series, names)
    again = None if absence.pause is None else now + absence.pause
    for window, name in zip(windows, names, strict=True):
        known = coverage.get(name)
        if known is None or known.state == "absent":
            absent = absence_of(dataset, window, absence.reason, now, again)
            if dataset.is_series and absence.reason is Reason.NO_MEASURE:
                # As good as an empty answer: what is young may only not be published yet, what is old never comes.
                absent = coverage_of(dataset, window, (), now)
            await resources.readings.save_window(job, absent, [], b"")
        elif not dataset.is_series:
            days = current_days(now)
            gap = Gap(days.start, days.end, absence.reason, partial=True, ask_again_at=again or now + _RENEWAL_PAUSE)
            await resources.readings.save_window(job, replace(known, gaps=(gap,)), [], b"")
