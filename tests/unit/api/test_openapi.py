"""What the API says of itself is whole."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.app import openapi_document
from api.schemas.jobs import JobRequest
from api.schemas.readings import ReadingsDocument, RecordDocument, StoredDocument
from shared.catalog import DATASETS


SNAPSHOT = Path(__file__).parents[3] / "docs" / "openapi.json"


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation: method, path, description."""
    document = openapi_document()
    return [(method, path, each) for path, item in document["paths"].items() for method, each in item.items()]


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
            if int(status) >= 400:
                assert ["application/problem+json"] == list(answer["content"]), (method, path, status)


def test_what_needs_a_key_says_so_and_describes_its_refusal() -> None:
    open_to_all = {
        "create_account",
        "look_at_consent_link",
        "open_consent_link",
        "return_from_provider",
        "list_datasets",
        "get_liveness",
        "get_readiness",
        "get_metrics",
        "get_index",
        "get_problem",
        "get_public_keys",
    }
    for _, path, each in operations():
        needs_key = each["operationId"] not in open_to_all
        assert needs_key == ("security" in each), path
        assert needs_key == ("401" in each["responses"]), path


def test_what_takes_parameters_describes_how_it_refuses_them() -> None:
    for _, path, each in operations():
        if any(parameter["in"] in ("path", "query") for parameter in each.get("parameters", [])):
            assert "422" in each["responses"], path


@pytest.mark.parametrize("statement", ["import api.app", "from api.app import openapi_document; openapi_document()"])
def test_it_can_be_described_without_settings_and_without_opening_anything(statement: str) -> None:
    program = (
        "import socket, sqlite3\n"
        "def refuse(*_, **__): raise AssertionError('something was opened')\n"
        "socket.socket.connect = refuse; sqlite3.connect = refuse\n" + statement
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


def test_the_examples_of_both_forms_are_of_the_form_they_are_for() -> None:
    schemas = openapi_document()["components"]["schemas"]

    asked = [JobRequest.model_validate(each) for each in schemas["JobRequest"]["examples"]]
    stored = [StoredDocument.model_validate(each).root for each in schemas["StoredDocument"]["examples"]]

    assert [True, False] == [DATASETS[each.dataset].is_series for each in asked]
    assert [True, False] == [each.start is not None for each in asked]
    assert [ReadingsDocument, RecordDocument] == [type(each) for each in stored]
