"""The part of the OpenAPI document that describes a compatible API of another gateway.

It is kept in the repository, so that a change of the routes that affects clients of that API is visible. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

TAGS = {"myelectricaldata": "MyElectricalData v1", "conso": "Conso API"}
"""The tag of the operations of each compatible API."""

_SCHEMA = "#/components/schemas/"


def stated_contract(document: Mapping[str, Any], contract: str) -> dict[str, Any]:
    """The part of an OpenAPI document that describes ``contract``, one of `TAGS`, with the schemas that it uses."""
    tag = TAGS[contract]
    paths = {
        path: chosen
        for path, item in document["paths"].items()
        if (chosen := {method: each for method, each in item.items() if tag in each["tags"]})
    }
    components = document["components"]
    schemas, keys = _needed(paths, components["schemas"]), _keys(paths)
    return {
        "openapi": document["openapi"],
        "info": {"title": tag, "version": document["info"]["version"]},
        "paths": paths,
        "components": {
            "schemas": {name: each for name, each in components["schemas"].items() if name in schemas},
            "securitySchemes": {
                name: each for name, each in components.get("securitySchemes", {}).items() if name in keys
            },
        },
    }


def _needed(part: Any, schemas: Mapping[str, Any]) -> set[str]:
    """The names of the schemas that ``part`` refers to, directly or through other schemas."""
    found: set[str] = set()
    new = set(_references(part))
    while new:
        found |= new
        new = {name for each in new for name in _references(schemas[each])} - found
    return found


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        reference = part.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_SCHEMA)
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def _keys(paths: Mapping[str, Any]) -> set[str]:
    operations = (each for item in paths.values() for each in item.values())
    return {name for each in operations for way in each.get("security", ()) for name in way}
