"""The documented MyElectricalData v1 contract matches our routes, and includes everything that its clients rely on."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from api.app import openapi_document
from api.compat.openapi_subset import stated_contract

ROOT = Path(__file__).parents[3]
STATEMENT = ROOT / "docs" / "features-spec" / "rules" / "api-design.json"
LEGACY: dict[str, Any] = json.loads((ROOT / "tests" / "fixtures" / "legacy" / "myelectricaldata.json").read_text())
INNER = {"$ref": "#/components/schemas/Inner"}
PUBLIC = ("/ping", "/rte/", "/edf/")


@pytest.fixture(scope="module")
def stated() -> dict[str, Any]:
    """The contract's part of our OpenAPI document."""
    return stated_contract(openapi_document(), "myelectricaldata")


def operations(stated: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Operations by method and path."""
    return {f"{method.upper()} {path}": each for path, item in stated["paths"].items() for method, each in item.items()}


def fields(schema: Mapping[str, Any], schemas: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a schema by its path, `[]` for an item and `*` for a name that is data, with each of its types."""
    if "$ref" in schema:
        yield from fields(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, path)
        return
    for each in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from fields(each, schemas, path)
    for name, each in schema.get("properties", {}).items():
        yield from fields(each, schemas, f"{path}.{name}".lstrip("."))
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from fields(schema["additionalProperties"], schemas, f"{path}.*".lstrip("."))
    if "items" in schema:
        yield from fields(schema["items"], schemas, f"{path}[]")
    elif schema.get("type") not in (None, "object"):
        yield path, schema["type"]
    for value in schema.get("enum", [schema["const"]] if "const" in schema else []):
        yield path, {str: "string", int: "integer", bool: "boolean"}[type(value)]


def schema_of(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a body."""
    found: Mapping[str, Any] = content["content"]["application/json"]["schema"]
    return found


def test_our_statement_is_what_our_routes_do(stated: Mapping[str, Any]) -> None:
    written = json.loads(STATEMENT.read_text(encoding="utf-8"))

    assert written == stated, "if it is to change: releve openapi --contract myelectricaldata > " + str(STATEMENT)


def test_every_operation_of_the_contract_is_there(stated: Mapping[str, Any]) -> None:
    assert [] == sorted(set(LEGACY["operations"]) - set(operations(stated)))


def test_nothing_calls_itself_a_part_of_the_contract_that_is_not(stated: Mapping[str, Any]) -> None:
    assert [] == sorted(set(operations(stated)) - set(LEGACY["operations"]))


def test_an_operation_takes_what_is_in_its_path_as_text_and_nothing_that_is_required_beside(
    stated: Mapping[str, Any],
) -> None:
    schemas = stated["components"]["schemas"]
    for name in LEGACY["operations"]:
        in_path = {part[1:-1] for part in name.split("/") if part.startswith("{")}

        parameters = operations(stated)[name].get("parameters", [])

        assert in_path == {each["name"] for each in parameters if each["in"] == "path"}, name
        assert [] == [each["name"] for each in parameters if each["in"] != "path" and each["required"]], name
        types = {each["name"]: dict(fields(each["schema"], schemas, "it")) for each in parameters}
        assert {each: {"it": "string"} for each in in_path} == {each: types[each] for each in in_path}, name


def test_an_answer_has_every_field_that_a_client_may_read(stated: Mapping[str, Any]) -> None:
    shapes = {name: shape for name, shape in LEGACY["operations"].items() if shape}

    lacking = {
        name: set(LEGACY["shapes"][shape].items())
        - set(fields(schema_of(operations(stated)[name]["responses"]["200"]), stated["components"]["schemas"]))
        for name, shape in shapes.items()
    }

    assert {} == {name: missing for name, missing in lacking.items() if missing}


def test_a_body_has_every_field_that_a_client_may_send(stated: Mapping[str, Any]) -> None:
    lacking = {
        name: set(LEGACY["shapes"][shape].items())
        - set(fields(schema_of(operations(stated)[name]["requestBody"]), stated["components"]["schemas"]))
        for name, shape in LEGACY["bodies"].items()
    }

    assert {} == {name: missing for name, missing in lacking.items() if missing}


def test_every_refusal_is_a_detail_and_none_is_one_that_a_client_would_hammer_at(stated: Mapping[str, Any]) -> None:
    schemas = stated["components"]["schemas"]
    refusals = [
        (name, status, answer)
        for name, each in operations(stated).items()
        for status, answer in each["responses"].items()
        if int(status) >= 400
    ]

    assert len(refusals) > len(LEGACY["operations"])
    assert [] == [(name, status) for name, status, _ in refusals if status in ("401", "429", "500")]
    assert [] == [
        (name, status)
        for name, status, answer in refusals
        if {("detail", "string")} != set(fields(schema_of(answer), schemas))
    ]


def test_what_is_called_without_a_token_needs_none(stated: Mapping[str, Any]) -> None:
    open_to_all = {name for name, each in operations(stated).items() if "security" not in each}

    assert {name for name in LEGACY["operations"] if name.split(" ")[1].startswith(PUBLIC)} == open_to_all


def test_a_part_is_stated_with_the_schemas_that_it_needs_and_no_others() -> None:
    chosen = {"tags": ["Conso API"], "responses": {"200": {"$ref": "#/components/schemas/Outer"}}}
    document = {
        "openapi": "3.1.0",
        "info": {"version": "1"},
        "paths": {"/in": {"get": chosen, "post": {"tags": ["other"]}}, "/out": {"get": {"tags": ["other"]}}},
        "components": {
            "schemas": {
                "Outer": {"properties": {"again": {"items": {"$ref": "#/components/schemas/Outer"}}, "one": INNER}},
                "Inner": {"type": "string"},
                "Other": {"type": "string"},
            }
        },
    }

    found = stated_contract(document, "conso")

    assert {"/in": {"get": chosen}} == found["paths"]
    assert ["Outer", "Inner"] == list(found["components"]["schemas"])
