"""The same readings as JSON, JSON lines, CSV and Parquet: the same times, values and gaps in each."""

import csv
import io
import json
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import ONE_DAY, PARIS, day_start
from shared.core.datasets import Series
from shared.readings.models import Coverage, Reading
from tests.support.api_gateway import NOON, PRM, Person, Stage
from tests.support.storing import save_window

pytestmark = pytest.mark.anyio

JSON, LINES, CSV, PARQUET = (
    "application/json",
    "application/x-ndjson",
    "text/csv",
    "application/vnd.apache.parquet",
)
AUTUMN = date(2025, 10, 26)
CURVE = f"/v1/usage-points/{PRM}/readings/consumption_load_curve"
DAYS = {"start": str(AUTUMN), "end": str(AUTUMN + ONE_DAY)}


async def read(stage: Stage, person: Person, accept: str, path: str = CURVE, **query: str) -> httpx.Response:
    headers = {**person.headers, "Accept": accept}
    return await stage.client.get(path, headers=headers, params={**DAYS, **query})


def rows_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """The rows of a CSV, all values as text."""
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def table_of(answer: httpx.Response) -> pa.Table:
    return pq.read_table(io.BytesIO(answer.content))


async def test_every_format_has_the_same_moments_and_values_on_the_day_of_a_clock_change(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, AUTUMN, AUTUMN + ONE_DAY)

    answers = {accept: await read(stage, person, accept) for accept in (JSON, LINES, CSV, PARQUET)}

    assert {accept: (200, accept) for accept in answers} == {
        accept: (answer.status_code, answer.headers["Content-Type"].split(";")[0]) for accept, answer in answers.items()
    }
    expected = [(each["start"], each["value"]) for each in answers[JSON].json()["readings"]]
    assert 50 == len(set(expected))
    lines = [json.loads(line) for line in answers[LINES].text.splitlines()]
    assert expected == [(line["start"], line["value"]) for line in lines]
    assert {"W"} == {line["unit"] for line in lines}
    assert expected == [(row["start"], int(row["value"])) for row in rows_of(answers[CSV])]
    table = table_of(answers[PARQUET]).to_pydict()
    assert expected == [
        (start.astimezone(PARIS).isoformat(), value)
        for start, value in zip(table["start"], table["value"], strict=True)
    ]


async def test_csv_is_as_rfc_4180_has_it(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, AUTUMN, AUTUMN + ONE_DAY)

    answer = await read(stage, person, CSV)

    lines = answer.content.split(b"\r\n")
    assert b"start,step,value,unit,quality" == lines[0]
    assert b"2025-10-26T02:30:00+02:00,PT30M,5,W,raw" == lines[6]
    assert (52, b"") == (len(lines), lines[-1])
    assert b"\n" not in b"".join(lines)
    name = "consumption_load_curve_2025-10-26_2025-10-27.csv"
    assert f'attachment; filename="{name}"' == answer.headers["Content-Disposition"]


async def test_parquet_has_types_a_time_zone_and_says_what_it_is(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, AUTUMN, AUTUMN + ONE_DAY)

    answer = await read(stage, person, PARQUET, end="2025-10-28")

    schema = table_of(answer).schema
    assert {
        "start": pa.timestamp("ms", tz="Europe/Paris"),
        "step_seconds": pa.int32(),
        "value": pa.int64(),
        "quality": pa.dictionary(pa.int8(), pa.string()),
    } == {field.name: field.type for field in schema}
    metadata = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    missing = json.loads(metadata.pop("missing"))
    assert {"usage_point_id": PRM, "dataset": "consumption_load_curve", "unit": "W"}.items() <= metadata.items()
    assert [("2025-10-27", "2025-10-28", "not_fetched")] == [
        (each["start"], each["end"], each["reason"]) for each in missing
    ]
    assert answer.headers["Content-Disposition"].endswith('.parquet"')


