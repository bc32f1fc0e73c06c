"""The end of event streams: keys, erasure, limits, heartbeats and shutdown."""

import asyncio
from datetime import timedelta

import pytest
from sse_starlette.sse import AppStatus

from api.events import streams as event_streams
from shared.consents.models import UsagePoint
from shared.events.listeners import Purpose
from tests.support.api_gateway import NOON, Person, Stage
from tests.support.event_jobs import create_job, tell
from tests.support.patience import PATIENCE_SECONDS
from tests.support.streams import Served, listening_to

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("end", ["revoked", "suspended", "expired"])
async def test_a_stream_ends_with_the_key(stage: Stage, web: Served, person: Person, end: str) -> None:
    caller = await stage.resources.accounts.authenticate(person.api_key, NOON)
    keys = stage.resources.accounts.keys
    # Expired by the clock of the process, but not by the stage's.
    expiry = NOON + timedelta(minutes=1) if end == "expired" else None
    made, text = await keys.create_key(caller.key, caller.private_key, NOON, expires_at=expiry)

    async with listening_to(web.client, "/v1/events", {"X-API-Key": text}) as stream:
        await stream.next()
        if end == "revoked":
            await keys.revoke_key(person.account.id, made.id, caller.key.id, NOON)
        elif end == "suspended":
            await stage.resources.administration.change_account(person.account.id, NOON, suspended=True, quotas={})
        await stage.resources.listeners.check_keys()
        rest = await stream.rest()

    assert [] == rest
    assert 0 == stage.resources.listeners.count[Purpose.STREAM]


async def test_the_keys_of_others_end_nobody(stage: Stage, web: Served, person: Person) -> None:
    stranger = await stage.create_person()
    async with (
        listening_to(web.client, "/v1/events", person.headers) as mine,
        listening_to(web.client, "/v1/events", stranger.headers) as theirs,
    ):
        await mine.next()
        await theirs.next()
        await stage.resources.administration.change_account(stranger.account.id, NOON, suspended=True, quotas={})
        await stage.resources.listeners.check_keys()
        await theirs.rest()
        await stage.resources.events.publish(person.account.id, "readings.updated", {})
        told = await mine.next()

    assert told is not None


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events?types=job.failed", "job"])
async def test_an_erased_account_is_told_so_and_no_more(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint, path: str
) -> None:
    job = await create_job(stage, usage_point)
    path = f"/v1/jobs/{job.id}/events" if path == "job" else path

    async with listening_to(web.client, path, person.headers) as stream:
        await stream.next()
        await web.client.delete("/v1/account", headers=person.headers)
        rest = await stream.rest()

    assert rest
    assert rest[-1] in ("account.erased", "job.cancelled")


async def test_a_job_whose_end_nobody_told_is_found_at_the_next_heartbeat(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0.05)
    job = await create_job(stage, usage_point, calls=1)

    async with listening_to(web.client, f"/v1/jobs/{job.id}/events", person.headers) as stream:
        await stream.next()
        await stage.resources.ledger.cancel(job.id, NOON)
        end = await stream.next()
        nothing = await stream.next()

    assert end is not None
    assert ("job.snapshot", "cancelled", None) == (end.type, end.data["data"]["status"], nothing)
    assert 1 <= stream.comments


async def test_a_heartbeat_says_how_far_the_listener_has_heard(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that the filter skipped need not be scanned again."""
    monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0.05)
    job = await create_job(stage, usage_point)

    async with listening_to(web.client, "/v1/events?types=consent.granted", person.headers) as stream:
        await stream.next()
        await tell(stage, job, "job.progress")
        heard = await stream.next_id()

    assert heard == await stage.resources.events.last_event_id(person.account.id)


async def test_an_account_has_so_many_streams_and_another_one_has_its_own(
    stage: Stage, web: Served, person: Person
) -> None:
    for _ in range(stage.resources.settings.listeners_per_account):
        stage.resources.listeners.join(person.account.id, Purpose.STREAM)
    stranger = await stage.create_person()

    async with (
        listening_to(web.client, "/v1/events", person.headers) as one_more,
        listening_to(web.client, "/v1/events", stranger.headers) as somebody_else,
    ):
        statuses = (one_more.answer.status_code, somebody_else.answer.status_code)
        code = one_more.answer.json()["code"]

    assert (429, 200) == statuses
    assert "too_many_listeners" == code


async def test_who_leaves_frees_its_place(stage: Stage, web: Served, person: Person) -> None:
    async with listening_to(web.client, "/v1/events", person.headers) as stream:
        await stream.next()
        during = stage.resources.listeners.count[Purpose.STREAM]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while stage.resources.listeners.count[Purpose.STREAM]:  # noqa: ASYNC110  # the server notices without an event
            await asyncio.sleep(0.01)

    assert 1 == during


async def test_a_head_request_opens_no_stream(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint
) -> None:
    job = await create_job(stage, usage_point)

    answers = [
        await web.client.head(path, headers=person.headers) for path in ("/v1/events", f"/v1/jobs/{job.id}/events")
    ]

    assert [(200, b""), (200, b"")] == [(answer.status_code, answer.content) for answer in answers]
    assert 0 == stage.resources.listeners.count[Purpose.STREAM]


async def test_a_server_that_is_told_to_stop_ends_streams_and_waits_at_once(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The wait limit is too long to end a wait: only the server's shutdown ends it.
    monkeypatch.setattr("api.http.long_polling.LONGEST_WAIT_SECONDS", int(10 * PATIENCE_SECONDS))
    job = await create_job(stage, usage_point)
    waiting = asyncio.create_task(
        web.client.get(f"/v1/jobs/{job.id}", headers={**person.headers, "Prefer": "wait=9999"})
    )

    async with listening_to(web.client, "/v1/events", person.headers) as stream:
        await stream.next()
        # The effect of the signal, without sending one.
        monkeypatch.setattr(AppStatus, "should_exit", True)
        web.server.should_exit = True
        async with asyncio.timeout(PATIENCE_SECONDS):
            rest = await stream.rest()
            answer = await waiting

    assert [] == rest
    assert (200, "queued") == (answer.status_code, answer.json()["status"])


async def test_what_is_no_event_is_refused(stage: Stage, person: Person) -> None:
    refused = [
        ({"Last-Event-ID": "x"}, ""),
        ({"Last-Event-ID": "1"}, ""),
        ({"Last-Event-ID": "9" * 30 + "-0"}, ""),
        ({}, "?last_event_id=%00"),
        ({}, "?types=job.invented"),
        ({}, "?types=" + "x" * 5000),
        ({}, "?" + "&".join(["types=job.failed"] * 50)),
    ]

    answers = [
        await stage.client.get(f"/v1/events{query}", headers={**person.headers, **headers})
        for headers, query in refused
    ]

    assert {(422, "validation_failed")} == {(answer.status_code, answer.json()["code"]) for answer in answers}
