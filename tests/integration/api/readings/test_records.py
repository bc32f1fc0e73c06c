"""Records over HTTP: requested and read without days."""

from datetime import date, timedelta
from typing import Any

import pytest

from shared.consents.models import UsagePoint
from shared.core.calendar import ONE_DAY, day_start
from shared.core.datasets import DATASETS, Direction, Series
from shared.jobs.ledger import OK
from shared.jobs.models import CallTicket
from shared.readings.models import Coverage, Reading, Reason
from shared.readings.planning import absence_of, current_days
from tests.support.api_gateway import NOON, PRM, Person, Stage
from tests.support.storing import save_record, save_window

pytestmark = pytest.mark.anyio

RECORDS = ["contract", "address", "identity", "contact"]
CONTRACT = {"segment": "C5", "subscribed_power": {"value": 6, "unit": "kVA"}, "tariff": "Été"}
MONTH = timedelta(days=30)


def asked_for(dataset: str, **others: object) -> dict[str, object]:
    return {"usage_point_id": PRM, "dataset": dataset, **others}


def path(dataset: str, query: str = "") -> str:
    return f"/v1/usage-points/{PRM}/readings/{dataset}{query}"


async def store(stage: Stage, usage_point: UsagePoint, dataset: str, record: dict[str, Any] | None) -> None:
    """Act as a worker: encrypt and store the record, or store that there is none."""
    series = Series(usage_point.account_id, usage_point.id, dataset)
    days, now = current_days(stage.clock.now), stage.clock.now
    if record is None:
        absent = absence_of(DATASETS[dataset], days, Reason.NO_MEASURE, now, now + ONE_DAY)
        await save_window(stage.resources.readings, series, absent, [], b"")
        return
    public_key = await stage.resources.accounts.load_public_key(usage_point.account_id)
    fetched = Coverage("current", now, days.start, days.end)
    await save_record(stage.resources.readings, series, fetched, record, public_key)


