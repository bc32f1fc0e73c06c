"""Identity, address and contact: readable only in the response to the account's own key."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis.asyncio import Redis

from api.app import create_app
from shared.config.settings import Settings
from shared.core.errors import NoMeasure
from shared.jobs.models import CallTicket, Lane
from tests.support.household import PRM, Household, household

pytestmark = pytest.mark.anyio

RECORDS: dict[str, dict[str, Any]] = {
    "identity": {"title": "Mme", "firstname": "Éponine-Synthétique", "lastname": "Personne-Inventée"},
    "address": {"street": "421 impasse des Essais Fictifs", "postal_code": "99421", "city": "Bourg-Inexistant"},
    "contact": {"email": "nobody-at-all@synthetic.example", "phone": "+33900000421"},
    "contract": {"contractor": "Contractant-Imaginaire", "segment": "C5"},
}
NEEDLES = [value for record in RECORDS.values() for value in record.values() if value not in ("Mme", "C5", "99421")]


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span of the queue's and stores' clients, before the mask that is applied on export."""
    provider, kept = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    celery = CeleryInstrumentor()  # type: ignore[no-untyped-call]  # the package does not type its constructor
    instrumentors: list[Any] = [celery, RedisInstrumentor(), SQLAlchemyInstrumentor()]
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    yield kept
    for instrumentor in instrumentors:
        instrumentor.uninstrument()
    provider.shutdown()


@pytest.fixture
async def home(settings: Settings, spans: InMemorySpanExporter, logs: StringIO) -> AsyncIterator[Household]:
    """An account with a meter, traced and logged from the start."""
    async with household(settings) as each:
        each.provider.answers.update(RECORDS)
        yield each


@pytest.fixture
async def client(settings: Settings, logs: StringIO) -> AsyncIterator[httpx.AsyncClient]:
    """The API."""
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client,
    ):
        yield client


def found(haystack: bytes) -> list[str]:
    """The personal values in a text, verbatim or in JSON escapes."""
    return [each for each in NEEDLES if any(form.encode() in haystack for form in (each, json.dumps(each)[1:-1]))]


async def everything(redis: Redis) -> bytes:
    """The raw contents of a Redis. Its `DUMP` command is not suitable: it compresses."""
    pieces: list[object] = []
    for key in await redis.keys():
        match await redis.type(key):
            case b"hash":
                value: object = await redis.hgetall(key)
            case b"zset":
                value = await redis.zrange(key, 0, -1)
            case b"list":
                value = await redis.lrange(key, 0, -1)
            case b"set":
                value = await redis.smembers(key)
            case b"stream":
                value = await redis.xrange(key)
            case _:
                value = await redis.get(key)
        pieces += [key, value]
    return b"\n".join(_flat(pieces))


def _flat(value: object) -> Iterator[bytes]:
    match value:
        case bytes():
            yield value
        case dict():
            for name, inner in value.items():
                yield from (*_flat(name), *_flat(inner))
        case list() | tuple() | set():
            for inner in value:
                yield from _flat(inner)
        case _:
            yield str(value).encode()


async def test_personal_data_is_in_no_store_queue_log_or_trace(
    home: Household,
    client: httpx.AsyncClient,
    spans: InMemorySpanExporter,
    logs: StringIO,
    stored_bytes: Callable[[], bytes],
) -> None:
    headers = {"Authorization": f"Bearer {home.api_key}"}
    messages: list[bytes] = []
    answers = b""
    for dataset in RECORDS:
        asked = await client.post("/v1/jobs", json={"usage_point_id": PRM, "dataset": dataset}, headers=headers)
        assert 202 == asked.status_code
        messages += await home.queued(Lane.INTERACTIVE)
        await home.fetcher.do_call(CallTicket(asked.json()["id"], 0))
        answers += (await client.get(asked.json()["links"]["readings"], headers=headers)).content
        answers += (await client.get(asked.json()["links"]["self"], headers=headers)).content
    # A failure after a success is published too.
    await home.age("identity", timedelta(days=30))
    home.provider.answers["identity"] = NoMeasure()
    await home.fetch("identity")

    redis = await everything(home.resources.redis)
    sql = await asyncio.to_thread(stored_bytes)
    lines = logs.getvalue().encode()
    traces = "".join(span.to_json() for span in spans.get_finished_spans()).encode()

    # A search that never finds anything proves nothing: it finds every value where it belongs, and others elsewhere.
    assert sorted(NEEDLES) == sorted(set(found(answers)))
    assert b"readings:" in redis
    assert home.account.id.encode() in sql
    assert b'"event"' in lines
    assert b"EVALSHA" in traces
    assert len(messages) >= len(RECORDS)
    for haystack in (redis, sql, lines, traces, b"".join(messages)):
        assert [] == found(haystack)
        assert PRM.encode() not in haystack
        assert home.api_key.encode() not in haystack


async def test_what_a_record_holds_shows_in_no_repr_of_what_carries_it(home: Household) -> None:
    await home.fetch("contact")

    assert PRM not in repr(home.provider.asked)
    assert [] == found(repr([await home.coverage("contact"), home.usage_point, home.provider.asked]).encode())
