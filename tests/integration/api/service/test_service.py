"""The API's common behaviour: health, problem documents, limits, headers, log lines, the OpenAPI document."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.app import create_app, openapi_document
from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.core.errors import leaves
from tests.support.api_gateway import PRM, Person, Stage

pytestmark = pytest.mark.anyio


async def test_a_working_gateway_is_live_and_ready(stage: Stage) -> None:
    answers = [await stage.client.get(path) for path in ("/health/live", "/health/ready")]

    assert [(200, {"status": "live"}), (200, {"status": "ready"})] == [
        (each.status_code, each.json()) for each in answers
    ]


@pytest.fixture(params=["redis", "database"])
async def broken(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """The API when one of its stores is down."""
    changes = {
        "redis": {"REDIS_URL": f"unix://{tmp_path}/nobody.sock"},
        "database": {"DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/no/such/directory/releve.db"},
    }[request.param]
    app = create_app(Settings.model_validate(settings.model_dump(by_alias=True) | changes))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client,
    ):
        yield client


async def test_without_a_store_it_is_live_but_not_ready(broken: httpx.AsyncClient) -> None:
    live, ready = await broken.get("/health/live"), await broken.get("/health/ready")

    assert 200 == live.status_code
    assert (503, "service_unavailable", True) == (
        ready.status_code,
        ready.json()["code"],
        ready.json()["retryable"],
    )
    assert "5" == ready.headers["Retry-After"]
    assert "nobody.sock" not in ready.text
    assert "releve.db" not in ready.text


async def test_the_index_leads_to_the_documentation(stage: Stage) -> None:
    index = (await stage.client.get("/")).json()

    for name in ("documentation", "openapi", "datasets", "health"):
        assert 200 == (await stage.client.get(index[name])).status_code


async def test_the_catalogue_needs_no_key(stage: Stage) -> None:
    answer = await stage.client.get("/v1/datasets")

    by_name = {each["name"]: each for each in answer.json()["datasets"]}
    assert 11 == len(by_name)
    assert ("W", "PT30M", "2024-10-06", True) == tuple(
        by_name["consumption_load_curve"][name] for name in ("unit", "step", "oldest_day", "available")
    )
    assert (None, True) == (by_name["contract"]["oldest_day"], by_name["contract"]["available"])


async def test_the_type_of_every_problem_can_be_looked_up(stage: Stage) -> None:
    for code in sorted({each.code for each in leaves()} | {"body_too_large", "internal_error"}):
        answer = await stage.client.get(f"/problems/{code}")

        assert (200, code) == (answer.status_code, answer.json()["code"])
        assert {"code", "title", "status", "retryable"} == set(answer.json()), code


NOT_THERE = {
    "unknown path": ("GET", "/v1/nothing", 404, "not_found"),
    "a slash too many": ("GET", "/v1/jobs/", 404, "not_found"),
    "unknown problem": ("GET", "/problems/unknown", 404, "not_found"),
    "absurd problem": ("GET", "/problems/" + "x" * 5000, 422, "validation_failed"),
    "a usage point in an unknown path": ("GET", f"/v1/{PRM}", 404, "not_found"),
    "secrets in an unknown path": ("GET", f"/x/{PRM}5/rlv_{'a' * 49}", 404, "not_found"),
    "NUL and no UTF-8": ("GET", "/%00/%FF", 404, "not_found"),
    "wrong method": ("PATCH", "/v1/jobs", 405, "method_not_allowed"),
    "method that may come one day": ("DELETE", "/v1/accounts", 405, "method_not_allowed"),
}


async def test_what_is_not_there_is_a_problem(stage: Stage) -> None:
    for case, (method, path, status, code) in NOT_THERE.items():
        answer = await stage.client.request(method, path)

        assert (status, code) == (answer.status_code, answer.json()["code"]), case
        assert "application/problem+json" == answer.headers["Content-Type"], case
        assert f"/problems/{code}" == answer.json()["type"], case
        assert PRM not in answer.text, case
        assert "rlv_" not in answer.text, case


async def test_a_wrong_method_learns_the_right_one(stage: Stage) -> None:
    answer = await stage.client.get("/v1/accounts")

    assert "POST" == answer.headers["Allow"]


JSON = {"Content-Type": "application/json"}


PLAIN: dict[str, str] = {"Content-Type": "text/plain"}
FORM: dict[str, str] = {"Content-Type": "application/x-www-form-urlencoded"}
UNUSABLE: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "broken JSON": (b'{"dataset": ', JSON, 400, "malformed_request"),
    "comma too many": (f'{{"usage_point_id": "{PRM}",}}'.encode(), JSON, 400, "malformed_request"),
    "not UTF-8": (b"\xff\xfe\x00", JSON, 400, "malformed_request"),
    "deeply nested": (b"[" * 60_000, JSON, 400, "malformed_request"),
    "enormous number": (b"9" * 6000, JSON, 400, "malformed_request"),
    "empty": (b"", JSON, 422, "validation_failed"),
    "null": (b"null", JSON, 422, "validation_failed"),
    "no number": (b"NaN", JSON, 422, "validation_failed"),
    "text": (b'"text"', JSON, 422, "validation_failed"),
    "list": (b"[]", JSON, 422, "validation_failed"),
    "half a surrogate": (b'{"dataset": "\\ud800"}', JSON, 422, "validation_failed"),
    "plain text": (b"{}", PLAIN, 415, "unsupported_media_type"),
    "no content type": (b"{}", {}, 415, "unsupported_media_type"),
    "a form": (b"a=1", FORM, 415, "unsupported_media_type"),
    "one byte too many": (b" " * 65_537, JSON, 413, "body_too_large"),
}


async def test_a_body_that_can_not_be_used_is_a_problem(stage: Stage, person: Person) -> None:
    for case, (content, headers, status, code) in UNUSABLE.items():
        answer = await stage.client.post("/v1/jobs", content=content, headers={**person.headers, **headers})

        assert (status, code) == (answer.status_code, answer.json()["code"]), case
        assert "application/problem+json" == answer.headers["Content-Type"], case
        assert PRM not in answer.text, case


async def test_a_body_that_does_not_say_its_size_is_cut_off_all_the_same(stage: Stage, person: Person) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield b" " * 1024

    answer = await stage.client.post("/v1/jobs", content=endless(), headers={**person.headers, **JSON})

    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])
    assert sent <= 65_536 + 1024


async def test_every_answer_tells_a_browser_to_be_careful(stage: Stage) -> None:
    for path in ("/", "/v1/nothing", "/v1/account", "/health/live", "/openapi.json"):
        headers = (await stage.client.get(path)).headers

        assert ("nosniff", "DENY", "no-referrer", "no-store") == tuple(
            headers[name] for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cache-Control")
        )
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_the_log_names_the_route_and_neither_person_nor_meter(
    stage: Stage, person: Person, usage_point: UsagePoint, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client,
    ):
        await client.get(f"/v1/usage-points/{PRM}", headers=person.headers)
        await client.get(f"/v1/usage-points/{PRM}9", headers=person.headers)
        await client.get(f"/unknown/{PRM}", headers=person.headers)
        await client.get("/health/live")

    written = capsys.readouterr().err
    lines = [line for line in map(json.loads, written.splitlines()) if line["event"] == "request"]
    assert [
        ("GET", "/v1/usage-points/{usage_point_id}", 200),
        ("GET", "/v1/usage-points/{usage_point_id}", 422),
        ("GET", "unknown", 404),
    ] == [(line["method"], line["route"], line["status"]) for line in lines]
    for secret in (PRM, person.api_key, person.account.id):
        assert secret not in written


async def test_many_requests_at_once_are_all_served(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    answers = await asyncio.gather(
        *(stage.client.get(f"/v1/usage-points/{PRM}", headers=person.headers) for _ in range(50))
    )

    assert {200} == {answer.status_code for answer in answers}


async def test_the_served_description_is_the_printed_one(stage: Stage) -> None:
    assert openapi_document() == (await stage.client.get("/openapi.json")).json()
