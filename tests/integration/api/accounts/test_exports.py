"""`GET /v1/account/export`: all stored data, decrypted with the request's key, as one zip."""

import asyncio
import csv
import io
import json
import zipfile
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from api.accounts.export import stream_export
from shared.consents.models import UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import Direction, Series
from shared.core.errors import Forbidden
from shared.crypto.vault import new_vault
from shared.jobs.models import Lane
from shared.readings.models import Coverage, Reading
from tests.support.api_gateway import NOON, OTHER_PRM, PRM, Person, Stage, half_hours
from tests.support.storing import save_record, save_window

pytestmark = pytest.mark.anyio

CURVE = "consumption_load_curve"
# Includes the repeated hour.
START, END = date(2025, 10, 1), date(2025, 12, 5)


async def export(stage: Stage, person: Person) -> zipfile.ZipFile:
    answer = await stage.client.get("/v1/account/export", headers=person.headers)
    assert 200 == answer.status_code, answer.text
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def read(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(name))


async def test_the_file_says_what_it_is_and_is_kept_by_nobody(stage: Stage, person: Person) -> None:
    answer = await stage.client.get("/v1/account/export", headers=person.headers)

    assert ("application/zip", "no-store") == (answer.headers["Content-Type"], answer.headers["Cache-Control"])
    assert 'attachment; filename="releve-export-2026-10-20.zip"' == answer.headers["Content-Disposition"]


async def test_every_reading_is_in_it_as_json_and_as_csv(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, START, END)

    archive = await export(stage, person)

    document = read(archive, f"readings/{PRM}/{CURVE}.json")
    assert (PRM, CURVE, "W", "Europe/Paris") == tuple(
        document[name] for name in ("usage_point_id", "dataset", "unit", "timezone")
    )
    days = (END - START).days
    expected = [
        (reading.start, reading.value)
        for number in range(days)
        for reading in half_hours(START + timedelta(days=number))
    ]
    assert expected == [(datetime.fromisoformat(each["start"]), each["value"]) for each in document["readings"]]
    assert "2025-10-26T02:30:00+02:00" in {each["start"] for each in document["readings"]}
    assert "2025-10-26T02:30:00+01:00" in {each["start"] for each in document["readings"]}
    assert days == len(document["windows"])
    rows = list(csv.DictReader(io.StringIO(archive.read(f"readings/{PRM}/{CURVE}.csv").decode())))
    assert [(each["start"], each["step"], str(each["value"])) for each in document["readings"]] == [
        (row["start"], row["step"], row["value"]) for row in rows
    ]


