"""The verdict on one day in a run with faults: the accepted and the rejected results."""

from datetime import date, timedelta

from bench.truth import Verdict, judge, told_of, true_day
from simulator.paris import day_start
from tests.support.cases import case

HOUSE, GAPS, NO_CURVE, MOVED_IN = "99000000000011", "99000000000055", "99000000000066", "99000000000088"
CURVE = "consumption_load_curve"
DAY = date(2026, 10, 25)
TRUTH = true_day(HOUSE, CURVE, DAY)
FIRST = day_start(DAY)


def test_a_day_that_is_stored_as_the_meter_has_it_is_whole() -> None:
    assert 50 == len(TRUTH.readings)
    assert Verdict.WHOLE == judge(TRUTH.readings, TRUTH, is_missing=False)


def test_a_day_that_lacks_a_reading_is_partial_when_that_is_told_and_unexplained_when_it_is_not() -> None:
    stored = {start: told for start, told in TRUTH.readings.items() if start != FIRST}

    assert Verdict.PARTIAL == judge(stored, TRUTH, is_missing=True)
    assert Verdict.UNEXPLAINED == judge(stored, TRUTH, is_missing=False)


def test_a_day_of_which_nothing_is_stored_needs_an_explanation() -> None:
    assert Verdict.EXPLAINED == judge({}, TRUTH, is_missing=True)
    assert Verdict.UNEXPLAINED == judge({}, TRUTH, is_missing=False)


def test_a_reading_that_is_not_the_meter_s_is_wrong_whatever_is_told_of_its_day() -> None:
    for is_missing in (False, True):
        with case(is_missing):
            step, watts, at, registers = TRUTH.readings[FIRST]
            changed = {**TRUTH.readings, FIRST: (step, watts + 1, at, registers)}
            invented = {**TRUTH.readings, FIRST + timedelta(minutes=10): ("PT30M", watts, None, None)}

            for stored in (changed, invented):
                assert Verdict.WRONG == judge(stored, TRUTH, is_missing=is_missing)


def test_of_a_day_that_enedis_has_not_nothing_may_be_stored_and_its_absence_must_be_told() -> None:
    cases: list[tuple[str, str, date]] = [
        (NO_CURVE, CURVE, DAY),
        (MOVED_IN, "daily_consumption", date(2026, 3, 15)),
        (HOUSE, "daily_production", DAY),
    ]

    for usage_point_id, dataset, day in cases:
        with case(usage_point_id, dataset, day):
            truth = true_day(usage_point_id, dataset, day)

            assert Verdict.WRONG == judge({FIRST: ("P1D", 0, None, None)}, truth, is_missing=True)
            assert Verdict.UNEXPLAINED == judge({}, truth, is_missing=False)
            assert Verdict.EXPLAINED == judge({}, truth, is_missing=True)


def test_a_day_with_holes_at_enedis_itself_is_never_whole() -> None:
    days = (DAY - timedelta(days=back) for back in range(60))
    holed = next(
        truth for day in days if 0 < len((truth := true_day(GAPS, CURVE, day)).readings) and not truth.is_whole
    )

    assert Verdict.UNEXPLAINED == judge(holed.readings, holed, is_missing=False)
    assert Verdict.PARTIAL == judge(holed.readings, holed, is_missing=True)


def test_a_reading_of_the_api_is_compared_by_its_instant() -> None:
    reading = {"start": "2026-10-25T02:00:00+01:00", "step": "PT30M", "value": 7, "quality": "raw"}

    assert (FIRST + timedelta(hours=3), ("PT30M", 7, None, None)) == told_of(reading)
