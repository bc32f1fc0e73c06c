"""The event streams of jobs and accounts: order, reconnects, and slow listeners."""

import asyncio
from typing import cast

import pytest

from api.events import streams as event_streams
from shared.consents.models import UsagePoint
from shared.events import listeners as listening
from shared.events.listeners import Purpose
from tests.support.api_gateway import NOON, PRM, Person, Stage
from tests.support.event_jobs import CURVE, create_job, tell
from tests.support.patience import PATIENCE_SECONDS
from tests.support.streams import Served, listening_to

pytestmark = pytest.mark.anyio


async def test_a_job_is_told_from_where_it_stands_to_its_end(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint
) -> None:
    job, other = await create_job(stage, usage_point), await create_job(stage, usage_point)

    async with listening_to(web.client, f"/v1/jobs/{job.id}/events", person.headers) as stream:
        first = await stream.next()
        await tell(stage, other, "job.failed")
        await tell(stage, job, "job.progress")
        await tell(stage, job, "job.succeeded")
        progress, end = await stream.next(), await stream.next()
        nothing = await stream.next()

    assert first is not None
    assert ("job.snapshot", "queued", {"calls_done": 0, "calls_total": 2, "calls_failed": 0}) == (
        first.type,
        first.data["data"]["status"],
        first.data["data"]["progress"],
    )
    assert progress is not None
    assert progress.id is not None
    assert {
        "type": "job.progress",
        "timestamp": progress.data["timestamp"],
        "data": {"job_id": job.id, "links": {"job": f"/v1/jobs/{job.id}"}},
    } == progress.data
    assert end is not None
    assert ("job.succeeded", "job.succeeded") == (end.type, end.data["type"])
    assert nothing is None
    assert 2000 <= (stream.retry or 0) <= 5000
    assert ("text/event-stream; charset=utf-8", "no-store") == (
        stream.answer.headers["Content-Type"],
        stream.answer.headers["Cache-Control"],
    )
    # Compression would buffer events.
    assert "Content-Encoding" not in stream.answer.headers


async def test_who_comes_back_hears_what_came_after_and_then_that_it_is_all(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint
) -> None:
    job = await create_job(stage, usage_point)
    path = f"/v1/jobs/{job.id}/events"
    async with listening_to(web.client, path, person.headers) as stream:
        snapshot = await stream.next()
    await tell(stage, job, "job.progress")
    await stage.resources.ledger.cancel(job.id, NOON)
    await tell(stage, job, "job.cancelled")
    assert snapshot is not None

    async with listening_to(web.client, path, {**person.headers, "Last-Event-ID": str(snapshot.id)}) as stream:
        told = [await stream.next(), await stream.next(), await stream.next()]
    by_query = await web.client.get(path, params={"last_event_id": str(snapshot.id)}, headers=person.headers)
    last = told[1]
    assert last is not None
    again = await web.client.get(path, headers={**person.headers, "Last-Event-ID": str(last.id)})
    anew = await web.client.get(path, headers=person.headers)

    assert ["job.progress", "job.cancelled", None] == [each and each.type for each in told]
    assert 2 == by_query.text.count("event: ")
    assert (204, b"") == (again.status_code, again.content)
    assert (200, 1, True) == (anew.status_code, anew.text.count("event: "), '"status":"cancelled"' in anew.text)


async def test_an_account_is_told_everything_that_is_its_own_or_the_types_that_were_asked_for(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint
) -> None:
    job, stranger = await create_job(stage, usage_point), await stage.create_person()
    chosen = "/v1/events?types=readings.updated&types=consent.revoked"

    async with (
        listening_to(web.client, "/v1/events", person.headers) as everything,
        listening_to(web.client, chosen, person.headers) as some,
    ):
        begun = await everything.next()
        await some.next()
        await stage.resources.events.publish(stranger.account.id, "readings.updated", {})
        await tell(stage, job, "job.progress")
        series = {"usage_point_id": usage_point.id, "dataset": CURVE}
        await stage.resources.events.publish(person.account.id, "readings.updated", series)
        all_told = [await everything.next(), await everything.next()]
        one_told = await some.next()

    assert begun is not None
    assert ("account.snapshot", [job.id]) == (begun.type, [each["job_id"] for each in begun.data["data"]["jobs"]])
    assert ["job.progress", "readings.updated"] == [each and each.type for each in all_told]
    assert one_told is not None
    assert {
        "dataset": CURVE,
        "usage_point_id": PRM,
        "links": {"usage_point": f"/v1/usage-points/{PRM}"},
    } == one_told.data["data"]


