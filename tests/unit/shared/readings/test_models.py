"""The value objects at module boundaries: their validation, their properties, and what their repr hides."""

from datetime import UTC, date, datetime

import pytest

from shared.consents.models import ConsentStatus, GrantedPoint
from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.models import Job, JobStatus, Lane
from shared.readings.models import Coverage, Gap, Reason
from tests.support.cases import case

NOW = datetime(2026, 3, 31, 9, tzinfo=UTC)
MARCH = (date(2026, 3, 1), date(2026, 4, 1))


def day(number: int) -> date:
    return date(2026, 3, number)


def coverage(*gaps: Gap) -> Coverage:
    return Coverage("2026-03", NOW, *MARCH, gaps)


def test_a_range_of_days_that_holds_no_day_is_refused() -> None:
    for end in [day(10), day(9), date(1999, 1, 1)]:
        with case(end), pytest.raises(ValueError, match="ends after it starts"):
            DayRange(day(10), end)


def test_a_range_counts_its_days_without_its_end() -> None:
    assert 1 == DayRange(day(10), day(11)).days
    assert 365 == DayRange(date(2025, 3, 1), date(2026, 3, 1)).days
    assert 366 == DayRange(date(2024, 1, 1), date(2025, 1, 1)).days


def test_a_range_is_clipped_to_the_days_that_both_hold() -> None:
    cases: list[tuple[date, date, DayRange | None]] = [
        (day(1), day(31), DayRange(day(10), day(20))),
        (day(12), day(15), DayRange(day(12), day(15))),
        (day(1), day(11), DayRange(day(10), day(11))),
        (day(19), day(31), DayRange(day(19), day(20))),
        (day(1), day(10), None),  # ends where the range begins
        (day(20), day(31), None),  # begins where the range ends
        (day(15), day(15), None),
        (day(16), day(14), None),
    ]

    for start, end, expected in cases:
        with case(start, end, expected):
            assert expected == DayRange(day(10), day(20)).clipped(start, end)


def test_a_window_without_gaps_is_complete() -> None:
    assert "complete" == coverage().state


def test_a_window_with_a_day_missing_is_partial() -> None:
    assert "partial" == coverage(Gap(day(3), day(4), Reason.NO_MEASURE)).state


def test_a_window_whose_every_day_is_missing_is_absent_however_many_gaps_say_so() -> None:
    assert "absent" == coverage(Gap(*MARCH, Reason.BEFORE_ACTIVATION)).state
    assert (
        "absent"
        == coverage(Gap(day(1), day(9), Reason.BEFORE_ACTIVATION), Gap(day(9), MARCH[1], Reason.NO_MEASURE)).state
    )


def test_a_day_that_is_there_in_part_is_not_absent() -> None:
    stored = Coverage("2026-03-29", NOW, day(29), day(30), (Gap(day(29), day(30), Reason.INCOMPLETE, partial=True),))

    assert "partial" == stored.state


def test_a_job_names_the_series_that_it_fills() -> None:
    job = Job("job", "acct", "up", "contract", *MARCH, Lane.BULK, JobStatus.QUEUED, NOW, calls_total=3)

    assert Series("acct", "up", "contract") == job.series


def test_a_job_has_ended_unless_it_is_queued_or_running() -> None:
    for status in JobStatus:
        with case(status):
            assert (status.value not in {"queued", "running"}) == status.ended


def test_the_repr_of_a_granted_point_hides_its_digits() -> None:
    assert "99999999999991" not in repr(GrantedPoint("99999999999991"))


def test_the_words_that_are_stored_stay_as_they_are() -> None:
    """New words may be added; changing or removing one of these makes stored data unreadable."""
    assert {"interactive", "bulk"} <= set(Lane)
    assert {"queued", "running", "succeeded", "partial", "failed", "cancelled"} <= set(JobStatus)
    assert {"pending", "exchanging", "granted", "refused", "failed", "revoked"} <= set(ConsentStatus)
    assert {
        "not_fetched",
        "not_published_yet",
        "no_measure",
        "incomplete",
        "before_activation",
        "beyond_history",
        "curve_not_collected",
        "wrong_direction",
        "consent_lost",
        "provider_error",
    } <= set(Reason)
