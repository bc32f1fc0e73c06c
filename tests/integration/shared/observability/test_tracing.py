"""Tracing of a whole process, received over OTLP: its client calls are traced, housekeeping and secrets are not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.demo.otlp_receiver import OtlpReceiver, Span
from tests.support.patience import PATIENCE_SECONDS

PRM = "99999999999991"
SCRIPT = """
import asyncio, sys
import httpx
from fastapi import FastAPI
from redis.asyncio import Redis
from shared.storage.database import Database
from shared.observability.tracing import continued_trace, current_trace_id, linked_trace, span, untraced
from shared.observability.tracing import start_tracing, stop_tracing, trace_web_app

prm, redis_url, endpoint, traceparent = sys.argv[1:]
start_tracing("releve-synthetic", endpoint)
app = FastAPI()
trace_web_app(app)

@app.get("/points")
async def points(state: str) -> str:
    return "here"

@app.get("/health/live")
async def live() -> str:
    return "alive"

async def main() -> None:
    redis, database = Redis.from_url(redis_url), Database("sqlite+aiosqlite://")
    with untraced():
        await redis.set("housekeeping", 1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.example") as client:
        await client.get("/health/live")
        with continued_trace({"traceparent": traceparent}), span("a step", {"prm": prm, "calls": 3}):
            print(current_trace_id())
            with linked_trace("a plan", {"prm": prm}):
                pass
            await client.get(f"/points?state={prm}-state")
            await redis.get("synthetic")
            async with database.transaction() as connection:
                await connection.exec_driver_sql(f"SELECT '{prm}'")
    await redis.aclose()
    await database.close()

asyncio.run(main())
stop_tracing()
"""


def run(redis_url: str, endpoint: str, traceparent: str) -> str:
    """Run the process with its telemetry sent to an endpoint; returns its output."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, PRM, redis_url, endpoint, traceparent],
        cwd=Path(__file__).parents[4],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert (0, "") == (result.returncode, result.stderr)
    return result.stdout.strip()


@pytest.fixture(scope="module")
def spans(embedded_valkey: str) -> tuple[Span, ...]:
    """The spans of one process, in a trace started elsewhere. It only needs a server that responds."""
    with OtlpReceiver() as receiver:
        printed = run(embedded_valkey, receiver.endpoint, f"00-{'ab' * 16}-{'cd' * 8}-01")
        assert "ab" * 16 == printed
        return receiver.spans()


def test_what_a_process_does_is_seen_within_the_trace_that_was_carried_to_it(spans: tuple[Span, ...]) -> None:
    (step,) = [each for each in spans if each.name == "a step"]
    inside = [each for each in spans if each.trace_id == "ab" * 16]

    assert ("ab" * 16, "cd" * 8, "releve-synthetic") == (step.trace_id, step.parent_id, step.service)
    assert {"prm": "***", "calls": 3} == step.attributes
    assert {"a step", "GET /points", "GET"} <= {each.name for each in inside}
    assert {"redis", "sqlite"} <= {each.attributes.get("db.system") for each in inside}
    assert {step.span_id} == {each.parent_id for each in inside if each is not step}


def test_a_linked_trace_is_one_of_its_own_that_names_where_it_came_from(spans: tuple[Span, ...]) -> None:
    (step,), (plan,) = ([each for each in spans if each.name == name] for name in ("a step", "a plan"))

    assert plan.parent_id is None
    assert step.trace_id != plan.trace_id
    assert [(step.trace_id, step.span_id)] == list(plan.links)
    assert {"prm": "***"} == plan.attributes


def test_housekeeping_health_and_secrets_are_not_seen(spans: tuple[Span, ...]) -> None:
    unwanted = [each for each in spans if each.name == "SET" or "http send" in each.name or "http receive" in each.name]

    assert [] == unwanted
    assert [] == [each.name for each in spans if "health" in each.name]
    assert [] == [each.name for each in spans if PRM in repr(each)]
    # One secret was recorded, and is masked: the check above is not vacuous.
    assert [each for each in spans if "state=***" in repr(each)]


def test_a_query_is_seen_with_its_text_masked(spans: tuple[Span, ...]) -> None:
    assert ["SELECT '***'"] == [each.attributes["db.statement"] for each in spans if each.name == "SELECT"]


def test_without_an_endpoint_the_same_process_works_untraced(redis_url: str) -> None:
    assert "ab" * 16 == run(redis_url, "", f"00-{'ab' * 16}-{'cd' * 8}-01")
