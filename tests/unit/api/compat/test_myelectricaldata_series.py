"""Time series of MyElectricalData v1: a parser of Enedis's v5 gets the same readings from them; the days returned."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi import HTTPException, Request
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.compat.enedis_formats.v5 import meter_reading
from api.compat.myelectricaldata.contract import V1_FAILURES, MyElectricalDataRoute
from api.compat.myelectricaldata.series import V1_SERIES, served_days
from shared.core.calendar import ONE_DAY, DayRange, day_seconds, day_start
from shared.core.datasets import DATASETS
from shared.core.errors import ConsentLost, NotFound, ProviderTimeout, QuotaExceeded, ValidationFailed, leaves
from shared.jobs.models import Lane
from shared.readings.column_batch import Columns
from shared.readings.models import Reading
from tests.support.cases import case
from workers.providers.enedis.adapter_v5 import parse_meter_reading
from workers.upstream.port import FetchRequest

PRM = "98765432101234"
NOON = datetime(2026, 10, 20, 10, tzinfo=UTC)
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


async def body_of(dataset: str, days: DayRange, readings: Sequence[Reading]) -> str:
    """The response body."""

    async def batches() -> AsyncIterator[Columns]:
        for each in readings:
            columns = Columns()
            peak = None if each.at is None else int(each.at.timestamp())
            columns.add(each.step, [int(each.start.timestamp())], [each.value], [peak])
            yield columns

    return (b'{"meter_reading":' + await meter_reading(PRM, DATASETS[dataset], days, batches()) + b"}").decode()


def read_back(dataset: str, days: DayRange, body: str) -> list[Reading]:
    """Parse a body with our Enedis adapter, which derives a label's instant from its position in the list."""
    return parse_meter_reading(json.loads(body), FetchRequest(PRM, DATASETS[dataset], days, Lane.INTERACTIVE))


@pytest.mark.anyio
@settings(max_examples=25)
@given(
    first=st.dates(date(2020, 1, 1), date(2030, 1, 1)) | st.sampled_from([SPRING, AUTUMN]),
    minutes=st.sampled_from([5, 10, 15, 30, 60]),
)
@example(first=AUTUMN, minutes=30)
@example(first=SPRING, minutes=60)
async def test_each_step_of_a_curve_ends_at_its_instant_also_in_the_nights_of_the_clock_changes(
    first: date, minutes: int
) -> None:
    step, seconds = timedelta(minutes=minutes), day_seconds(first)
    starts = [day_start(first) + number * step for number in range(seconds // (60 * minutes))]
    readings = [Reading(start, f"PT{minutes}M", number) for number, start in enumerate(starts)]
    days = DayRange(first, first + ONE_DAY)

    body = await body_of("consumption_load_curve", days, readings)

    assert readings == read_back("consumption_load_curve", days, body)


@pytest.mark.anyio
async def test_daily_values_keep_their_day_and_peaks_their_moment() -> None:
    for dataset in ["daily_consumption", "daily_production", "daily_consumption_max_power"]:
        with case(dataset):
            days = DayRange(SPRING, SPRING + 2 * ONE_DAY)
            readings = [Reading(day_start(day), "P1D", 9000 + day.day) for day in (SPRING, SPRING + ONE_DAY)]
            if dataset.endswith("max_power"):
                readings = [replace(each, at=each.start + timedelta(hours=19)) for each in readings]

            body = await body_of(dataset, days, readings)

            assert readings == read_back(dataset, days, body)
            assert {"P1D"} == {json.loads(body)["meter_reading"]["reading_type"]["measuring_period"]}


@pytest.mark.anyio
async def test_an_hour_is_written_in_minutes_and_every_value_is_a_text() -> None:
    days = DayRange(date(2026, 1, 15), date(2026, 1, 16))

    body = await body_of("production_load_curve", days, [Reading(day_start(days.start), "PT1H", 540)])

    assert {
        "usage_point_id": PRM,
        "start": "2026-01-15",
        "end": "2026-01-16",
        "quality": "BRUT",
        "reading_type": {"unit": "W", "measurement_kind": "power", "aggregate": "average"},
        "interval_reading": [
            {"value": "540", "date": "2026-01-15 01:00:00", "interval_length": "PT60M", "measure_type": "B"}
        ],
    } == json.loads(body)["meter_reading"]


@pytest.mark.parametrize(
    ("start", "end", "served"),
    [
        pytest.param(date(2026, 10, 1), date(2026, 10, 8), (date(2026, 10, 1), date(2026, 10, 8)), id="as asked"),
        pytest.param(date(2026, 10, 15), date(2026, 10, 22), (date(2026, 10, 15), date(2026, 10, 20)), id="future end"),
        pytest.param(date(2010, 1, 1), date(2026, 10, 20), (date(2024, 10, 6), date(2026, 10, 20)), id="long ago"),
    ],
)
def test_a_period_is_cut_to_the_days_that_can_be_had(start: date, end: date, served: tuple[date, date]) -> None:
    assert DayRange(*served) == served_days(DATASETS["consumption_load_curve"], start, end, NOON)


@pytest.mark.parametrize(
    ("start", "end", "refusal"),
    [
        pytest.param(date(2026, 10, 20), date(2026, 10, 22), NotFound, id="from today on"),
        pytest.param(date(2015, 1, 1), date(2015, 2, 1), NotFound, id="before all"),
        pytest.param(date(2026, 10, 2), date(2026, 10, 2), ValidationFailed, id="no day at all"),
        pytest.param(date(2026, 10, 3), date(2026, 10, 2), ValidationFailed, id="backwards"),
    ],
)
def test_a_period_of_which_nothing_is_left_is_refused(start: date, end: date, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        served_days(DATASETS["consumption_load_curve"], start, end, NOON)


def test_every_series_of_v5_is_offered_and_nothing_else() -> None:
    assert {
        "consumption_load_curve",
        "production_load_curve",
        "daily_consumption",
        "daily_consumption_max_power",
        "daily_production",
    } == {each.name for each in V1_SERIES}


def test_no_failure_has_a_status_that_the_clients_do_not_know() -> None:
    assert {403, 404, 409, 422, 503} == {V1_FAILURES.of(error)[0] for error in leaves()}
    assert [409, 403, 503] == [V1_FAILURES.of(error)[0] for error in (QuotaExceeded, ConsentLost, ProviderTimeout)]


def test_what_the_framework_refuses_keeps_its_status_in_the_form_of_the_contract() -> None:
    for status in [400, 413]:
        with case(status):
            answer = MyElectricalDataRoute.render(Request({"type": "http"}), HTTPException(status))

            assert (status, ["detail"]) == (answer.status_code, list(json.loads(bytes(answer.body))))