async def test_peaks_and_registers_keep_what_they_have(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_months(usage_point, "daily_consumption_max_power", date(2026, 9, 1), date(2026, 9, 2))
    series = Series(usage_point.account_id, usage_point.id, "consumption_index")
    known = Coverage("2026-09", NOON, date(2026, 9, 1), date(2026, 9, 2))
    readings = [Reading(NOON, "P1D", 300, registers={"HCB": 100, "HPB": 200})]
    key = await stage.resources.accounts.load_public_key(person.account.id)
    await save_window(stage.resources.readings, series, known, readings, key)

    archive = await export(stage, person)

    (peak,) = read(archive, f"readings/{PRM}/daily_consumption_max_power.json")["readings"]
    assert "2026-09-01T19:00:00+02:00" == peak["at"]
    (index,) = read(archive, f"readings/{PRM}/consumption_index.json")["readings"]
    assert {"HCB": 100, "HPB": 200} == index["registers"]
    (row,) = csv.DictReader(io.StringIO(archive.read(f"readings/{PRM}/consumption_index.csv").decode()))
    assert "HCB=100 HPB=200" == row["registers"]


async def test_records_are_in_it(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    series = Series(usage_point.account_id, usage_point.id, "identity")
    known = Coverage("current", NOON, NOON.date(), NOON.date() + timedelta(days=1))
    key = await stage.resources.accounts.load_public_key(person.account.id)
    await save_record(stage.resources.readings, series, known, {"lastname": "SYNTHETIQUE"}, key)

    archive = await export(stage, person)

    assert {"lastname": "SYNTHETIQUE"} == read(archive, f"records/{PRM}/identity.json")["record"]
    assert read(archive, f"records/{PRM}/address.json")["record"] is None


async def test_the_account_and_what_was_done_to_it_are_in_it(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.client.patch(f"/v1/usage-points/{PRM}", json={"label": "Maison 471"}, headers=person.headers)
    series, days = Series(person.account.id, usage_point.id, CURVE), DayRange(START, END)
    job = await stage.resources.jobs.create_job(series, days, Lane.INTERACTIVE, [days], {"traceparent": "x"}, NOON)
    await stage.resources.events.publish(person.account.id, "job.progress", {"job_id": job.id})

    archive = await export(stage, person)

    account = read(archive, "account.json")
    (key,) = account["keys"]
    assert (person.account.id, ["fetch", "manage", "read"]) == (account["id"], key["scopes"])
    assert person.api_key not in json.dumps(account)
    (consent,) = read(archive, "consents.json")
    assert (usage_point.consent.id, "granted", "2029-10-19") == (
        consent["id"],
        consent["status"],
        consent["expires_on"],
    )
    (point,) = read(archive, "usage_points.json")
    assert (PRM, "Maison 471", ["consumption"]) == (point["usage_point_id"], point["label"], point["directions"])
    (shown,) = read(archive, "jobs.json")
    assert (job.id, PRM, CURVE, "queued") == tuple(
        shown[name] for name in ("id", "usage_point_id", "dataset", "status")
    )
    assert "trace_context" not in shown
    assert "job.progress" in [event["type"] for event in read(archive, "events.json")]
    actions = [event["action"] for event in read(archive, "audit.json")]
    assert ("export.made", "account.created") == (actions[0], actions[-1])
    readme = archive.read("README.txt").decode()
    assert all(name in readme for name in archive.namelist() if "/" not in name and name != "README.txt")
    assert "Toutes les données que cette passerelle" in readme


async def test_long_chains_come_whole(stage: Stage, person: Person) -> None:
    # Three pages of each: a consent is an event too.
    for _ in range(105):
        await stage.resources.audit.note(person.account.id, NOON, "key_1", "synthetic.action")
        await stage.resources.authorization_states.create(person.account.id, NOON)

    archive = await export(stage, person)

    numbers = [event["number"] for event in read(archive, "audit.json")]
    assert len(numbers) > 200
    assert list(range(numbers[0], 0, -1)) == numbers
    found = {consent["id"] for consent in read(archive, "consents.json")}
    assert 105 == len(found)
    assert {each.id for each in await stage.resources.consents.list_for_account(person.account.id, limit=1000)} == found


async def test_an_empty_account_makes_a_valid_zip(stage: Stage, person: Person) -> None:
    archive = await export(stage, person)

    assert [] == read(archive, "usage_points.json")
    assert [] == read(archive, "jobs.json")


async def test_nobody_elses_points_are_in_it(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    neighbour = await stage.create_person()
    await stage.store_curve(await stage.grant(neighbour, OTHER_PRM, list(Direction)), START, START + timedelta(days=2))

    archive = await export(stage, person)

    assert [] == [name for name in archive.namelist() if OTHER_PRM in name]
    assert OTHER_PRM.encode() not in b"".join(archive.read(name) for name in archive.namelist())


async def test_a_window_that_does_not_open_is_named_and_the_others_are_there(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, START, START + timedelta(days=3))
    series = Series(person.account.id, usage_point.id, CURVE)
    day = START + timedelta(days=1)
    known = Coverage(str(day), NOON, day, day + timedelta(days=1))
    await save_window(stage.resources.readings, series, known, half_hours(day), new_vault().public_key)
    record = Series(person.account.id, usage_point.id, "contract")
    known = Coverage("current", NOON, day, day + timedelta(days=1))
    await save_record(stage.resources.readings, record, known, {"segment": "C5"}, new_vault().public_key)

    archive = await export(stage, person)

    document = read(archive, f"readings/{PRM}/{CURVE}.json")
    assert 2 * 48 == len(document["readings"])
    assert [str(day)] == [each["window"] for each in document["windows"] if each.get("unreadable")]
    assert read(archive, f"records/{PRM}/contract.json")["unreadable"]


async def test_it_needs_a_key_that_may_read_and_manage(stage: Stage, person: Person) -> None:
    for scopes in (["read", "fetch"], ["manage", "fetch"]):
        made = await stage.client.post("/v1/account/keys", json={"scopes": scopes}, headers=person.headers)
        headers = {"Authorization": f"Bearer {made.json()['api_key']}"}

        answer = await stage.client.get("/v1/account/export", headers=headers)

        assert (403, "forbidden") == (answer.status_code, answer.json()["code"]), scopes


async def test_it_is_made_so_often_and_no_more(stage: Stage, person: Person) -> None:
    answers = [await stage.client.get("/v1/account/export", headers=person.headers) for _ in range(7)]

    assert [200] * 6 + [429] == [answer.status_code for answer in answers]
    assert "Retry-After" in answers[-1].headers


async def test_a_client_that_leaves_ends_the_work(
    stage: Stage, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.store_curve(usage_point, START, END)
    caller = await stage.resources.accounts.authenticate(person.api_key, NOON)
    opened: list[str] = []
    try_windows = stage.resources.readings.try_windows

    async def noted(series: Series, windows: list[str], private_key: bytes) -> Any:
        opened.extend(windows)
        return await try_windows(series, windows, private_key)

    monkeypatch.setattr("api.accounts.export._BLOCK_BYTES", 1)
    monkeypatch.setattr("shared.readings.store.ReadingStore.try_windows", lambda _self, *given: noted(*given))
    blocks = stream_export(stage.resources, caller, NOON)
    while not opened:
        await anext(blocks)

    await blocks.aclose()  # type: ignore[attr-defined]  # it is a generator, as the streaming response expects
    seen = len(opened)
    await asyncio.sleep(0)

    assert seen == len(opened) < 2 * (END - START).days


async def test_a_key_that_opens_nothing_exports_nothing(stage: Stage, person: Person) -> None:
    caller = await stage.resources.accounts.authenticate(person.api_key, NOON)
    blind = type(caller)(caller.account, caller.key, None)

    with pytest.raises(Forbidden):
        await anext(stream_export(stage.resources, blind, NOON))
