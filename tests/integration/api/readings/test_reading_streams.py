"""Long periods: streamed while they are decrypted, and visibly cut off when a window fails to decrypt."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date

import httpx
import pytest
import uvicorn

from shared.consents.models import UsagePoint
from tests.support.api_gateway import PRM, Person, Stage

pytestmark = pytest.mark.anyio

CURVE = f"/v1/usage-points/{PRM}/readings/consumption_load_curve"
# Three decryption batches.
START, END = date(2026, 5, 1), date(2026, 8, 1)
DAYS = {"start": str(START), "end": str(END)}
FORMATS = ["application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.parquet"]


@pytest.fixture
async def quarter(stage: Stage, usage_point: UsagePoint) -> UsagePoint:
    """A meter with that many days of a curve."""
    await stage.store_curve(usage_point, START, END)
    return usage_point


@pytest.fixture
async def connected(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """The same API over a real connection, which can be closed early."""
    config = uvicorn.Config(stage.app, port=0, lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    # Step by step, without the signal handlers, which require a separate process.
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    serving = asyncio.create_task(server.main_loop())
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    server.should_exit = True
    await serving
    await server.shutdown()


async def spoil(stage: Stage, usage_point: UsagePoint, day: date) -> None:
    """Replace this day's blob with another day's: it fails to decrypt there."""
    key = f"readings:{usage_point.account_id}:{usage_point.id}:consumption_load_curve"
    blobs = await stage.resources.redis.hgetall(key)
    await stage.resources.redis.hset(key, str(day), blobs[str(date(2026, 6, 1)).encode()])


async def test_a_long_period_is_sent_while_it_is_opened(
    stage: Stage, person: Person, quarter: UsagePoint, connected: httpx.AsyncClient
) -> None:
    answer = await connected.get(CURVE, params=DAYS, headers=person.headers)

    assert ("chunked", None) == (answer.headers["Transfer-Encoding"], answer.headers.get("Content-Length"))
    document = answer.json()
    assert ((END - START).days * 48, []) == (len(document["readings"]), document["missing"])


@pytest.mark.parametrize("accept", FORMATS)
async def test_what_does_not_open_later_on_cuts_the_connection(
    stage: Stage, person: Person, quarter: UsagePoint, connected: httpx.AsyncClient, accept: str
) -> None:
    """Clients cannot mistake the received part for the whole."""
    await spoil(stage, quarter, date(2026, 7, 31))

    async def read() -> httpx.Response:
        return await connected.get(CURVE, params=DAYS, headers={**person.headers, "Accept": accept})

    if accept == FORMATS[-1]:
        # A file is buffered until its first row group is full: nothing has been sent yet.
        assert 503 == (await read()).status_code
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            await read()


async def test_what_does_not_open_at_once_is_a_problem_document(
    stage: Stage, person: Person, quarter: UsagePoint
) -> None:
    await spoil(stage, quarter, START)

    answer = await stage.client.get(CURVE, params=DAYS, headers=person.headers)

    assert (503, "unreadable") == (answer.status_code, answer.json()["code"])
    assert "application/problem+json" == answer.headers["Content-Type"]


async def test_ten_years_are_read_at_once(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    for first, end in ((date(2016, 10, 1), date(2016, 11, 1)), (date(2026, 10, 1), date(2026, 10, 20))):
        await stage.store_months(usage_point, "daily_consumption", first, end)

    answer = await stage.client.get(
        f"/v1/usage-points/{PRM}/readings/daily_consumption?start=2016-10-01&end=2026-10-20", headers=person.headers
    )

    document = answer.json()
    assert 31 + 19 == len(document["readings"])
    assert ["beyond_history", "not_fetched"] == [each["reason"] for each in document["missing"]]
