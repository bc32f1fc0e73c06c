"""Texts for users: reasons, problems, usage points; without terminal control characters or complete usage points."""

from datetime import UTC, datetime

import pytest

from cli.user.failures import Failure, Refused, WrongUse
from cli.user.points import choose_point, point_name
from cli.user.words import ago, masked, missing_lines, printable, reason_words, size_words
from shared.readings.models import Reason
from tests.support.cases import case

HOME = {"usage_point_id": "99000000000011", "label": "Home"}
BARN = {"usage_point_id": "99000000000022", "label": None}
OFFICE = {"usage_point_id": "99000000100011", "label": "Office"}


def test_every_reason_has_words() -> None:
    for reason in Reason:
        with case(reason):
            assert reason.value != reason_words(reason.value)


def test_missing_days_are_told_with_the_reason_and_when_to_ask_again() -> None:
    gaps: list[dict[str, str | None]] = [
        {"start": "2026-10-01", "end": "2026-10-02", "reason": "no_measure", "ask_again_at": None},
        {
            "start": "2026-11-20",
            "end": "2026-11-23",
            "reason": "not_published_yet",
            "ask_again_at": "2026-11-24T07:00:00Z",
        },
    ]

    first, second = missing_lines(gaps)

    assert "2026-10-01: Enedis has no measure" == first
    assert second.startswith("2026-11-20 to 2026-11-22 (3 days): Enedis has not published them yet")
    assert second.endswith("; retry from 2026-11-24 08:00")


def test_only_the_last_digits_of_usage_points_stay() -> None:
    text = '{"usage_point_id": "99000000000011", "readings": "/v1/usage-points/99000000000022/x", "n": 123456789012345}'

    assert '{"usage_point_id": "…0011", "readings": "/v1/usage-points/…0022/x", "n": 123456789012345}' == masked(text)


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    assert "Home [31m red" == printable("Home\x1b[31m red\r\n\x07")


def test_a_problem_is_one_line_with_a_hint_and_the_trace() -> None:
    problem = {
        "title": "There is no active consent.",
        "detail": "It has expired.",
        "code": "consent_missing",
        "status": 409,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "errors": [{"pointer": "/usage_point_id", "detail": "Not shared."}],
    }

    assert (
        "There is no active consent. It has expired. usage_point_id: Not shared. (`releve consent` requests one) "
        "[consent_missing, trace 0af7651916cd43dd8448eb211c80319c]"
    ) == str(Refused(problem))


def test_a_problem_says_nothing_twice() -> None:
    problem = {
        "title": "Too old.",
        "detail": "Too old.",
        "code": "x",
        "errors": [{"pointer": "/", "detail": "Too old."}],
    }

    assert 1 == str(Refused(problem)).count("Too old.")


def test_a_usage_point_is_found_by_label_or_digits() -> None:
    for wanted in ["Home", "home", "000011", "99000000000011", "…0 0011"]:
        with case(wanted):
            assert HOME == choose_point([HOME, BARN], wanted)


def test_the_only_usage_point_needs_no_word() -> None:
    assert BARN == choose_point([BARN], None)


def test_what_is_not_clear_is_asked_with_the_names() -> None:
    cases: list[str | None] = [None, "0011", "Cellar", ""]

    for wanted in cases:
        with case(wanted):
            with pytest.raises(WrongUse, match=r"Home \(…0011\)") as told:
                choose_point([HOME, BARN, OFFICE], wanted)

            assert "Office (…0011)" in str(told.value)
            assert "990000" not in str(told.value)


def test_without_any_usage_point_one_is_sent_to_the_consent() -> None:
    with pytest.raises(Failure, match="releve consent"):
        choose_point([], "Home")


def test_all_digits_are_shown_to_who_wants_them() -> None:
    assert ("Home (99000000000011)", "…0022") == (point_name(HOME, is_full=True), point_name(BARN, is_full=False))


def test_how_long_ago() -> None:
    cases: list[tuple[str, str]] = [
        ("2026-11-23T11:59:30Z", "just now"),
        ("2026-11-23T11:59:00Z", "1 minute ago"),
        ("2026-11-23T09:00:00Z", "3 hours ago"),
        ("2026-11-20T09:00:00Z", "3 days ago"),
        # A clock of another machine.
        ("2026-11-23T12:00:10Z", "just now"),
    ]

    for moment, words in cases:
        with case(moment, words):
            assert words == ago(moment, datetime(2026, 11, 23, 12, tzinfo=UTC))


def test_sizes() -> None:
    cases: list[tuple[int, str]] = [(0, "0 B"), (999, "999 B"), (31_400, "31.4 kB"), (2_000_000, "2.0 MB")]

    for count, words in cases:
        with case(count, words):
            assert words == size_words(count)