async def test_redis_holds_no_usage_point_id_of_what_was_told(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint
) -> None:
    async with listening_to(web.client, "/v1/events", person.headers) as stream:
        await stream.next()
        await stage.resources.events.publish(person.account.id, "readings.updated", {"usage_point_id": usage_point.id})
        await stream.next()

    keys = cast(list[bytes], await stage.resources.redis.keys("*"))
    dumps = b"".join([(await stage.resources.redis.dump(key)) or b"" for key in keys])
    assert PRM.encode() not in b"".join(keys) + dumps


async def test_when_the_past_is_no_longer_kept_there_is_a_snapshot_in_its_place(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint
) -> None:
    job = await create_job(stage, usage_point)
    async with listening_to(web.client, "/v1/events", person.headers) as stream:
        begun = await stream.next()
    for _ in range(3):
        await tell(stage, job, "job.progress")
    await stage.resources.redis.xtrim(f"events:{person.account.id}", maxlen=1, approximate=False)
    assert begun is not None

    async with listening_to(web.client, "/v1/events", {**person.headers, "Last-Event-ID": str(begun.id)}) as stream:
        instead = await stream.next()
        await tell(stage, job, "job.failed")
        then = await stream.next()

    assert ["account.snapshot", "job.failed"] == [each and each.type for each in (instead, then)]


async def test_who_was_never_told_anything_misses_nothing_either(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint
) -> None:
    async with listening_to(web.client, "/v1/events", person.headers) as stream:
        begun = await stream.next()
    await stage.resources.events.publish(person.account.id, "consent.granted", {"consent_id": usage_point.consent.id})
    assert begun is not None

    async with listening_to(web.client, "/v1/events", {**person.headers, "Last-Event-ID": str(begun.id)}) as stream:
        first = await stream.next()

    assert first is not None
    assert ("consent.granted", {"consent": f"/v1/consents/{usage_point.consent.id}"}) == (
        first.type,
        first.data["data"]["links"],
    )


async def test_a_listener_that_is_too_slow_is_told_from_the_store_and_misses_nothing(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The listener's buffer holds nothing, and the store is read in small batches.
    monkeypatch.setattr(listening, "_KEPT_FOR_A_LISTENER", 0)
    monkeypatch.setattr(event_streams, "_READ_AT_ONCE", 3)
    job = await create_job(stage, usage_point)

    async with listening_to(web.client, "/v1/events", person.headers) as stream:
        await stream.next()
        for _ in range(20):
            await tell(stage, job, "job.progress")
        await tell(stage, job, "job.succeeded")
        told = [await stream.next() for _ in range(21)]

    assert ["job.progress"] * 20 + ["job.succeeded"] == [each and each.type for each in told]
    assert 21 == len({each.id for each in told if each})


async def test_who_takes_nothing_is_cut_off(
    stage: Stage, web: Served, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "_CUT_AFTER_SECONDS", 0.05)
    asked = f"GET /v1/events HTTP/1.1\r\nHost: gateway.test\r\nX-API-Key: {person.api_key}\r\n\r\n"
    # The client reads the first bytes, so that the server has started, and then nothing more.
    reader, writer = await asyncio.open_connection(web.client.base_url.host, web.client.base_url.port, limit=4096)
    writer.write(asked.encode())
    await reader.readuntil(b"account.snapshot")
    before = stage.resources.listeners.count[Purpose.STREAM]

    for _ in range(150):
        await stage.resources.events.publish(person.account.id, "readings.updated", {"note": "x" * 20_000})

    async with asyncio.timeout(PATIENCE_SECONDS):
        while stage.resources.listeners.count[Purpose.STREAM]:  # noqa: ASYNC110  # the server cuts without an event
            await asyncio.sleep(0.01)
    writer.close()
    assert 1 == before


async def test_a_lost_connection_to_the_store_loses_no_event(
    stage: Stage, web: Served, person: Person, usage_point: UsagePoint
) -> None:
    job = await create_job(stage, usage_point)

    async with listening_to(web.client, "/v1/events", person.headers) as stream:
        await stream.next()
        await stage.resources.redis.client_kill_filter(_type="pubsub")
        await tell(stage, job, "job.progress")
        told = await stream.next()

    assert told is not None
    assert "job.progress" == told.type