async def test_what_has_no_place_in_a_format_is_in_headers(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, AUTUMN, AUTUMN + ONE_DAY)

    for accept in (LINES, CSV, PARQUET):
        answer = await read(stage, person, accept, end="2025-10-29")

        assert ("2", "partial") == (answer.headers["X-Missing-Days"], answer.headers["X-Cache-Status"]), accept
        assert "Accept" in answer.headers["Vary"].split(", "), accept
        link = answer.headers["Link"]
        assert link.endswith('>; rel="describedby"'), accept
        described = await stage.client.get(link[1 : link.index(">")], headers=person.headers)
        assert ["complete", "unknown"] == [each["state"] for each in described.json()["ranges"]], accept


async def test_nothing_stored_is_a_file_without_rows(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    answers = {accept: await read(stage, person, accept) for accept in (LINES, CSV, PARQUET)}

    assert b"" == answers[LINES].content
    assert [] == rows_of(answers[CSV])
    assert 0 == table_of(answers[PARQUET]).num_rows


async def test_peaks_registers_and_origins_have_columns_of_their_own(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    """Spreadsheets treat no cell as a formula, whatever the name of a register."""
    day = date(2026, 10, 1)
    public_key = await stage.resources.accounts.load_public_key(usage_point.account_id)
    registers = {"=HYPERLINK(1)": 7, "HCH": 10}
    stored = {
        "daily_consumption_max_power": Reading(day_start(day), "P1D", 6000, day_start(day) + timedelta(hours=19)),
        "consumption_index": Reading(day_start(day), "P1D", 17, registers=registers),
        "daily_consumption": Reading(day_start(day), "P1D", 1234),
    }
    for dataset, reading in stored.items():
        series = Series(usage_point.account_id, usage_point.id, dataset)
        known = Coverage("2026-10", NOON, day, day + ONE_DAY)
        await save_window(stage.resources.readings, series, known, [reading], public_key)
    days = {"start": str(day), "end": str(day + ONE_DAY)}
    answers = {
        (dataset, accept): await read(stage, person, accept, f"/v1/usage-points/{PRM}/readings/{dataset}", **days)
        for dataset in stored
        for accept in (CSV, PARQUET)
    }

    (peak,), (index,), (energy,) = (rows_of(answers[dataset, CSV]) for dataset in stored)
    assert "2026-10-01T19:00:00+02:00" == peak["at"]
    assert registers == json.loads(index["registers"])
    assert index["registers"].startswith("{")
    assert ("1234", "") == (energy["value"], energy["origin"])
    tables = {dataset: table_of(answers[dataset, PARQUET]).to_pylist()[0] for dataset in stored}
    assert datetime(2026, 10, 1, 17, tzinfo=NOON.tzinfo) == tables["daily_consumption_max_power"]["at"]
    assert registers == dict(tables["consumption_index"]["registers"])
    assert (86_400, None) == (tables["daily_consumption"]["step_seconds"], tables["daily_consumption"]["origin"])


LIKED_BEST = {
    "": JSON,
    "*/*": JSON,
    "text/*": CSV,
    "text/csv;q=0.5, application/json;q=0.4": CSV,
    "text/csv;q=0.5, application/*;q=0.6": JSON,
    "application/json;q=0, */*;q=0.1": LINES,
    "TEXT/CSV; header=present": CSV,
    "text/html, application/xhtml+xml, */*;q=0.8": JSON,
    "application/vnd.apache.parquet, */*;q=0.1": PARQUET,
}


async def test_of_what_there_is_the_caller_gets_what_they_like_best(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    answers = {accept: await read(stage, person, accept) for accept in LIKED_BEST}

    assert {accept: (200, expected) for accept, expected in LIKED_BEST.items()} == {
        accept: (answer.status_code, answer.headers["Content-Type"].split(";")[0]) for accept, answer in answers.items()
    }


async def test_a_format_that_there_is_not_is_refused(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    for accept in ("application/xml", "text/csv;q=0", "*/*;q=0", "text/csv;q=x", "json", ";,;"):
        answer = await read(stage, person, accept)

        assert (406, "not_acceptable") == (answer.status_code, answer.json()["code"]), accept
        assert "application/problem+json" == answer.headers["Content-Type"], accept


async def test_a_record_is_json_only(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    record = f"/v1/usage-points/{PRM}/readings/contract"

    answers = [await stage.client.get(record, headers={**person.headers, "Accept": accept}) for accept in (CSV, "*/*")]

    assert [406, 200] == [answer.status_code for answer in answers]


async def test_a_record_has_no_values_to_compute(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    path = f"/v1/usage-points/{PRM}/readings/contract"
    for name, value in (("resolution", "day"), ("unit", "kWh")):
        answer = await stage.client.get(path, params={name: value}, headers=person.headers)

        assert (422, [name]) == (answer.status_code, [each["pointer"] for each in answer.json()["errors"]])


async def test_values_are_summed_up_over_hours_and_days_and_say_what_is_missing(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, AUTUMN, AUTUMN + ONE_DAY)

    hours = (await read(stage, person, JSON, resolution="hour")).json()
    days = (await read(stage, person, JSON, resolution="day", unit="kWh")).json()
    months = (await read(stage, person, JSON, resolution="month", unit="W")).json()

    assert ("hour", "Wh", 25) == (hours["resolution"], hours["unit"], len(hours["readings"]))
    # The third and the fourth hour of the day are both at two o'clock; the value of a half-hour is its number.
    assert [("2025-10-26T02:00:00+02:00", 4.5), ("2025-10-26T02:00:00+01:00", 6.5)] == [
        (each["start"], each["value"]) for each in hours["readings"][2:4]
    ]
    whole = {"start": "2025-10-26T00:00:00+02:00", "step": "P1D", "value": 0.6125, "quality": "computed", "coverage": 1}
    assert ("kWh", [whole]) == (days["unit"], days["readings"])
    (month,) = months["readings"]
    assert ("2025-10-01T00:00:00+02:00", "P1M", 24.5, 0.0335) == (
        month["start"],
        month["step"],
        month["value"],
        month["coverage"],
    )


async def test_computed_values_have_their_coverage_in_every_format(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, AUTUMN, AUTUMN + ONE_DAY)

    answers = {accept: await read(stage, person, accept, resolution="week", unit="kWh") for accept in (CSV, PARQUET)}

    # A week of 169 hours: its Sunday has 25.
    (row,) = rows_of(answers[CSV])
    assert {
        "start": "2025-10-20T00:00:00+02:00",
        "step": "P1W",
        "value": "0.6125",
        "unit": "kWh",
        "quality": "computed",
        "coverage": "0.1479",
    } == row
    (typed,) = table_of(answers[PARQUET]).to_pylist()
    assert (169 * 3600, 0.6125, "computed", 0.1479) == (
        typed["step_seconds"],
        typed["value"],
        typed["quality"],
        typed["coverage"],
    )


async def test_what_has_no_meaning_is_refused(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    meaningless = {
        "daily_consumption?resolution=hour": ["resolution"],
        "consumption_index?resolution=month": ["resolution"],
        "daily_consumption_max_power?unit=kWh": ["unit"],
        "consumption_load_curve?resolution=year": ["resolution"],
        "consumption_load_curve?unit=J": ["unit"],
    }
    for query, pointers in meaningless.items():
        path = f"/v1/usage-points/{PRM}/readings/{query}"

        answer = await stage.client.get(path, headers=person.headers)
        with_days = await stage.client.get(f"{path}&start=2025-10-26&end=2025-10-27", headers=person.headers)

        assert [422, 422] == [answer.status_code, with_days.status_code], query
        assert pointers == [each["pointer"] for each in with_days.json()["errors"]], query
