"""The parts of a path that a problem document may repeat."""

from api.http.error_handlers import showable_path
from tests.support.cases import case

JOB = "/v1/jobs/{job_id}"
READINGS = "/v1/usage-points/{usage_point_id}/readings/{dataset}"


def test_only_our_own_words_and_ids_are_repeated() -> None:
    cases: list[tuple[str | None, dict[str, str], str]] = [
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
    ]

    for template, values, shown in cases:
        with case(template, values, shown):
            assert shown == showable_path(template, values)
