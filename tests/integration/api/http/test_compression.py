"""Responses are compressed for clients that accept it."""

import gzip
from datetime import date
from itertools import product

import pytest
import zstandard

from shared.consents.models import UsagePoint
from tests.support.api_gateway import PRM, Person, Stage

pytestmark = pytest.mark.anyio

WEEK = f"/v1/usage-points/{PRM}/readings/consumption_load_curve?start=2026-10-01&end=2026-10-08"


MEDIA_TYPES = ["application/json", "text/csv", "application/x-ndjson"]
# The encodings that a client accepts, and the one that is used.
USED = {"gzip": "gzip", "gzip, deflate, br, zstd": "zstd", "br": None, "identity": None, "zstd;q=0": None}


async def test_a_week_is_compressed_as_the_client_takes_it(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await stage.store_curve(usage_point, date(2026, 10, 1), date(2026, 10, 8))
    for media_type, (accepted, used) in product(MEDIA_TYPES, USED.items()):
        case = (media_type, accepted)
        headers = {**person.headers, "Accept": media_type}
        plain = await stage.client.get(WEEK, headers={**headers, "Accept-Encoding": "identity"})

        async with stage.client.stream("GET", WEEK, headers={**headers, "Accept-Encoding": accepted}) as answer:
            body = b"".join([piece async for piece in answer.aiter_raw()])

        assert used == answer.headers.get("Content-Encoding"), case
        assert {"Accept", "Accept-Encoding"} == set(answer.headers["Vary"].split(", ")), case
        assert plain.headers["ETag"] == answer.headers["ETag"], case
        assert plain.content == shown(body, used), case
        assert used is None or len(body) * 4 < len(plain.content), case


def shown(body: bytes, encoding: str | None) -> bytes:
    """The body as a client decodes it."""
    match encoding:
        case "gzip":
            return gzip.decompress(body)
        case "zstd":
            return zstandard.decompress(body)
        case _:
            return body


async def test_what_is_small_goes_as_it_is(stage: Stage) -> None:
    answer = await stage.client.get("/health/live", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in answer.headers
