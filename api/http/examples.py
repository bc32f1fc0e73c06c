"""Examples of the schemas of the OpenAPI document, composed from the examples of their fields."""

from collections.abc import Mapping
from typing import Any

_BY_FORMAT = {"date": "2026-09-01", "date-time": "2026-09-21T14:13:20Z"}


def add_examples(schemas: Mapping[str, dict[str, Any]]) -> None:
    """Add an example to each object schema that has none."""
    for schema in schemas.values():
        if "properties" in schema and "examples" not in schema:
            schema["examples"] = [_example(schema, schemas)]


def _example(schema: Mapping[str, Any], schemas: Mapping[str, dict[str, Any]]) -> Any:
    """The example of a field; `null` if it is nullable; otherwise the first or simplest value."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return None if {"type": "null"} in schema["anyOf"] else _example(schema["anyOf"][0], schemas)
    match schema["type"]:
        case "object":
            wanted = schema.get("required", ())
            return {name: _example(schema["properties"][name], schemas) for name in wanted}
        case "array":
            return [_example(schema["items"], schemas)]
        case "boolean":
            return True
        case _:
            return _BY_FORMAT[schema["format"]]
