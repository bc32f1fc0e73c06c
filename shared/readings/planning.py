"""Fetch planning: computes the fewest provider calls from the requested days and the stored data. Pure.

Windows are atomic: a worker can't decrypt what it has encrypted, so it always writes a whole window. A call may include
windows that are already stored when that saves a call: Enedis limits calls, not days. A record is one window for all
days: a request returns today's state, which expires.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from shared.core.calendar import (
    ONE_DAY,
    PARIS,
    DayRange,
    day_of,
    day_seconds,
    days_between,
    month_start,
    months_before,
    next_month,
)
from shared.core.datasets import Dataset, WindowKind
from shared.readings.encoding import DAY_STEP, step_seconds
from shared.readings.models import Coverage, Gap, Reading, Reason

# Enedis publishes the day before from about 08:00 in Paris, sometimes a day later.
PUBLICATION_TIME = time(8)
# After an outage of at most this length the refresh fills the gap automatically.
_CONTINUED = timedelta(days=62)
# A day without a value and younger than the first time is requested again after the second. Each pause is slightly
# shorter than that between two waves, or two mornings, of the refresh, so that the next one does not come too early.
_SETTLING = ((timedelta(days=2), timedelta(hours=2)), (timedelta(days=7), timedelta(hours=20)))


def history_start(dataset: Dataset, now: datetime) -> date:
    """The oldest day that the provider still keeps."""
    return months_before(day_of(now), dataset.history_months) - timedelta(days=dataset.history_days)


def published_until(now: datetime) -> date:
    """The first day that can't be published yet: today, or yesterday until the morning's publication."""
    today = day_of(now)
    return today if now.astimezone(PARIS).time() >= PUBLICATION_TIME else today - ONE_DAY


def next_publication(now: datetime) -> datetime:
    """The next time at which the provider may publish another day."""
    local = now.astimezone(PARIS)
    day = local.date() if local.time() < PUBLICATION_TIME else local.date() + ONE_DAY
    return datetime.combine(day, PUBLICATION_TIME, PARIS)


def current_days(now: datetime) -> DayRange:
    """The days for which a record is requested: today."""
    return DayRange(day_of(now), day_of(now) + ONE_DAY)


def window_name(dataset: Dataset, day: date) -> str:
    """The window that contains a day."""
    match dataset.window:
        case WindowKind.DAY:
            return day.isoformat()
        case WindowKind.MONTH:
            return day.isoformat()[:7]
        case WindowKind.CURRENT:
            return "current"


def windows_of(dataset: Dataset, days: DayRange) -> list[DayRange]:
    """The whole windows that contain these days, oldest first; for a record its only one."""
    if not dataset.is_series:
        return [days]
    if dataset.window is WindowKind.DAY:
        return [DayRange(day, day + ONE_DAY) for day in days_between(days.start, days.end)]
    windows = []
    start = month_start(days.start)
    while start < days.end:
        windows.append(DayRange(start, next_month(start)))
        start = next_month(start)
    return windows


def days_of_window(dataset: Dataset, name: str) -> DayRange | None:
    """The days of the window of that name, the reverse of `window_name`; ``None`` for a record, which has none."""
    match dataset.window:
        case WindowKind.DAY:
            day = date.fromisoformat(name)
            return DayRange(day, day + ONE_DAY)
        case WindowKind.MONTH:
            month = date.fromisoformat(f"{name}-01")
            return DayRange(month, next_month(month))
        case WindowKind.CURRENT:
            return None


def ask_again_at(last_day: date, now: datetime) -> datetime | None:
    """When to request a day without a value again: soon for a recent day, never for an old one."""
    # Arithmetic on Paris times would use wall-clock time, which is an hour off twice a year.
    now = now.astimezone(UTC)
    published = datetime.combine(last_day + ONE_DAY, PUBLICATION_TIME, PARIS)
    for age, pause in _SETTLING:
        if now - published < age:
            return now + pause
    return None


def is_due(wanted: DayRange, coverage: Coverage | None, now: datetime) -> bool:
    """Whether these days of one window need a call: never requested, or missing and due again."""
    if coverage is None or wanted.start < coverage.since or wanted.end > coverage.through:
        return True
    return any(
        gap.start < wanted.end and wanted.start < gap.end and gap.ask_again_at is not None and gap.ask_again_at <= now
        for gap in coverage.gaps
    )


def is_record_due(dataset: Dataset, known: Coverage | None, now: datetime) -> bool:
    """Whether a record needs a call: never requested, too old, or missing and due again.

    The retry time of a gap precedes the age: an old record that can't be renewed is kept, without repeated calls.
    """
    if known is None:
        return True
    moments = [gap.ask_again_at for gap in known.gaps if gap.ask_again_at is not None]
    if moments:
        return min(moments) <= now
    return now - known.fetched_at >= timedelta(seconds=dataset.freshness_seconds)


def due_windows(dataset: Dataset, days: DayRange, coverage: Mapping[str, Coverage], now: datetime) -> list[DayRange]:
    """The windows of a planned call, clipped to its days, that have not been stored in the meantime."""
    if not dataset.is_series:
        return [days] if is_record_due(dataset, coverage.get(window_name(dataset, days.start)), now) else []
    windows = [part for each in windows_of(dataset, days) if (part := each.clipped(days.start, days.end))]
    return [each for each in windows if is_due(each, coverage.get(window_name(dataset, each.start)), now)]


def missing_windows(
    dataset: Dataset,
    wanted: DayRange,
    coverage: Mapping[str, Coverage],
    now: datetime,
    derived: Collection[date] = (),
) -> list[DayRange]:
    """The windows to fetch so that every published day of ``wanted`` is known, clipped to the provider's history.

    ``derived``: days available without a call; a window needed for no other day is not missing.
    """
    if not dataset.is_series:
        return due_windows(dataset, current_days(now), coverage, now)
    oldest, newest = history_start(dataset, now), published_until(now)
    missing = []
    for window in windows_of(dataset, wanted):
        needed = window.clipped(max(oldest, wanted.start), min(newest, wanted.end))
        known = coverage.get(window_name(dataset, window.start))
        if needed is None or not is_due(needed, known, now):
            continue
        if derived and not any(_day_is_due(day, known, now) for day in _days(needed) if day not in derived):
            continue
        fetched = window.clipped(oldest, newest)
        if fetched is not None:
            missing.append(fetched)
    return missing


def plan_calls(dataset: Dataset, missing: Sequence[DayRange]) -> list[DayRange]:
    """The fewest calls, none longer than the dataset's span, none overlapping, that contain every missing window.

    Greedy from the oldest is minimal: the call with the oldest missing window is optimal when it starts with it and has
    the maximum length.
    """
    calls: list[DayRange] = []
    for window in sorted(missing, key=lambda each: each.start):
        if calls and (window.end - calls[-1].start).days <= dataset.span_days:
            calls[-1] = DayRange(calls[-1].start, max(calls[-1].end, window.end))
        else:
            calls.append(window)
    return calls


def missing_days(
    dataset: Dataset,
    wanted: DayRange,
    coverage: Mapping[str, Coverage],
    now: datetime,
    derived: Collection[date] = (),
    against: Reason | None = None,
) -> list[Gap]:
    """Each run of days of ``wanted`` that is neither stored completely nor ``derived``, with the reason; a record has
    one or none.

    ``against``: why the dataset is not requested at all; it is then the reason of days that were never requested.
    """
    if not dataset.is_series:
        record = coverage.get(window_name(dataset, wanted.start))
        unasked = Gap(wanted.start, wanted.end, against or Reason.NOT_FETCHED)
        return [unasked] if record is None else list(record.gaps)
    oldest, newest = history_start(dataset, now), published_until(now)
    found: list[Gap] = []
    for window in windows_of(dataset, wanted):
        days = window.clipped(wanted.start, wanted.end)
        if days is None:
            continue
        known = coverage.get(window_name(dataset, window.start))
        for day in days_between(days.start, days.end):
            gap = _gap_of(day, known)
            if gap is None or day in derived:
                continue
            if gap.reason is Reason.NOT_FETCHED and against is not None:
                gap = Gap(day, day + ONE_DAY, against)
            elif gap.reason is Reason.NOT_FETCHED and day < oldest:
                gap = Gap(day, day + ONE_DAY, Reason.BEYOND_HISTORY)
            elif gap.reason is Reason.NOT_FETCHED and day >= newest:
                gap = Gap(day, day + ONE_DAY, Reason.NOT_PUBLISHED_YET, ask_again_at=next_publication(now))
            found.append(gap)
    return merge_gaps(found)


def _days(days: DayRange) -> Iterator[date]:
    return days_between(days.start, days.end)


def _day_is_due(day: date, known: Coverage | None, now: datetime) -> bool:
    return is_due(DayRange(day, day + ONE_DAY), known, now)


def _gap_of(day: date, known: Coverage | None) -> Gap | None:
    if known is None or not known.since <= day < known.through:
        return Gap(day, day + ONE_DAY, Reason.NOT_FETCHED)
    for gap in known.gaps:
        if gap.start <= day < gap.end:
            return Gap(day, day + ONE_DAY, gap.reason, gap.partial, gap.ask_again_at)
    return None


def merge_gaps(gaps: Iterable[Gap]) -> list[Gap]:
    """Merge adjacent gaps with the same reason, oldest first; the earliest retry time counts."""
    merged: list[Gap] = []
    for gap in sorted(gaps, key=lambda each: each.start):
        last = merged[-1] if merged else None
        if last and last.end == gap.start and (last.reason, last.partial) == (gap.reason, gap.partial):
            moments = [each for each in (last.ask_again_at, gap.ask_again_at) if each is not None]
            merged[-1] = Gap(last.start, gap.end, gap.reason, gap.partial, min(moments, default=None))
        else:
            merged.append(gap)
    return merged


def coverage_of(dataset: Dataset, window: DayRange, readings: Iterable[Reading], now: datetime) -> Coverage:
    """The coverage of one window by a response: a day is complete when its readings fill it, to the second."""
    filled: dict[date, int] = defaultdict(int)
    for reading in readings:
        day = day_of(reading.start)
        filled[day] += day_seconds(day) if reading.step == DAY_STEP else step_seconds(reading.step)
    gaps = []
    for day in days_between(window.start, window.end):
        if filled[day] >= day_seconds(day):
            continue
        again = ask_again_at(day, now)
        empty = Reason.NO_MEASURE if again is None else Reason.NOT_PUBLISHED_YET
        gaps.append(Gap(day, day + ONE_DAY, Reason.INCOMPLETE if filled[day] else empty, filled[day] > 0, again))
    return Coverage(window_name(dataset, window.start), now, window.start, window.end, tuple(merge_gaps(gaps)))


def brings_news(known: Coverage | None, readings: Iterable[Reading]) -> bool:
    """Whether any of these readings of one window is of a day that was not stored completely."""
    return any(_gap_of(day, known) is not None for day in {day_of(reading.start) for reading in readings})


def absence_of(
    dataset: Dataset, window: DayRange, reason: Reason, now: datetime, again: datetime | None = None
) -> Coverage:
    """The coverage of a window without any data, for one reason."""
    gap = Gap(window.start, window.end, reason, ask_again_at=again)
    return Coverage(window_name(dataset, window.start), now, window.start, window.end, (gap,))


def refresh_windows(
    dataset: Dataset, coverage: Mapping[str, Coverage], now: datetime, derived: Collection[date] = ()
) -> list[DayRange]:
    """The windows that keep a dataset current: for a series the days after the newest known one, and every gap that is
    due again; a record once it is due. Nothing for a dataset that was never requested, unless it is fetched unasked.

    A series without any coverage begins a week back, and one that ended long ago is not extended over days that were
    never requested: the account decides how far a series reaches, and missing days are visible in its coverage.
    """
    if not coverage and not dataset.fetched_unasked:
        return []
    if not dataset.is_series:
        return missing_windows(dataset, current_days(now), coverage, now)
    newest = max((known.through for known in coverage.values()), default=published_until(now) - timedelta(days=7))
    wanted = [DayRange(known.since, known.through) for known in coverage.values() if _has_due_gap(known, now)]
    begin = max(newest, published_until(now) - _CONTINUED)
    if begin < published_until(now):
        wanted.append(DayRange(begin, published_until(now)))
    found = {
        window.start: window for days in wanted for window in missing_windows(dataset, days, coverage, now, derived)
    }
    return [found[start] for start in sorted(found)]


def _has_due_gap(known: Coverage, now: datetime) -> bool:
    return is_due(DayRange(known.since, known.through), known, now)
