"""The OpenAPI document is complete."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from api.app import openapi_document
from api.http.fields import Body, Document
from api.http.problems import Problem, ProblemField, ProblemKind
from api.jobs.schemas import JobRequest
from api.readings.formats.negotiation import MEDIA_TYPES
from api.readings.schemas import ReadingsDocument, RecordDocument, StoredDocument
from shared.core.datasets import DATASETS

SNAPSHOT = Path(__file__).parents[4] / "docs" / "openapi.json"

# The contracts of other gateways: the format of an error, and the statuses for wrong parameters and a wrong key.
OTHERS = {"Conso API": ("application/json", "400", "401"), "MyElectricalData v1": ("application/json", "422", "403")}
OURS = ("application/problem+json", "422", "401")


def refusals(operation: dict[str, Any]) -> tuple[str, str, str]:
    """The refusals of an operation according to its contract."""
    return OTHERS.get(operation["tags"][0], OURS)


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation: method, path, description."""
    document = openapi_document()
    return [(method, path, each) for path, item in document["paths"].items() for method, each in item.items()]


def answers() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every response: operation, status, description."""
    for _, _, operation in operations():
        for status, answer in operation["responses"].items():
            yield operation["operationId"], status, answer


def models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """``base`` and all its subclasses."""
    yield base
    for each in base.__subclasses__():
        yield from models(each)


def contract_of(operation: dict[str, Any]) -> str:
    """The contract of an operation: those of other gateways have their own error format."""
    return next((tag for tag in operation["tags"] if tag in ("MyElectricalData v1", "Conso API")), "ours")


def is_failure(status: str) -> bool:
    """Whether a response is an error; ``default`` covers all other statuses."""
    return status == "default" or int(status) >= 400


def says_what_it_is(schema: dict[str, Any]) -> bool:
    """Whether a field has a description, or refers to a schema that has one, or has only one value."""
    return bool(schema.get("description")) or "$ref" in schema or "const" in schema


def has_example(schema: dict[str, Any]) -> bool:
    """Whether a value that is not self-explanatory has an example."""
    said = json.dumps(schema)
    return schema.get("type") == "null" or any(
        f'"{word}":' in said for word in ("examples", "enum", "const", "default", "format")
    )


def test_the_contract_has_not_changed_unnoticed() -> None:
    written = json.loads(SNAPSHOT.read_text(encoding="utf-8"))

    assert written == openapi_document(), "if the contract is to change: make openapi > docs/openapi.json"


def test_every_operation_has_a_name_a_tag_a_summary_and_a_description() -> None:
    names = [each["operationId"] for _, _, each in operations()]

    assert len(names) == len(set(names))
    for _, path, each in operations():
        assert each["operationId"].isidentifier(), path
        assert each["tags"], path
        assert each["summary"], path
        assert each["description"], path


def test_every_reference_leads_somewhere() -> None:
    document = openapi_document()
    text = json.dumps(document)

    references = {part.split('"')[0] for part in text.split('"$ref": "#/components/schemas/')[1:]}

    assert references <= set(document["components"]["schemas"])


def test_every_error_is_described_as_a_problem_document() -> None:
    for method, path, each in operations():
        for status, answer in each["responses"].items():
            if is_failure(status):
                media_type = "application/problem+json" if contract_of(each) == "ours" else "application/json"
                assert [media_type] == list(answer["content"]), (method, path, status)


def test_what_needs_a_key_says_so_and_describes_its_refusal() -> None:
    open_to_all = {
        "create_account",
        "look_at_consent_link",
        "open_consent_link",
        "return_from_provider",
        "list_datasets",
        "list_tempo_days",
        "get_tempo_today",
        "get_tempo_tomorrow",
        "get_tempo_remaining",
        "get_tempo_prices",
        "list_ecowatt_days",
        "get_liveness",
        "get_readiness",
        "get_metrics",
        "get_index",
        "get_problem",
        "get_public_keys",
        "v1_ping",
        "v1_tempo",
        "v1_ecowatt",
        "v1_tempo_days",
        "v1_tempo_prices",
    }
    for _, path, each in operations():
        needs_key = each["operationId"] not in open_to_all
        assert needs_key == ("security" in each), path
        assert needs_key == (refusals(each)[2] in each["responses"]), path


def test_what_takes_parameters_describes_how_it_refuses_them() -> None:
    for _, path, each in operations():
        if any(parameter["in"] in ("path", "query") for parameter in each.get("parameters", [])):
            assert refusals(each)[1] in each["responses"], path


def test_every_parameter_field_and_answer_says_what_it_is() -> None:
    schemas = openapi_document()["components"]["schemas"]
    parameters = [(each["operationId"], it) for _, _, each in operations() for it in each.get("parameters", [])]
    fields = {(name, field): it for name, each in schemas.items() for field, it in each.get("properties", {}).items()}
    headers = [(name, field, it) for name, _, each in answers() for field, it in each.get("headers", {}).items()]

    assert [] == [(operation, it["name"]) for operation, it in parameters if not it.get("description")]
    assert [] == [place for place, it in fields.items() if not says_what_it_is(it)]
    assert [] == [name for name, each in schemas.items() if not each.get("description")]
    assert [] == [(operation, name) for operation, name, it in headers if not it.get("description")]
    assert [] == [
        (operation, status)
        for operation, status, each in answers()
        if each["description"] in ("", "Successful Response", "Additional Response")
    ]


def test_every_parameter_header_and_answer_has_an_example() -> None:
    document = openapi_document()
    schemas = document["components"]["schemas"]

    for _, path, each in operations():
        for parameter in each.get("parameters", []):
            schema = parameter["schema"]
            assert has_example(schema) or schema["type"] == "boolean", (path, parameter["name"])
    for operation, status, answer in answers():
        for name, header in answer.get("headers", {}).items():
            assert has_example(header["schema"]), (operation, status, name)
        for media_type, content in answer.get("content", {}).items():
            schema = content["schema"]
            shown = schemas[schema["$ref"].rsplit("/", 1)[1]]["examples"] if "$ref" in schema else has_example(schema)
            assert shown or "example" in content, (operation, status, media_type)


def test_every_example_is_one_that_its_model_takes() -> None:
    by_name = {each.__name__: each for base in (Body, Document) for each in models(base)}
    by_name |= {each.__name__: each for each in (Problem, ProblemField, ProblemKind, StoredDocument)}
    shown = {
        name: schema["examples"]
        for name, schema in openapi_document()["components"]["schemas"].items()
        if "enum" not in schema
    }

    for name, examples in shown.items():
        assert examples, name
        for each in examples:
            by_name[name].model_validate_json(json.dumps(each))


def test_an_answer_that_refuses_says_with_which_headers() -> None:
    waits = ("too_many_requests", "quota_exceeded", "service_unavailable", "provider_down", "idempotency_in_progress")

    for operation, status, answer in answers():
        headers = answer.get("headers", {})
        if is_failure(status):
            says_when = any(f"`{code}`" in answer["description"] for code in waits)
            assert says_when == ("Retry-After" in headers), (operation, status)
            assert (status == "401") == ("WWW-Authenticate" in headers), (operation, status)
            assert ("`quota_exceeded`" in answer["description"]) == ("RateLimit" in headers), (operation, status)


def test_it_can_be_described_without_settings_and_without_opening_anything() -> None:
    program = (
        "import socket, sqlite3\n"
        "def refuse(*_, **__): raise AssertionError('something was opened')\n"
        "socket.socket.connect = refuse; sqlite3.connect = refuse\n"
        "import api.app\n"
        "api.app.openapi_document()"
    )

    ended = subprocess.run([sys.executable, "-c", program], env={"PATH": os.environ["PATH"]}, check=False)

    assert 0 == ended.returncode


def test_both_forms_of_asking_for_data_and_of_reading_it_are_described() -> None:
    schemas = openapi_document()["components"]["schemas"]

    series, record = schemas["JobRequest"]["oneOf"]
    assert {"usage_point_id", "dataset", "start", "end"} == set(series["required"]) == set(series["properties"])
    assert {"usage_point_id", "dataset"} == set(record["required"]) == set(record["properties"])
    assert not set(series["properties"]["dataset"]["enum"]) & set(record["properties"]["dataset"]["enum"])
    assert set(DATASETS) == {*series["properties"]["dataset"]["enum"], *record["properties"]["dataset"]["enum"]}
    assert [False, False] == [series["additionalProperties"], record["additionalProperties"]]
    assert ["ReadingsDocument", "RecordDocument"] == [
        each["$ref"].rsplit("/", 1)[1] for each in schemas["StoredDocument"]["oneOf"]
    ]


def test_every_format_of_readings_is_described() -> None:
    described = next(each for operation, status, each in answers() if (operation, status) == ("get_readings", "200"))

    assert set(MEDIA_TYPES) == set(described["content"])


def test_the_examples_of_both_forms_are_of_the_form_they_are_for() -> None:
    schemas = openapi_document()["components"]["schemas"]

    asked = [JobRequest.model_validate(each) for each in schemas["JobRequest"]["examples"]]
    stored = [StoredDocument.model_validate(each).root for each in schemas["StoredDocument"]["examples"]]

    assert [True, False] == [DATASETS[each.dataset].is_series for each in asked]
    assert [True, False] == [each.start is not None for each in asked]
    assert [ReadingsDocument, RecordDocument] == [type(each) for each in stored]
