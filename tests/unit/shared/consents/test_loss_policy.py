"""When refusals mean that a consent is lost: examples of the policy, and properties of any history."""

from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from shared.consents.loss_policy import Refusals, refused_again
from shared.core.calendar import day_of
from tests.support.cases import case

MONDAY = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
# Includes both clock changes.
MARCH = datetime(2026, 3, 20, tzinfo=UTC)
MOMENTS = st.lists(st.integers(0, 230 * 24 * 60).map(lambda each: MARCH + timedelta(minutes=each)), min_size=1)


def history(moments: list[datetime]) -> Refusals:
    """The state after refusals at these times."""
    return reduce(refused_again, moments[1:], refused_again(None, moments[0]))


def on_days(*days: int) -> Refusals:
    return history([MONDAY + timedelta(days=day) for day in days])


def test_three_different_days_over_at_least_three_days_make_a_loss() -> None:
    cases: list[tuple[tuple[int, ...], bool]] = [
        ((0,), False),
        ((0, 0, 0, 0), False),  # a bad morning
        ((0, 1), False),
        ((0, 1, 2), False),  # three days, but only two between the first and the last
        ((0, 3), False),  # three days between, but only two with a refusal
        ((0, 30), False),
        ((0, 1, 3), True),
        ((0, 2, 3), True),
        ((0, 1, 2, 3), True),
        ((0, 0, 1, 1, 3), True),
        ((0, 10, 20), True),
    ]

    for days, lost in cases:
        with case(days, lost):
            assert lost is on_days(*days).mean_loss


def test_days_are_those_of_paris() -> None:
    late, early = datetime(2026, 11, 23, 22, 59, tzinfo=UTC), datetime(2026, 11, 23, 23, 1, tzinfo=UTC)

    assert 2 == history([late, early]).days


@given(MOMENTS)
def test_in_order_the_days_are_counted_exactly(moments: list[datetime]) -> None:
    moments.sort()

    known = history(moments)

    assert Refusals(moments[0], moments[-1], len({day_of(each) for each in moments})) == known


@given(MOMENTS)
def test_clocks_that_disagree_never_make_a_loss_that_the_days_do_not_bear(moments: list[datetime]) -> None:
    known = history(moments)

    days = {day_of(each) for each in moments}
    assert known.first_at <= known.last_at == max(moments)
    assert 1 <= known.days <= len(days)
    if known.mean_loss:
        assert len(days) >= 3
        assert max(days) - min(days) >= timedelta(days=3)


@given(MOMENTS, st.integers(1, 5))
def test_repeating_a_refusal_at_the_same_moment_changes_nothing(moments: list[datetime], times: int) -> None:
    known = history(moments)

    assert known == history([*moments, *[known.last_at] * times])


@given(MOMENTS)
def test_what_is_lost_stays_lost_however_many_refusals_follow(moments: list[datetime]) -> None:
    moments.sort()
    verdicts = [history(moments[: count + 1]).mean_loss for count in range(len(moments))]

    assert sorted(verdicts) == verdicts
