"""When a record is fetched: it has no days, it ages. And the records that the nightly refresh may fetch by itself."""

from datetime import UTC, date, datetime, timedelta

from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS, Dataset
from shared.readings.models import Coverage, Gap, Reason
from shared.readings.planning import (
    absence_of,
    current_days,
    due_windows,
    is_record_due,
    missing_days,
    missing_windows,
    plan_calls,
    refresh_windows,
    window_name,
    windows_of,
)
from tests.support.cases import case

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = DayRange(date(2026, 11, 22), date(2026, 11, 23))
LONG_AGO = DayRange(date(2026, 1, 5), date(2026, 1, 6))
MONTH = timedelta(days=30)
MOMENT = timedelta(microseconds=1)

RECORDS = [dataset for dataset in DATASETS.values() if not dataset.is_series]
INDEXES = [DATASETS["consumption_index"], DATASETS["production_index"]]


def fetched(at: datetime, days: DayRange = TODAY) -> dict[str, Coverage]:
    return {"current": Coverage("current", at, days.start, days.end)}


def absent(dataset: Dataset, reason: Reason, at: datetime, again: datetime | None) -> dict[str, Coverage]:
    return {"current": absence_of(dataset, TODAY, reason, at, again)}


def test_a_record_that_was_never_fetched_is_one_call_whatever_days_are_meant() -> None:
    for dataset in RECORDS:
        with case(dataset):
            for wanted in (TODAY, LONG_AGO, DayRange(date(2020, 1, 1), date(2026, 1, 1))):
                missing = missing_windows(dataset, wanted, {}, NOW)

                assert [TODAY] == missing
                assert [TODAY] == plan_calls(dataset, missing)


def test_a_record_has_one_window_whatever_the_day() -> None:
    for dataset in RECORDS:
        with case(dataset):
            assert [LONG_AGO] == windows_of(dataset, LONG_AGO)
            assert {"current"} == {window_name(dataset, days.start) for days in (LONG_AGO, TODAY)}


def test_today_is_that_of_paris() -> None:
    assert TODAY == current_days(datetime(2026, 11, 21, 23, 30, tzinfo=UTC))


def test_a_record_that_is_stored_costs_no_call_until_it_is_a_month_old() -> None:
    for dataset in RECORDS:
        with case(dataset):
            known = fetched(NOW)

            assert [] == missing_windows(dataset, TODAY, known, NOW)
            assert [] == missing_windows(dataset, TODAY, known, NOW + MONTH - MOMENT)
            assert [current_days(NOW + MONTH)] == missing_windows(dataset, TODAY, known, NOW + MONTH)


def test_a_record_that_is_not_there_is_asked_for_again_at_its_moment() -> None:
    for dataset in RECORDS:
        with case(dataset):
            again = NOW + timedelta(days=1)
            known = absent(dataset, Reason.NO_MEASURE, NOW, again)

            assert [] == missing_windows(dataset, TODAY, known, again - MOMENT)
            assert [current_days(again)] == missing_windows(dataset, TODAY, known, again)


def test_a_record_that_will_never_be_there_is_asked_for_again_when_it_has_aged() -> None:
    for dataset in RECORDS:
        with case(dataset):
            known = absent(dataset, Reason.WRONG_DIRECTION, NOW, None)["current"]

            assert not is_record_due(dataset, known, NOW + MONTH - MOMENT)
            assert is_record_due(dataset, known, NOW + MONTH)


def test_a_planned_call_finds_out_whether_somebody_else_has_fetched_the_record() -> None:
    for dataset in RECORDS:
        with case(dataset):
            yesterday = DayRange(date(2026, 11, 21), date(2026, 11, 22))

            assert [yesterday] == due_windows(dataset, yesterday, {}, NOW)
            assert [] == due_windows(dataset, yesterday, fetched(NOW), NOW)


def test_a_record_is_missing_as_one_gap_with_its_reason_or_not_at_all() -> None:
    for dataset in RECORDS:
        with case(dataset):
            again = NOW + timedelta(days=1)

            assert [Gap(TODAY.start, TODAY.end, Reason.NOT_FETCHED)] == missing_days(dataset, TODAY, {}, NOW)
            assert [Gap(TODAY.start, TODAY.end, Reason.NO_MEASURE, ask_again_at=again)] == missing_days(
                dataset, TODAY, absent(dataset, Reason.NO_MEASURE, NOW, again), NOW
            )
            assert [] == missing_days(dataset, TODAY, fetched(NOW - MONTH, LONG_AGO), NOW)


def test_the_refresh_does_not_begin_what_nobody_has_asked_for() -> None:
    for name in ["identity", "contact", "address", "consumption_index", "production_index"]:
        with case(name):
            assert [] == refresh_windows(DATASETS[name], {}, NOW)


def test_the_refresh_begins_the_contract() -> None:
    assert [TODAY] == refresh_windows(DATASETS["contract"], {}, NOW)


def test_the_refresh_renews_a_record_that_was_asked_for_once_it_is_a_month_old() -> None:
    for dataset in RECORDS:
        with case(dataset):
            assert [] == refresh_windows(dataset, fetched(NOW - MONTH + MOMENT, LONG_AGO), NOW)
            assert [TODAY] == refresh_windows(dataset, fetched(NOW - MONTH, LONG_AGO), NOW)


def test_the_refresh_goes_on_with_an_index_that_was_asked_for() -> None:
    for dataset in INDEXES:
        with case(dataset):
            known = {"2026-11": Coverage("2026-11", NOW, date(2026, 11, 1), date(2026, 11, 20))}

            assert [DayRange(date(2026, 11, 1), date(2026, 11, 22))] == refresh_windows(dataset, known, NOW)


def test_a_record_that_can_not_be_renewed_is_asked_for_at_its_moment_whatever_its_age() -> None:
    for dataset in RECORDS:
        with case(dataset):
            again = NOW + timedelta(days=1)
            gap = Gap(TODAY.start, TODAY.end, Reason.CONSENT_LOST, partial=True, ask_again_at=again)
            known = Coverage("current", NOW - 2 * MONTH, TODAY.start, TODAY.end, (gap,))

            assert not is_record_due(dataset, known, again - MOMENT)
            assert is_record_due(dataset, known, again)


def test_what_nobody_would_ask_for_is_missing_for_that_reason() -> None:
    days = DayRange(date(2026, 11, 1), date(2026, 11, 30))
    known = {
        "2026-11-01": absence_of(
            DATASETS["production_load_curve"], DayRange(days.start, date(2026, 11, 2)), Reason.NO_MEASURE, NOW
        )
    }

    series = missing_days(DATASETS["production_load_curve"], days, known, NOW, against=Reason.WRONG_DIRECTION)
    record = missing_days(DATASETS["contract"], TODAY, {}, NOW, against=Reason.CURVE_NOT_COLLECTED)

    assert [(days.start, Reason.NO_MEASURE), (date(2026, 11, 2), Reason.WRONG_DIRECTION)] == [
        (gap.start, gap.reason) for gap in series
    ]
    assert [Gap(TODAY.start, TODAY.end, Reason.CURVE_NOT_COLLECTED)] == record
