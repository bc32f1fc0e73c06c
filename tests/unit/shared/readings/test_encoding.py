"""The compact text of a window: all possible readings of a meter survive a round trip."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.calendar import ONE_DAY, day_seconds, day_start, days_between, month_start, next_month
from shared.readings.encoding import DAY_STEP, pack_readings, pack_record, step_seconds, unpack_readings, unpack_record
from shared.readings.models import Reading
from tests.support.cases import case

SPRING, AUTUMN, ORDINARY = date(2026, 3, 29), date(2026, 10, 25), date(2026, 1, 15)
STEPS = {"PT5M": 300, "PT10M": 600, "PT15M": 900, "PT30M": 1800, "PT60M": 3600, "PT1H": 3600}

days = st.dates(date(2015, 1, 1), date(2035, 12, 31)) | st.sampled_from([SPRING, AUTUMN, ORDINARY])
values = st.integers(-(2**40), 2**40)
unhurried = settings(max_examples=50)


def curve(day: date, step: str = "PT30M") -> list[Reading]:
    """Every reading of a day at one step, each with a distinct value."""
    seconds = STEPS[step]
    start = day_start(day)
    return [Reading(start + timedelta(seconds=seconds * n), step, 100 + n) for n in range(day_seconds(day) // seconds)]


def round_trip(readings: list[Reading]) -> list[Reading]:
    return list(unpack_readings(pack_readings(readings)))


def shuffled(readings: list[Reading]) -> st.SearchStrategy[list[Reading]]:
    """In any order; a single draw, where `permutations` makes one per element."""
    return st.integers(0, 2**32).map(lambda seed: Random(seed).sample(readings, len(readings)))  # noqa: S311  # an order


@st.composite
def measured_days(draw: st.DrawFn) -> list[Reading]:
    """A day with arbitrary changes of step, with gaps, in any order, with some peaks."""
    day = draw(days)
    moment, end = day_start(day), day_start(day + ONE_DAY)
    readings: list[Reading] = []
    while moment < end:
        step = draw(st.sampled_from(sorted(STEPS)))
        length = timedelta(seconds=STEPS[step])
        for _ in range(draw(st.integers(1, 12))):
            if moment + length > end:
                break
            # A gap, a value, or one with the second of its peak: a single draw for all, as draws take the time.
            second, kind = divmod(draw(st.integers(0, 4 * STEPS[step] - 1)), 4)
            if kind:
                peak = moment + timedelta(seconds=second) if kind == 1 else None
                readings.append(Reading(moment, step, draw(values), peak))
            moment += length
        # A meter may also pause, and continue off its step.
        moment += timedelta(minutes=draw(st.sampled_from([0, 0, 5, 7, 60, 300])))
    return draw(shuffled(readings))


@st.composite
def measured_months(draw: st.DrawFn) -> list[Reading]:
    """Some days of a month, in any order, some with the time of their peak."""
    first = month_start(draw(days))
    readings = []
    for day in days_between(first, next_month(first)):
        if draw(st.integers(0, 4)):
            second = draw(st.none() | st.integers(0, day_seconds(day) - 1))
            peak = None if second is None else day_start(day) + timedelta(seconds=second)
            readings.append(Reading(day_start(day), DAY_STEP, draw(values), peak))
    return draw(shuffled(readings))


@st.composite
def read_months(draw: st.DrawFn) -> list[Reading]:
    """Some days of a meter's registers; a change of tariff changes the registers, some days have only the total."""
    named = st.dictionaries(st.text(max_size=8), values, min_size=1, max_size=6)
    tariffs = draw(st.lists(named, min_size=1, max_size=4))
    readings = []
    for reading in draw(measured_months()):
        tariff = draw(st.integers(0, len(tariffs)))
        # The registers of a tariff have different values every day.
        shown = {name: (value + reading.value) // 2 for name, value in tariffs[tariff - 1].items()} if tariff else None
        readings.append(replace(reading, registers=shown))
    return readings


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(measured_days())
@unhurried
def test_any_day_comes_back_in_order_and_as_it_was(readings: list[Reading]) -> None:
    assert sorted(readings, key=lambda each: each.start) == round_trip(readings)


@given(measured_months())
@unhurried
def test_any_month_of_daily_values_comes_back_in_order_and_as_it_was(readings: list[Reading]) -> None:
    assert sorted(readings, key=lambda each: each.start) == round_trip(readings)


@given(read_months())
@unhurried
def test_any_month_of_registers_comes_back_in_order_and_as_it_was(readings: list[Reading]) -> None:
    assert sorted(readings, key=lambda each: each.start) == round_trip(readings)


def test_registers_are_named_once_a_run_and_cost_nothing_where_there_are_none() -> None:
    first = Reading(day_start(ORDINARY), DAY_STEP, 300, registers={"HPH": 100, "HCH": 200})
    other = Reading(day_start(ORDINARY + ONE_DAY), DAY_STEP, 330, registers={"HCH": 210, "HPE": 0})
    plain = Reading(day_start(ORDINARY + 3 * ONE_DAY), DAY_STEP, 360)

    packed = json.loads(pack_readings([first, other, plain]))

    registers = {"HCH": [200, 210, None, None], "HPE": [None, 0, None, None], "HPH": [100, None, None, None]}
    assert [["P1D", "2026-01-15", [300, 330, None, 360], None, registers]] == packed
    assert [first, other, plain] == round_trip([plain, other, first])
    assert [["P1D", "2026-01-18", [360]]] == json.loads(pack_readings([plain]))


def test_no_registers_at_all_are_the_same_as_an_empty_set_of_them() -> None:
    empty = Reading(day_start(ORDINARY), DAY_STEP, 300, registers={})

    assert [replace(empty, registers=None)] == round_trip([empty])


@given(st.dictionaries(st.text(), json_values, max_size=6))
@unhurried
def test_any_record_comes_back_as_it_was(record: dict[str, object]) -> None:
    assert record == unpack_record(pack_record(record))


def test_half_a_character_in_a_record_is_replaced_and_the_rest_comes_back() -> None:
    """JSON can express it but UTF-8 can't encode it: a response with one must not make the record unreadable."""
    assert {"name": "x?y"} == unpack_record(pack_record({"name": json.loads('"x\\ud800y"')}))


def test_a_whole_day_is_one_run_however_long_it_is() -> None:
    cases: list[tuple[date, int]] = [(SPRING, 46), (ORDINARY, 48), (AUTUMN, 50)]

    for day, count in cases:
        with case(day, count):
            text = pack_readings(curve(day))

            assert [["PT30M", int(day_start(day).timestamp()), list(range(100, 100 + count))]] == json.loads(text)


def test_the_readings_come_back_in_utc() -> None:
    assert {UTC} == {reading.start.tzinfo for reading in round_trip(curve(AUTUMN))}


def test_a_gap_stays_a_gap_and_a_zero_stays_a_zero() -> None:
    whole = curve(ORDINARY)
    zero = Reading(whole[3].start, "PT30M", 0)
    with_gap = [*whole[:2], zero, *whole[10:]]

    assert with_gap == round_trip(with_gap)
    assert b"100,101,null,0,null" in pack_readings(with_gap)


def test_a_step_that_changes_within_the_day_begins_a_run() -> None:
    morning, evening = curve(ORDINARY, "PT30M")[:24], curve(ORDINARY, "PT10M")[72:]

    packed = pack_readings([*evening, *morning])

    assert ["PT30M", "PT10M"] == [run[0] for run in json.loads(packed)]
    assert [*morning, *evening] == list(unpack_readings(packed))


def test_a_reading_off_the_beat_of_its_run_keeps_its_own_start() -> None:
    first = Reading(day_start(ORDINARY), "PT30M", 1)
    late = Reading(day_start(ORDINARY) + timedelta(minutes=47), "PT30M", 2)

    assert [first, late] == round_trip([late, first])


def test_two_readings_of_the_same_start_both_come_back() -> None:
    start = day_start(ORDINARY)
    twice = [Reading(start, "PT30M", 1), Reading(start, "PT30M", 2), Reading(start + timedelta(minutes=30), "PT30M", 3)]

    assert twice == round_trip(twice)


def test_peaks_cost_nothing_where_there_are_none_and_keep_their_second_where_there_are() -> None:
    start = day_start(ORDINARY)
    plain = Reading(start, DAY_STEP, 3100)
    peaked = Reading(day_start(ORDINARY + ONE_DAY), DAY_STEP, 3533, start + timedelta(days=1, hours=4, seconds=59))

    assert 3 == len(json.loads(pack_readings([plain]))[0])
    assert 4 == len(json.loads(pack_readings([plain, peaked]))[0])
    assert [plain, peaked] == round_trip([plain, peaked])


def test_daily_values_are_counted_in_days_over_both_changes_of_the_clock() -> None:
    year = [Reading(day_start(day), DAY_STEP, 1) for day in days_between(date(2026, 1, 1), date(2027, 1, 1))]

    assert year == round_trip(year)
    assert [["P1D", "2026-01-01", [1] * 365]] == json.loads(pack_readings(year))


def test_nothing_is_packed_as_nothing() -> None:
    assert b"[]" == pack_readings([])
    assert [] == round_trip([])


def test_a_day_and_a_month_take_about_two_hundred_bytes() -> None:
    """More would need a second step of the encryption's padding, and twice the memory."""
    month = [Reading(day_start(date(2026, 1, n)), DAY_STEP, 12_345) for n in range(1, 32)]

    assert len(pack_readings(curve(AUTUMN))) < 240
    assert len(pack_readings(month)) < 240


# Steps


def test_a_step_is_read_as_its_seconds() -> None:
    cases: list[tuple[str, int]] = [*STEPS.items(), ("PT1M", 60), ("PT24H", 86_400), ("PT999M", 59_940)]

    for step, seconds in cases:
        with case(step, seconds):
            assert seconds == step_seconds(step)


GARBAGE = [
    "",
    "P",
    "PT",
    "PTM",
    "PT0M",
    "PT-5M",
    "PT30S",
    "PT1.5H",
    "P1D",
    "P1M",
    "PT25H",
    "pt30m",
    " PT30M",
    "PT30M\n",
]
GARBAGE += ["PT²M", "PT" + "9" * 5000 + "M", "30", "NA", "PT1H30M", "PT+5M", "PT5 M", "PT1_0M"]


def test_what_is_no_step_is_refused_and_not_repeated() -> None:
    for step in GARBAGE:
        with case(step):
            with pytest.raises(ValueError, match="a step is") as refusal:
                step_seconds(step)

            assert len(str(refusal.value)) < 80


@given(st.text(max_size=12) | st.from_regex(r"PT[0-9A-Z]{0,5}[HM]", fullmatch=True))
@unhurried
def test_any_text_is_a_step_of_at_most_a_day_or_a_value_error(step: str) -> None:
    try:
        seconds = step_seconds(step)
    except ValueError as refusal:
        assert str(refusal).startswith("a step is")  # noqa: PT017  # both outcomes are valid; each has its own check
    else:
        assert 0 < seconds <= 86_400


def test_a_reading_that_could_not_be_unpacked_again_is_not_packed() -> None:
    """Encrypted, it would make its whole window unreadable, undetected until then."""
    for step in [step for step in GARBAGE if step != DAY_STEP]:
        with case(step):
            garbage = Reading(datetime(2026, 1, 15, tzinfo=UTC), step, 1)

            with pytest.raises(ValueError, match="a step is"):
                pack_readings([garbage])
