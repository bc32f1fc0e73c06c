"""What of a path may be repeated in a problem document."""

import pytest

from api.errors import showable_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "/"),
        ("/v1/jobs", "/v1/jobs"),
        ("/v1/jobs/job_0123456789abcdef01234567", "/v1/jobs/job_0123456789abcdef01234567"),
        (
            "/v1/usage-points/98765432101234/readings/consumption_load_curve",
            "/v1/usage-points/***/readings/consumption_load_curve",
        ),
        ("/v1/usage-points/987654321012345", "/v1/usage-points/***"),
        ("/v1/usage-points/9876543210123x", "/v1/usage-points/***"),
        ("/v1/usage-points/x98765432101234", "/v1/usage-points/***"),
        ("/rlv_aB3", "/***"),
        ("/\x00/é", "/***/***"),
    ],
)
def test_only_our_own_words_and_ids_are_repeated(path: str, shown: str) -> None:
    assert shown == showable_path(path)


def test_an_absurd_path_is_cut() -> None:
    assert len(showable_path("/a" * 100_000)) <= 200
