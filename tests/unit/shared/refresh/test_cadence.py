"""How often the refresh checks a time series: the cost, and that no day is left out."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS, Dataset
from shared.readings.models import Coverage, Reason
from shared.readings.planning import absence_of, plan_calls, published_until, refresh_windows, window_name, windows_of
from shared.refresh.cadence import days_to_come, is_collected, is_dormant, is_due_today, pause_days
from tests.support.cases import case

CURVE, DAILY = DATASETS["consumption_load_curve"], DATASETS["daily_consumption"]
POWER, INDEX = DATASETS["daily_consumption_max_power"], DATASETS["consumption_index"]
ONE_DAY = timedelta(days=1)
TODAY = date(2026, 11, 23)
MORNING = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def stored(dataset: Dataset, days: DayRange, now: datetime = MORNING) -> dict[str, Coverage]:
    """These days are stored and complete."""
    parts = [part for each in windows_of(dataset, days) if (part := each.clipped(days.start, days.end))]
    return {
        name: Coverage(name, now, part.start, part.end) for part in parts for name in [window_name(dataset, part.start)]
    }


def absent(days: DayRange) -> dict[str, Coverage]:
    """These days have no curve."""
    return {
        window_name(CURVE, window.start): absence_of(CURVE, window, Reason.NO_MEASURE, MORNING)
        for window in windows_of(CURVE, days)
    }


def last(days: int, until: date = TODAY) -> DayRange:
    return DayRange(until - days * ONE_DAY, until)


def test_the_curve_is_looked_at_each_day_and_everything_else_once_a_week() -> None:
    assert [1, 7, 7, 7] == [pause_days(each, collected=True, dormant=False) for each in (CURVE, DAILY, POWER, INDEX)]


def test_where_no_curve_is_collected_the_daily_values_take_its_place() -> None:
    assert [7, 1, 7, 7] == [pause_days(each, collected=False, dormant=False) for each in (CURVE, DAILY, POWER, INDEX)]


def test_a_curve_is_given_up_after_a_week_without_one() -> None:
    cases: list[tuple[int, bool]] = [(1, True), (6, True), (7, False), (30, False)]

    for days_without, collected in cases:
        with case(days_without, collected):
            known = stored(CURVE, last(20, TODAY - days_without * ONE_DAY)) | absent(last(days_without))

            assert collected is is_collected(known)


def test_one_day_of_a_curve_makes_it_worth_a_look_each_day_again() -> None:
    assert is_collected(absent(last(20)) | stored(CURVE, last(1)))


def test_of_a_point_that_nobody_reads_the_main_series_is_looked_at_once_a_week_and_nothing_else() -> None:
    assert [7, None, None] == [pause_days(each, collected=True, dormant=True) for each in (CURVE, DAILY, POWER)]
    assert [None, 7, None] == [pause_days(each, collected=False, dormant=True) for each in (CURVE, DAILY, POWER)]
    assert not is_due_today(POWER, "up_1", {}, MORNING, None)


def test_a_week_of_failures_is_not_a_curve_that_is_not_collected() -> None:
    cases: list[Reason] = [Reason.PROVIDER_ERROR, Reason.CONSENT_LOST]

    for reason in cases:
        with case(reason):
            known = {
                window_name(CURVE, window.start): absence_of(CURVE, window, reason, MORNING)
                for window in windows_of(CURVE, last(10))
            }

            assert is_collected(known)


def test_a_point_is_dormant_when_nobody_has_read_it_for_so_long() -> None:
    cases: list[tuple[int, int, bool]] = [(30, 30, False), (31, 30, True), (0, 1, False), (9999, 0, False)]

    for days_ago, after, dormant in cases:
        with case(days_ago, after, dormant):
            assert dormant is is_dormant(TODAY - days_ago * ONE_DAY, MORNING, after)


def test_what_was_never_fetched_is_due_on_any_day() -> None:
    assert all(is_due_today(POWER, f"up_{number}", {}, MORNING, 7) for number in range(20))


def test_a_weekly_series_has_one_weekday_and_points_have_different_ones() -> None:
    due_on = {}
    for number in range(200):
        known = stored(POWER, last(3))
        days = [MORNING + day * ONE_DAY for day in range(7)]
        # Other requests fetch it all the time: only its weekday makes it due.
        due_on[number] = [
            day for day, now in enumerate(days) if is_due_today(POWER, f"up_{number}", _until(known, now), now, 7)
        ]

    assert {1} == {len(days) for days in due_on.values()}
    of_day = [sum(days == [day] for days in due_on.values()) for day in range(7)]
    assert min(of_day) > 10


def _until(known: dict[str, Coverage], now: datetime) -> dict[str, Coverage]:
    return known | stored(POWER, last(2, published_until(now)))


@given(
    point=st.uuids(),
    start=st.dates(date(2024, 1, 1), date(2030, 1, 1)),
    dataset=st.sampled_from([CURVE, DAILY, POWER]),
    dormant=st.booleans(),
    collected=st.booleans(),
    days=st.integers(15, 40),
)
def test_no_more_than_a_week_is_ever_missing_and_a_look_costs_one_call(
    point: object, start: date, dataset: Dataset, dormant: bool, collected: bool, days: int
) -> None:
    known = stored(dataset, last(10, start))
    calls: int = 0
    pause: int | None = None

    for day in range(days):
        now = datetime(start.year, start.month, start.day, 9, tzinfo=UTC) + day * ONE_DAY
        pause = pause_days(dataset, collected=collected, dormant=dormant)
        if is_due_today(dataset, str(point), known, now, pause):
            planned = plan_calls(dataset, refresh_windows(dataset, known, now))
            assert len(planned) <= 1
            calls += len(planned)
            for call in planned:
                known |= stored(dataset, DayRange(min(call.start, call.end), call.end), now)
        if pause is not None:
            missing = published_until(now) - max(each.through for each in known.values())
            assert missing < timedelta(days=pause)

    assert calls <= (days if pause == 1 else days // 7 + 2)
    assert calls > 0 or pause is None


def test_the_days_that_the_curve_will_give_need_no_call_of_their_own() -> None:
    stored_until_before_yesterday = stored(CURVE, last(10, TODAY - ONE_DAY))

    assert {TODAY - ONE_DAY} == days_to_come(DAILY, stored_until_before_yesterday, MORNING, collected=True)
    # The curve has no coverage: its refresh starts a week back.
    assert {TODAY - number * ONE_DAY for number in range(1, 8)} == days_to_come(DAILY, {}, MORNING, collected=True)
    assert set() == days_to_come(DAILY, stored(CURVE, last(10)), MORNING, collected=True)
    assert set() == days_to_come(DAILY, stored_until_before_yesterday, MORNING, collected=False)
    assert set() == days_to_come(POWER, {}, MORNING, collected=True)
