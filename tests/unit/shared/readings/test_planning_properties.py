"""Planning for any range, any stored data and any time: no day missed, none requested twice, no superfluous call."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.core.calendar import ONE_DAY, PARIS, DayRange, days_between
from shared.core.datasets import DATASETS, Dataset
from shared.readings.models import Coverage, Gap, Reason
from shared.readings.planning import (
    ask_again_at,
    history_start,
    missing_days,
    missing_windows,
    plan_calls,
    published_until,
    window_name,
    windows_of,
)

CURVE, DAILY = DATASETS["consumption_load_curve"], DATASETS["daily_consumption"]
# Small spans make many calls out of few days.
DATASET = st.one_of(
    st.just(CURVE),
    st.just(DAILY),
    st.builds(lambda span: replace(CURVE, span_days=span, history_months=2), st.integers(1, 9)),
    st.builds(lambda span: replace(DAILY, span_days=span), st.integers(31, 130)),
)
TELLING_DAYS = [
    date(2026, 3, 29),
    date(2026, 10, 25),
    date(2024, 2, 29),
    date(2028, 2, 29),
    date(2026, 3, 31),
    date(2025, 12, 31),
    date(2026, 1, 1),
    date(2027, 2, 28),
]
CLOCKS = st.times() | st.builds(
    lambda hour, minute: datetime(2026, 1, 1, hour, minute).time(),  # noqa: DTZ001  # only its time of day is used
    st.integers(0, 9),
    st.sampled_from([0, 30, 59]),
)
MOMENTS = st.builds(
    lambda day, clock: datetime.combine(day, clock, PARIS).astimezone(UTC),
    st.dates(date(2015, 1, 1), date(2035, 12, 31)) | st.sampled_from(TELLING_DAYS),
    CLOCKS,
)
STATES = ["complete", "none", "due", "later", "final", "stale", "late start"]
# A single draw for both: the number of draws takes the time.
KNOWN = st.sampled_from([(state, position) for state in STATES for position in range(100)])
unhurried = settings(max_examples=100)


def known_of(window: DayRange, state: str, position: int, now: datetime) -> Coverage:
    """One window in a state; ``position`` is the place of the gap or of the end in it."""
    cut = window.start + ONE_DAY * (position % window.days)
    ask_again = {"due": now - timedelta(hours=position % 3), "later": now + timedelta(seconds=1 + position)}
    gaps = (
        (Gap(cut, cut + ONE_DAY, Reason.NO_MEASURE, bool(position % 2), ask_again.get(state)),)
        if state in ("due", "later", "final")
        else ()
    )
    through = cut if state == "stale" else window.end
    return Coverage("", now, cut if state == "late start" else window.start, through, gaps)


Situation = tuple[Dataset, DayRange, dict[str, Coverage], datetime]


@st.composite
def situations(draw: st.DrawFn, longest_days: int = 120) -> Situation:
    """A dataset, its requested range, its stored coverage, and a time."""
    dataset, now = draw(DATASET), draw(MOMENTS)
    edge = draw(st.sampled_from([history_start(dataset, now), published_until(now)]))
    start = edge + ONE_DAY * draw(st.integers(-longest_days, 20))
    wanted = DayRange(start, start + ONE_DAY * draw(st.integers(1, longest_days)))
    coverage = {}
    for window in windows_of(dataset, wanted):
        state, position = draw(KNOWN)
        if state != "none":
            name = window_name(dataset, window.start)
            coverage[name] = replace(known_of(window, state, position, now), window=name)
    return dataset, wanted, coverage, now


def plan(situation: Situation) -> list[DayRange]:
    dataset, wanted, coverage, now = situation
    return plan_calls(dataset, missing_windows(dataset, wanted, coverage, now))


def is_unknown(day: date, known: Coverage | None, now: datetime) -> bool:
    if known is None or day < known.since or day >= known.through:
        return True
    due = [gap for gap in known.gaps if gap.ask_again_at is not None and gap.ask_again_at <= now]
    return any(gap.start <= day < gap.end for gap in due)


def unknown_days(situation: Situation) -> set[date]:
    """The published days of the range that are not known, day by day."""
    dataset, wanted, coverage, now = situation
    return {
        day
        for day in days_between(wanted.start, wanted.end)
        if history_start(dataset, now) <= day < published_until(now)
        and is_unknown(day, coverage.get(window_name(dataset, day)), now)
    }


def fewest_calls(missing: list[DayRange], span_days: int) -> int:
    """The minimum number of ``span_days``-day intervals that contain each range whole, found by trying every start."""
    ordered = sorted(missing, key=lambda each: each.start)

    @cache
    def fewest_from(first: int) -> int:
        if first == len(ordered):
            return 0
        tries = []
        for shift in range(span_days - ordered[first].days + 1):
            end = ordered[first].start + timedelta(days=span_days - shift)
            held = next((n for n in range(first, len(ordered)) if ordered[n].end > end), len(ordered))
            tries.append(1 + fewest_from(held))
        return min(tries)

    return fewest_from(0)


def after_fetch(situation: Situation, calls: list[DayRange], with_gaps: bool) -> Situation:
    """The stored coverage after each call, with every window in it written."""
    dataset, wanted, coverage, now = situation
    fetched = dict(coverage)
    for call in calls:
        for window in windows_of(dataset, call):
            held = window.clipped(call.start, call.end)
            assert held is not None
            gap = Gap(held.start, held.end, Reason.NO_MEASURE, ask_again_at=ask_again_at(held.end - ONE_DAY, now))
            name = window_name(dataset, window.start)
            fetched[name] = Coverage(name, now, held.start, held.end, (gap,) if with_gaps else ())
    return dataset, wanted, fetched, now


@given(situations())
@unhurried
def test_every_published_day_that_is_not_known_is_in_exactly_one_call(situation: Situation) -> None:
    asked = Counter(day for call in plan(situation) for day in days_between(call.start, call.end))

    assert unknown_days(situation) <= set(asked)
    assert {1} >= set(asked.values())


@given(situations())
@unhurried
def test_no_call_is_longer_than_the_span_or_leaves_what_the_provider_has(situation: Situation) -> None:
    dataset, _, _, now = situation

    for call in plan(situation):
        assert call.days <= dataset.span_days
        assert history_start(dataset, now) <= call.start < call.end <= published_until(now)


@given(situations())
@unhurried
def test_no_call_cuts_a_window(situation: Situation) -> None:
    """A worker writes whole windows: half a window would replace the stored one."""
    dataset, _, _, now = situation
    published = DayRange(history_start(dataset, now), published_until(now))

    for call in plan(situation):
        for window in windows_of(dataset, call):
            assert window.clipped(call.start, call.end) == window.clipped(published.start, published.end)


@given(situations(longest_days=60))
@unhurried
def test_no_plan_has_fewer_calls(situation: Situation) -> None:
    dataset, wanted, coverage, now = situation
    missing = missing_windows(dataset, wanted, coverage, now)
    assume(len(missing) <= 40)

    assert fewest_calls(missing, dataset.span_days) == len(plan_calls(dataset, missing))


@given(st.sets(st.integers(0, 45), max_size=12), st.integers(1, 9))
@unhurried
def test_no_plan_of_scattered_days_has_fewer_calls(numbers: set[int], span_days: int) -> None:
    missing = [DayRange(day, day + ONE_DAY) for day in (date(2024, 2, 10) + ONE_DAY * n for n in numbers)]

    assert fewest_calls(missing, span_days) == len(plan_calls(replace(CURVE, span_days=span_days), missing))


@given(situations())
@unhurried
def test_each_call_is_there_for_a_day_that_is_not_known(situation: Situation) -> None:
    unknown = unknown_days(situation)

    for call in plan(situation):
        assert unknown & set(days_between(call.start, call.end))


@given(situations())
@unhurried
def test_where_nothing_is_missing_nothing_is_called(situation: Situation) -> None:
    assert bool(unknown_days(situation)) == bool(plan(situation))


@given(situations(), st.booleans())
@unhurried
def test_after_its_calls_a_plan_is_empty_whether_or_not_they_brought_values(
    situation: Situation, with_gaps: bool
) -> None:
    assert [] == plan(after_fetch(situation, plan(situation), with_gaps))


@given(situations(), st.timedeltas(timedelta(), timedelta(days=40)))
@unhurried
def test_once_all_is_stored_a_later_plan_asks_only_for_windows_with_days_published_since(
    situation: Situation, passed: timedelta
) -> None:
    dataset, wanted, _, now = situation
    empty = (dataset, wanted, dict[str, Coverage](), now)
    coverage = after_fetch(empty, plan(empty), with_gaps=False)[2]

    later = missing_windows(dataset, wanted, coverage, now + passed)

    assert all(window.end > published_until(now) for window in later)


@given(MOMENTS, st.integers(1, 200), st.integers(0, 400), st.sampled_from([-1, 1]))
@unhurried
def test_a_stored_curve_range_shifted_by_one_day_costs_one_call(
    now: datetime, length: int, age: int, shift: int
) -> None:
    end = published_until(now) - ONE_DAY * (age + 1)
    wanted = DayRange(end - ONE_DAY * length, end)
    stored = after_fetch((CURVE, wanted, {}, now), [wanted], with_gaps=False)[2]
    shifted = DayRange(wanted.start + ONE_DAY * shift, wanted.end + ONE_DAY * shift)

    assert [] == plan((CURVE, wanted, stored, now))
    assert 1 == len(plan((CURVE, shifted, stored, now)))


@given(MOMENTS)
@settings(unhurried, max_examples=20)
def test_two_years_of_curve_take_105_calls_at_any_moment(now: datetime) -> None:
    until = published_until(now)

    assert 105 == len(plan((CURVE, DayRange(until - ONE_DAY * 730, until), {}, now)))


@given(situations())
@unhurried
def test_missing_days_and_the_plan_agree(situation: Situation) -> None:
    """The days reported as worth a request are the requested days: no day is lost between the two."""
    dataset, wanted, coverage, now = situation
    gaps = missing_days(dataset, wanted, coverage, now)
    told = [day for gap in gaps for day in days_between(gap.start, gap.end)]
    not_fetched = {day for gap in gaps if gap.reason is Reason.NOT_FETCHED for day in days_between(gap.start, gap.end)}
    # At the earliest possible time no gap is due yet: days unknown even then were never requested.
    beginning = datetime.min.replace(tzinfo=UTC)
    never_asked = {
        day for day in unknown_days(situation) if is_unknown(day, coverage.get(window_name(dataset, day)), beginning)
    }

    assert sorted(set(told)) == told
    assert unknown_days(situation) <= set(told)
    assert never_asked == not_fetched
    assert all(wanted.start <= gap.start < gap.end <= wanted.end for gap in gaps)
    assert all(
        one.end < two.start or (one.reason, one.partial) != (two.reason, two.partial) for one, two in pairwise(gaps)
    )


@given(situations())
@unhurried
def test_a_plan_does_not_depend_on_the_time_zone_of_now(situation: Situation) -> None:
    dataset, wanted, coverage, now = situation

    assert plan(situation) == plan((dataset, wanted, coverage, now.astimezone(PARIS)))
