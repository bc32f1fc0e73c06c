"""Responses that are never compressed, whatever the client accepts."""

from functools import partial

import httpx
import pytest
from fastapi import FastAPI, Response

from api.http.compression import compression
from tests.support.cases import case

pytestmark = pytest.mark.anyio


def _given(response: Response) -> Response:
    return response


async def test_only_what_gains_by_it_and_loses_nothing_is_compressed() -> None:
    cases: list[tuple[str, bool]] = [
        ("application/json", True),
        ("text/csv", True),
        # An event must be sent immediately.
        ("text/event-stream", False),
        # These are compressed already.
        ("application/zip", False),
        ("application/vnd.apache.parquet", False),
        # The pages of a consent depend on a cookie.
        ("text/html", False),
    ]

    for media_type, is_compressed in cases:
        with case(media_type, is_compressed):
            app = FastAPI(middleware=[compression()])
            answered = Response(b"0123456789" * 100, media_type=media_type)
            app.add_api_route("/", partial(_given, answered))

            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client:
                answer = await client.get("/", headers={"Accept-Encoding": "gzip, zstd"})

            assert is_compressed == ("Content-Encoding" in answer.headers)
            assert b"0123456789" * 100 == answer.content
