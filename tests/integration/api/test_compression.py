"""Answers are made smaller for who takes them so."""

import gzip
from datetime import date

import pytest
import zstandard

from shared.consents import UsagePoint
from tests.integration.api.stage import PRM, Person, Stage

pytestmark = pytest.mark.anyio

WEEK = f"/v1/usage-points/{PRM}/readings/consumption_load_curve?start=2026-10-01&end=2026-10-08"


@pytest.mark.parametrize(
    ("accepted", "used"),
    [("gzip", "gzip"), ("gzip, deflate, br, zstd", "zstd"), ("br", None), ("identity", None), ("zstd;q=0", None)],
)
@pytest.mark.parametrize("media_type", ["application/json", "text/csv", "application/x-ndjson"])
async def test_a_week_is_compressed_as_the_client_takes_it(
    stage: Stage, person: Person, usage_point: UsagePoint, accepted: str, used: str | None, media_type: str
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8))
    headers = {**person.headers, "Accept": media_type}
    plain = await stage.client.get(WEEK, headers={**headers, "Accept-Encoding": "identity"})

    async with stage.client.stream("GET", WEEK, headers={**headers, "Accept-Encoding": accepted}) as answer:
        body = b"".join([piece async for piece in answer.aiter_raw()])

    assert used == answer.headers.get("Content-Encoding")
    assert {"Accept", "Accept-Encoding"} == set(answer.headers["Vary"].split(", "))
    assert plain.headers["ETag"] == answer.headers["ETag"]
    match used:
        case "gzip":
            body_shown = gzip.decompress(body)
        case "zstd":
            body_shown = zstandard.decompress(body)
        case _:
            body_shown = body
    assert plain.content == body_shown
    assert used is None or len(body) * 4 < len(plain.content)


async def test_what_is_small_goes_as_it_is(stage: Stage) -> None:
    answer = await stage.client.get("/health/live", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in answer.headers
