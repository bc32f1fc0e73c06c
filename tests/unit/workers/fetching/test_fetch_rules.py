"""The rules of the fetcher that need no store: the search for a usage point's first day, and the delay of retries."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.consents.models import GrantedPoint
from shared.core.calendar import DayRange, day_start, days_between
from shared.core.datasets import DATASETS
from shared.core.errors import AppError, BeforeActivation, BeyondHistory, NoSlotYet
from shared.jobs.models import Lane
from shared.readings.models import Gap, Reading, Reason
from tests.support.cases import case
from workers.fetching.fetcher import _backoff, _fetch_from_first_day, _known_from
from workers.upstream.port import FetchRequest, RecordRequest

PRM = "99000000009101"
DAILY = DATASETS["daily_consumption"]
CURVE = DATASETS["consumption_load_curve"]
START = date(2025, 9, 1)
BEFORE = Reason.BEFORE_ACTIVATION


class Meter:
    """A provider of one usage point with a first day of service: like Enedis, it refuses a period that starts earlier,
    and does not report that day."""

    name = "enedis"
    refusal: type[AppError] = BeforeActivation

    def __init__(self, in_service_since: date) -> None:
        self.in_service_since = in_service_since
        self.asked: list[DayRange] = []

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        self.asked.append(request.days)
        if request.days.start < self.in_service_since:
            raise self.refusal
        return [Reading(day_start(day), "P1D", 1) for day in days_between(request.days.start, request.days.end)]

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        raise NotImplementedError

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        raise NotImplementedError


@given(days=st.integers(1, 400), offset=st.integers(1, 400))
def test_the_first_day_in_service_is_found_exactly_and_with_few_calls(days: int, offset: int) -> None:
    whole = DayRange(START, START + timedelta(days=days))
    # The fetcher searches for it after the whole period was refused: at least the first day lies before it.
    meter = Meter(START + timedelta(days=min(offset, days)))

    first_day, readings = asyncio.run(_fetch_from_first_day(meter, FetchRequest(PRM, DAILY, whole, Lane.BULK)))

    assert meter.in_service_since == first_day
    assert [day_start(day) for day in days_between(first_day, whole.end)] == [each.start for each in readings]
    assert len(meter.asked) <= math.ceil(math.log2(days)) if days > 1 else not meter.asked
    assert all(whole.start < asked.start and asked.end == whole.end for asked in meter.asked)


def test_a_year_costs_at_most_nine_calls() -> None:
    year = DayRange(START, START + timedelta(days=365))
    costs = []
    for offset in range(1, 366, 7):
        meter = Meter(START + timedelta(days=offset))
        asyncio.run(_fetch_from_first_day(meter, FetchRequest(PRM, DAILY, year, Lane.BULK)))
        costs.append(len(meter.asked))

    assert 9 == max(costs)


def test_the_first_day_that_a_provider_keeps_is_found_in_the_same_way() -> None:
    class Forgetful(Meter):
        refusal = BeyondHistory

    meter = Forgetful(START + timedelta(days=5))
    days = DayRange(START, START + timedelta(days=7))

    first_day, readings = asyncio.run(_fetch_from_first_day(meter, FetchRequest(PRM, DAILY, days, Lane.BULK)))

    assert (START + timedelta(days=5), 2) == (first_day, len(readings))


def test_another_error_ends_the_search() -> None:
    class Busy(Meter):
        async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
            await super().fetch_readings(request)
            raise NoSlotYet

    days = DayRange(START, START + timedelta(days=8))
    with pytest.raises(NoSlotYet):
        asyncio.run(_fetch_from_first_day(Busy(START), FetchRequest(PRM, DAILY, days, Lane.BULK)))


def _readings(*days: date) -> list[Reading]:
    return [Reading(day_start(day), "P1D", 1) for day in days]


def test_a_window_that_the_answer_holds_is_known_whole() -> None:
    window = DayRange(date(2025, 9, 1), date(2025, 9, 4))

    known = _known_from(DAILY, window, window.start, BEFORE, _readings(*days_between(window.start, window.end)))

    assert ("2025-09", window.start, window.end, ()) == (known.window, known.since, known.through, known.gaps)


def test_the_days_before_the_point_was_in_service_are_told_apart_from_days_without_a_measure() -> None:
    window = DayRange(date(2025, 9, 1), date(2025, 9, 11))
    first_day = date(2025, 9, 6)

    known = _known_from(DAILY, window, first_day, BEFORE, _readings(date(2025, 9, 6), date(2025, 9, 8)))

    assert (window.start, window.end) == (known.since, known.through)
    assert (
        Gap(date(2025, 9, 1), date(2025, 9, 6), Reason.BEFORE_ACTIVATION),
        Gap(date(2025, 9, 7), date(2025, 9, 8), Reason.NO_MEASURE),
        Gap(date(2025, 9, 9), date(2025, 9, 11), Reason.NO_MEASURE),
    ) == known.gaps


def test_a_window_that_ends_before_the_point_was_in_service_is_absent_for_good() -> None:
    for first_day in [date(2025, 9, 2), date(2025, 10, 1)]:
        with case(first_day):
            window = DayRange(date(2025, 9, 1), date(2025, 9, 2))

            known = _known_from(CURVE, window, first_day, BEFORE, [])

            assert "absent" == known.state
            assert (Gap(window.start, window.end, Reason.BEFORE_ACTIVATION),) == known.gaps


def test_a_retry_waits_longer_each_time_and_never_at_the_same_moment_as_others() -> None:
    cases: list[tuple[int, int]] = [(1, 2), (2, 10), (3, 60), (4, 300), (5, 300), (20, 300)]

    for attempt, seconds in cases:
        with case(attempt, seconds):
            waits = [_backoff(attempt) for _ in range(50)]

            assert all(timedelta(seconds=seconds) <= wait <= timedelta(seconds=seconds * 1.25) for wait in waits)
            assert len(set(waits)) > 1


def test_what_is_known_is_dated_by_the_moment_of_the_answer() -> None:
    before = datetime.now(UTC)

    known = _known_from(CURVE, DayRange(date(2025, 9, 1), date(2025, 9, 2)), date(2025, 9, 1), BEFORE, [])

    assert before <= known.fetched_at <= datetime.now(UTC)
