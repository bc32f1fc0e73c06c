"""The meaning of Enedis's errors, in every observed form."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.core.errors import (
    BeforeActivation,
    BeyondHistory,
    ConsentLost,
    CurveNotCollected,
    NoMeasure,
    ProviderApiMissing,
    ProviderError,
    ProviderMisconfigured,
    ProviderNotSubscribed,
    ProviderRefusedRequest,
    ProviderThrottled,
    ProviderTokenRejected,
    ProviderUnavailable,
    ProviderWrongDirection,
)
from simulator.error_catalogue import known_errors
from tests.support.cases import case
from workers.providers.enedis.errors import ERRORS, Action, action_of, code_of, error_of, is_error
from workers.upstream.http_client import Answer

NOW = datetime(2026, 9, 8, 8, 36, 12, tzinfo=UTC)

# Each known code, with an observed or published status, the error raised and its handling.
KNOWN = [
    (400, "ADAM-ERR0123", BeforeActivation, Action.CLAMP_START),
    (400, "ADAM-ERR0002", ProviderRefusedRequest, Action.FIX_REQUEST),
    (400, "Invalid_request", ProviderRefusedRequest, Action.FIX_REQUEST),
    (400, "invalid_request", ProviderRefusedRequest, Action.FIX_REQUEST),
    (400, "ADAM-DC-0015", ProviderRefusedRequest, Action.SPLIT),
    (400, "ADAM-ERR0126", ProviderRefusedRequest, Action.SPLIT),
    (400, "ADAM-DC-0016", BeyondHistory, Action.CLAMP_START),
    (400, "ADAM-ERR0125", BeyondHistory, Action.CLAMP_START),
    (403, "ADAM-DC-0009", BeyondHistory, Action.CLAMP_START),
    (400, "ADAM-ERR0069", ProviderWrongDirection, Action.MARK_UNAVAILABLE),
    (400, "ADAM-ERR0075", CurveNotCollected, Action.MARK_UNAVAILABLE),
    (400, "ADAM-ERR0061", ConsentLost, Action.ASK_CONSENT),
    (403, "ADAM-DC-0007", ConsentLost, Action.ASK_CONSENT),
    (400, "ADAM-DC-0007", ConsentLost, Action.ASK_CONSENT),
    (403, "ADAM-DC-0008", ConsentLost, Action.ASK_CONSENT),
    (403, "ADAM_DC_0008", ConsentLost, Action.ASK_CONSENT),
    (403, "unauthorized_user", ConsentLost, Action.ASK_CONSENT),
    # "Pas de services souscrits, le flux est stoppé.": its status is unknown.
    (400, "Bad request", ConsentLost, Action.ASK_CONSENT),
    (200, "Bad request", ConsentLost, Action.ASK_CONSENT),
    (404, "STM-ERR-0000019", ConsentLost, Action.ASK_CONSENT),
    (404, "no_data_found", NoMeasure, Action.WAIT),
    (404, "STM-ERR-0000014", NoMeasure, Action.WAIT),
    (404, "STM-ERR-0000020", NoMeasure, Action.WAIT),
    (500, "technical_error", ProviderUnavailable, Action.BACK_OFF),
    (500, "ADAM-DC-0500", ProviderUnavailable, Action.BACK_OFF),
    (500, "STM-ERR-0000001", ProviderUnavailable, Action.BACK_OFF),
    (401, "900901", ProviderTokenRejected, Action.RENEW_TOKEN),
    (401, "900902", ProviderTokenRejected, Action.RENEW_TOKEN),
    (404, "900906", ProviderApiMissing, Action.ALERT_OPERATOR),
    (403, "900907", ProviderUnavailable, Action.BACK_OFF),
    (403, "900908", ProviderNotSubscribed, Action.ALERT_OPERATOR),
    (403, "900909", ProviderNotSubscribed, Action.ALERT_OPERATOR),
    *[(429, f"90080{last}", ProviderThrottled, Action.WAIT) for last in "0123467"],
]
ROOT = Path(__file__).parents[5]


def answered(status: int, body: Any) -> Answer:
    return Answer(status, body, NOW)


def forms(code: str) -> list[Any]:
    """The possible shapes of an error's body."""
    return [
        {"error": code, "error_description": "text"},
        {"code": code, "message": "text"},
        {"code": code, "message": "text", "description": "text"},
        {"fault": {"code": code, "message": "text"}},
        [{"code": code, "message": "text"}],
        [{"code": code, "message": "text"}, {"code": "other", "message": "text"}],
    ]


def test_a_known_code_says_what_is_wrong_in_every_form() -> None:
    for status, code, leaf, action in KNOWN:
        with case(status, code, leaf, action):
            answers = [answered(status, body) for body in forms(code)]
            errors = [error_of(answer) for answer in answers]

            assert [leaf] * len(errors) == [type(error) for error in errors]
            assert {code} == {error.upstream_code for error in errors}
            assert {action} == {action_of(error) for error in errors}
            assert {ERRORS[code].sentence} == {str(error) for error in errors}
            assert all(is_error(answer) for answer in answers)


def test_no_code_of_the_table_is_left_untested() -> None:
    assert {code for _, code, _, _ in KNOWN} == set(ERRORS)


