"""The documentation page loads everything from the gateway, and the browser may load nothing else."""

import re

import pytest

from tests.support.api_gateway import Stage

pytestmark = pytest.mark.anyio


async def test_all_that_the_page_names_is_served_by_the_gateway(stage: Stage) -> None:
    page = await stage.client.get("/docs")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    answers = {path: await stage.client.get(path) for path in [*named, "/openapi.json"]}

    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["content-type"])
    assert ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"] == named
    assert {200} == {answer.status_code for answer in answers.values()}
    assert ["text/css", "text/javascript", "text/javascript", "application/json"] == [
        answer.headers["content-type"].partition(";")[0] for answer in answers.values()
    ]
    assert "SwaggerUIBundle" in answers["/docs/swagger-ui-bundle.js"].text
    assert '"/openapi.json"' in answers["/docs/start.js"].text


async def test_the_page_may_load_and_call_nothing_but_the_gateway(stage: Stage) -> None:
    page = await stage.client.get("/docs")

    directives = dict(
        each.strip().split(" ", 1) for each in page.headers["content-security-policy"].split(";") if each.strip()
    )
    assert "'none'" == directives["default-src"]
    assert ("'self'", "'self'") == (directives["script-src"], directives["connect-src"])
    assert "//" not in page.text.replace("<!doctype html>", "")
    assert "<script>" not in page.text


async def test_no_other_file_is_served(stage: Stage) -> None:
    for path in ("/redoc", "/docs/../openapi.py", "/docs/redoc.standalone.js", "/docs/%2e%2e/core.py"):
        answer = await stage.client.get(path)

        assert answer.status_code in {404, 422}, path
        assert "application/problem+json" == answer.headers["content-type"], path
