"""What of a path may be repeated in a problem document."""

import pytest

from api.errors import showable_path

JOB = "/v1/jobs/{job_id}"
READINGS = "/v1/usage-points/{usage_point_id}/readings/{dataset}"


@pytest.mark.parametrize(
    ("template", "values", "shown"),
    [
        ("/", {}, "/"),
        ("/v1/jobs", {}, "/v1/jobs"),
        (JOB, {"job_id": "job_0123456789abcdef01234567"}, "/v1/jobs/job_0123456789abcdef01234567"),
        (JOB, {"job_id": "somebodys-name"}, "/v1/jobs/***"),
        (JOB, {}, "/v1/jobs/***"),
        (
            READINGS,
            {"usage_point_id": "98765432101234", "dataset": "consumption_load_curve"},
            "/v1/usage-points/***/readings/consumption_load_curve",
        ),
        (READINGS, {"usage_point_id": "x98765432101234", "dataset": "x" * 9999}, "/v1/usage-points/***/readings/***"),
        ("/files/{path:path}", {"path": "a/b"}, "/files/***"),
        (None, {}, "/***"),
    ],
)
def test_only_our_own_words_and_ids_are_repeated(template: str | None, values: dict[str, str], shown: str) -> None:
    assert shown == showable_path(template, values)