def test_every_code_that_the_simulator_knows_means_something() -> None:
    """Both generations' errors, in their captured or published bodies."""
    consent_page = {"missing_parameter", "invalid_duration_format", "maximum_duration_exceeded", "access_denied"}
    elsewhere = consent_page | {"lincs-internal-server-error", "invalid_client", "invalid_grant"}
    errors = {
        (known.code, known.generation): error_of(answered(known.refusal.status, dict(known.refusal.body)))
        for known in known_errors(NOW)
        if known.code not in elsewhere and known.generation != "rte"
    }

    without_a_code_of_their_own = {"429": ProviderThrottled, "503": ProviderUnavailable}
    for (code, _), error in errors.items():
        expected = ERRORS[code].leaf if code in ERRORS else without_a_code_of_their_own[code]
        assert expected is type(error), code
        assert expected.retryable == error.retryable


def test_only_what_may_pass_by_itself_is_tried_again() -> None:
    retried = {code for code, meaning in ERRORS.items() if meaning.retryable}

    assert retried == {
        code
        for code, meaning in ERRORS.items()
        if meaning.action in {Action.BACK_OFF, Action.RENEW_TOKEN}
        or meaning.leaf in {ProviderThrottled, ProviderApiMissing}
    }


def test_each_sentence_is_one_for_a_person() -> None:
    for meaning in ERRORS.values():
        assert meaning.sentence.endswith(".")
        assert meaning.sentence[0].isupper()
        assert 20 < len(meaning.sentence) < 120


def test_the_page_about_errors_tells_every_code_and_what_is_done() -> None:
    page = (ROOT / "docs" / "enedis-api" / "errors.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([^`]+)` \|[^|]*\| `([^`]+)` \| `([^`]+)` \|", page, re.MULTILINE)

    assert {(code, meaning.leaf.code, meaning.action.value) for code, meaning in ERRORS.items()} == set(told)


def test_data_are_no_error() -> None:
    cases: list[object] = [{}, {"meter_reading": {}}, {"grandeur": []}, [], [{"segment": "C5"}], None, "text"]

    for body in cases:
        with case(body):
            assert not is_error(answered(200, body))


def test_an_unknown_code_leaves_the_status_to_say_it() -> None:
    cases: list[tuple[int, type[ProviderError]]] = [
        (400, ProviderRefusedRequest),
        (401, ProviderMisconfigured),
        (403, ConsentLost),
        (404, NoMeasure),
        (405, ProviderRefusedRequest),
        (406, ProviderUnavailable),
        (410, ProviderApiMissing),
        (429, ProviderThrottled),
        (500, ProviderUnavailable),
        (502, ProviderUnavailable),
        (503, ProviderUnavailable),
        (504, ProviderUnavailable),
    ]

    for status, expected in cases:
        with case(status, expected):
            error = error_of(answered(status, {"code": "SGT-NEW", "message": "text"}))

            assert expected is type(error)
            assert "SGT-NEW" == error.upstream_code


def test_a_page_that_is_not_json_says_nothing_of_measures_and_consents() -> None:
    """A proxy's own 404 page must not be stored as days without a measure, which are not requested again."""
    cases: list[tuple[int, type[ProviderError]]] = [
        (400, ProviderUnavailable),
        (403, ProviderUnavailable),
        (404, ProviderApiMissing),
        (410, ProviderApiMissing),
        (500, ProviderUnavailable),
        (502, ProviderUnavailable),
        (503, ProviderUnavailable),
    ]

    for status, expected in cases:
        with case(status, expected):
            error = error_of(answered(status, None))

            assert expected is type(error)
            assert error.retryable
            assert error.upstream_code is None


def test_an_api_that_is_not_there_does_not_say_that_there_is_no_measure() -> None:
    cases: list[object] = [
        {"code": "404", "type": "Status report", "message": "Not Found", "description": "No matching resource"},
        {"fault": {"code": 404, "type": "Status report", "message": "Not Found"}},
        {"timestamp": 0, "status": 404, "error": "Not Found"},
        {"message": "no Route matched with those values"},
        {"fault": {"code": 900906, "message": "No matching resource found"}},
        {},
        [],
    ]

    for body in cases:
        with case(body):
            assert ProviderApiMissing is type(error_of(answered(404, body)))


def test_a_404_that_names_a_reason_or_a_measure_is_about_the_measure() -> None:
    cases: list[object] = [
        {"code": "SGT404", "message": "text"},
        {"code": "404", "message": "Pas de mesure trouvée pour ce point"},
        {"message": "no measure found for this usage point"},
        [{"code": "404", "message": "Pas de mesure trouvée pour ce point"}],
    ]

    for body in cases:
        with case(body):
            assert NoMeasure is type(error_of(answered(404, body)))


def test_a_code_of_thousands_of_digits_is_none() -> None:
    assert code_of({"code": 10**5000}) is None


def test_a_code_that_lies_deeper_than_any_form_is_none() -> None:
    body: Any = {"code": "900901"}
    for _ in range(50):
        body = {"fault": body}

    assert code_of(body) is None


def test_a_body_without_a_code_has_none() -> None:
    cases: list[object] = [
        None,
        "text",
        7,
        True,
        [],
        ["text"],
        {},
        {"message": "text"},
        {"code": None},
        {"code": True},
        {"code": 1.5},
        {"fault": "x"},
    ]

    for body in cases:
        with case(body):
            assert code_of(body) is None


def test_a_code_written_as_a_number_is_the_same_code() -> None:
    assert "900807" == code_of({"fault": {"code": 900807}})


def test_a_code_is_kept_short_and_the_text_beside_it_is_not_kept_at_all() -> None:
    error = error_of(answered(403, {"error": "x" * 500, "error_description": "about a person"}))

    assert "x" * 64 == error.upstream_code
    assert "person" not in str(error)
    assert "person" not in repr(error)