async def test_a_record_is_asked_for_without_days_and_is_one_call(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    for number, dataset in enumerate(RECORDS, start=1):
        answer = await stage.client.post("/v1/jobs", json=asked_for(dataset), headers=person.headers)

        assert 202 == answer.status_code, dataset
        job = answer.json()
        assert (dataset, None, None, 1) == (job["dataset"], job["start"], job["end"], job["progress"]["calls_total"])
        assert path(dataset) == job["links"]["readings"]
        assert [("2026-10-20", "2026-10-21", "not_fetched", True)] == [
            (each["start"], each["end"], each["reason"], each["retryable"]) for each in job["missing"]
        ], dataset
        assert number == len(await stage.queued("interactive")), dataset


async def test_a_job_for_a_record_can_be_followed_to_its_end_also_days_later(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    created = (await stage.client.post("/v1/jobs", json=asked_for("contract"), headers=person.headers)).json()
    await store(stage, usage_point, "contract", CONTRACT)
    await stage.resources.ledger.start_call(CallTicket(created["id"], 0), NOON, 10)
    await stage.resources.ledger.settle(CallTicket(created["id"], 0), OK, NOON)
    stage.clock.now = NOON + timedelta(days=3)

    job = (await stage.client.get(created["links"]["self"], headers=person.headers)).json()

    assert ("succeeded", None, None, []) == (job["status"], job["start"], job["end"], job["missing"])


Days = dict[str, str | None]
WITH_DAYS: list[tuple[Days, list[str]]] = [
    ({"start": "2026-10-01"}, ["/start"]),
    ({"end": "2026-10-01"}, ["/end"]),
    ({"start": "2026-10-01", "end": "2026-10-08"}, ["/start", "/end"]),
    ({"start": None}, ["/start"]),
    ({"start": None, "end": None}, ["/start", "/end"]),
]
WITHOUT_DAYS: list[tuple[Days, list[str]]] = [
    ({}, ["/start", "/end"]),
    ({"start": "2026-10-01"}, ["/end"]),
    ({"end": "2026-10-08"}, ["/start"]),
    ({"start": None, "end": "2026-10-08"}, ["/start"]),
]


async def test_a_record_with_days_is_refused(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    for days, pointers in WITH_DAYS:
        answer = await stage.client.post("/v1/jobs", json=asked_for("contract", **days), headers=person.headers)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), days
        assert pointers == [each["pointer"] for each in answer.json()["errors"]], days
    assert [] == await stage.queued("interactive")


async def test_a_series_without_days_is_refused(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    for days, pointers in WITHOUT_DAYS:
        asked = asked_for("daily_consumption", **days)
        answer = await stage.client.post("/v1/jobs", json=asked, headers=person.headers)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), days
        assert pointers == [each["pointer"] for each in answer.json()["errors"]], days


async def test_a_stored_record_is_read_without_days(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await store(stage, usage_point, "contract", CONTRACT)
    stage.clock.now = NOON + timedelta(days=5)

    answer = await stage.client.get(path("contract"), headers=person.headers)

    assert (200, "hit") == (answer.status_code, answer.headers["X-Cache-Status"])
    assert "no-store" == answer.headers["Cache-Control"]
    assert {
        "usage_point_id": PRM,
        "dataset": "contract",
        "record": CONTRACT,
        "fetched_at": "2026-10-20T10:00:00Z",
        "missing": [],
    } == answer.json()


async def test_a_record_that_is_old_is_still_read_and_costs_a_call(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await store(stage, usage_point, "contract", CONTRACT)
    young = await stage.client.post("/v1/jobs", json=asked_for("contract"), headers=person.headers)
    stage.clock.now = NOON + MONTH

    read = await stage.client.get(path("contract"), headers=person.headers)
    old = await stage.client.post("/v1/jobs", json=asked_for("contract"), headers=person.headers)

    assert ("succeeded", 0) == (young.json()["status"], young.json()["progress"]["calls_total"])
    assert ("partial", CONTRACT) == (read.headers["X-Cache-Status"], read.json()["record"])
    assert 1 == old.json()["progress"]["calls_total"]


async def test_a_record_that_was_never_fetched_is_a_miss(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    answer = await stage.client.get(path("identity"), headers=person.headers)

    assert (200, "miss") == (answer.status_code, answer.headers["X-Cache-Status"])
    assert (None, None) == (answer.json()["record"], answer.json()["fetched_at"])
    assert ["not_fetched"] == [each["reason"] for each in answer.json()["missing"]]


async def test_a_record_that_the_provider_does_not_have_says_why_and_when_to_ask_again(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await store(stage, usage_point, "contact", None)

    answer = await stage.client.get(path("contact"), headers=person.headers)

    assert (200, "hit", None) == (answer.status_code, answer.headers["X-Cache-Status"], answer.json()["record"])
    assert [("no_measure", True, "2026-10-21T10:00:00Z")] == [
        (each["reason"], each["retryable"], each["ask_again_at"]) for each in answer.json()["missing"]
    ]


async def test_a_record_is_not_read_by_days(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await store(stage, usage_point, "contract", CONTRACT)
    by_days = {
        "?start=2026-10-01": ["start"],
        "?end=2026-10-01": ["end"],
        "?start=2026-10-01&end=2026-10-08": ["start", "end"],
        "?start=x": ["start"],
        "?start=": ["start"],
    }
    for query, pointers in by_days.items():
        answer = await stage.client.get(path("contract", query), headers=person.headers)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), query
        assert pointers == [each["pointer"] for each in answer.json()["errors"]], query


async def test_another_account_reads_no_record(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await store(stage, usage_point, "identity", {"lastname": "Personne-Inventée"})
    stranger = await stage.create_person()

    answer = await stage.client.get(path("identity"), headers=stranger.headers)

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])
    assert "Personne" not in answer.text


async def test_a_producer_alone_may_ask_for_records(stage: Stage, person: Person) -> None:
    await stage.grant(person, directions=[Direction.PRODUCTION])

    answer = await stage.client.post("/v1/jobs", json=asked_for("contract"), headers=person.headers)

    assert 202 == answer.status_code


async def test_an_index_needs_the_direction_that_it_counts(stage: Stage) -> None:
    found: dict[str, list[int]] = {"consumption_index": [], "production_index": []}
    for direction, prm in ((Direction.CONSUMPTION, PRM), (Direction.PRODUCTION, f"{PRM[:-1]}9")):
        someone = await stage.create_person()
        await stage.grant(someone, prm, [direction])
        for dataset, statuses in found.items():
            wanted = asked_for(dataset, usage_point_id=prm, start="2026-10-01", end="2026-10-08")
            answer = await stage.client.post("/v1/jobs", json=wanted, headers=someone.headers)
            statuses.append(answer.status_code)

    assert {"consumption_index": [202, 422], "production_index": [422, 202]} == found


async def test_registers_are_shown_where_there_are_some(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    first, second = date(2026, 10, 1), date(2026, 10, 2)
    readings = [
        Reading(day_start(first), "P1D", 30_100, registers={"HCH": 10_000, "HPH": 20_100}),
        Reading(day_start(second), "P1D", 30_400),
    ]
    series = Series(usage_point.account_id, usage_point.id, "consumption_index")
    public_key = await stage.resources.accounts.load_public_key(usage_point.account_id)
    known = Coverage("2026-10", NOON, first, second + ONE_DAY)
    await save_window(stage.resources.readings, series, known, readings, public_key)

    answer = await stage.client.get(
        path("consumption_index", "?start=2026-10-01&end=2026-10-03"), headers=person.headers
    )

    assert ("hit", "Wh") == (answer.headers["X-Cache-Status"], answer.json()["unit"])
    plain = {"step": "P1D", "quality": "raw"}
    assert [
        {
            **plain,
            "start": "2026-10-01T00:00:00+02:00",
            "value": 30_100,
            "registers": {"HCH": 10_000, "HPH": 20_100},
        },
        {**plain, "start": "2026-10-02T00:00:00+02:00", "value": 30_400},
    ] == answer.json()["readings"]


async def test_a_usage_point_says_which_records_are_stored(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await store(stage, usage_point, "contract", CONTRACT)
    await store(stage, usage_point, "contact", None)

    answer = await stage.client.get(f"/v1/usage-points/{PRM}", headers=person.headers)

    common = {"start": None, "end": None, "last_fetched_at": "2026-10-20T10:00:00Z"}
    assert [
        {**common, "dataset": "contract", "windows": {"complete": 1, "partial": 0, "absent": 0}},
        {**common, "dataset": "contact", "windows": {"complete": 0, "partial": 0, "absent": 1}},
    ] == answer.json()["coverage"]
