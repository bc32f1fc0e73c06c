"""The errors raised for RTE's errors."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.errors import (
    ProviderApiMissing,
    ProviderError,
    ProviderNotSubscribed,
    ProviderRefusedRequest,
    ProviderThrottled,
    ProviderUnavailable,
)
from simulator.error_catalogue import known_errors
from tests.support.cases import case
from tests.unit.workers.recorded import recorded_rte
from workers.providers.rte.errors import code_of, error_of, is_beyond_term, transaction_of
from workers.upstream.http_client import Answer

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def answer(status: int, body: Any = None, retry_at: datetime | None = None) -> Answer:
    """An error response."""
    return Answer(status, body, NOW, retry_at)


def test_a_status_becomes_a_leaf() -> None:
    cases: list[tuple[int, Any, type[ProviderError]]] = [
        (400, {"error": "TMPLIKSUPCON_TMPLIKCAL_F06"}, ProviderRefusedRequest),
        (400, None, ProviderUnavailable),
        (403, None, ProviderNotSubscribed),
        (404, None, ProviderApiMissing),
        (408, None, ProviderUnavailable),
        (302, None, ProviderUnavailable),
        (413, {"error": "x"}, ProviderRefusedRequest),
        (414, {"error": "x"}, ProviderRefusedRequest),
        (429, None, ProviderThrottled),
        (500, {"error": "COMMON_ERROR_T03"}, ProviderUnavailable),
        (503, None, ProviderUnavailable),
        (509, None, ProviderUnavailable),
    ]

    for status, body, leaf in cases:
        with case(status, body, leaf):
            assert leaf is type(error_of(answer(status, body)))


def test_every_code_that_the_simulator_knows_of_rte_means_something() -> None:
    errors = {
        known.code: error_of(answer(known.refusal.status, dict(known.refusal.body)))
        for known in known_errors(NOW)
        if known.generation == "rte"
    }

    periods = {code for code in errors if code.startswith("TMPLIKSUPCON_TMPLIKCAL_F0")}
    assert 7 == len(periods)
    assert {ProviderRefusedRequest} == {type(errors[code]) for code in periods}
    assert ["TMPLIKSUPCON_TMPLIKCAL_F04"] == [code for code, error in errors.items() if is_beyond_term(error)]
    assert type(errors["COMMON_ERROR_T03"]) is ProviderUnavailable


def test_a_used_up_quota_is_over_when_it_says_so_or_after_a_quarter_of_an_hour() -> None:
    named = NOW + timedelta(minutes=40)

    assert named == error_of(answer(429, retry_at=named)).retry_at
    assert NOW + timedelta(minutes=15) == error_of(answer(429)).retry_at


def test_the_code_stands_under_either_name() -> None:
    cases: list[tuple[Any, str | None]] = [
        ({"error": "A_F04"}, "A_F04"),
        ({"error_code": "A_F04"}, "A_F04"),
        ({"error": {"code": 1}}, None),
        ({"error": "x" * 500}, "x" * 64),
        ([], None),
        (None, None),
    ]

    for body, code in cases:
        with case(body, code):
            assert code == code_of(body)


def test_a_term_that_lies_too_far_ahead_is_told_from_other_refusals() -> None:
    assert is_beyond_term(error_of(answer(400, recorded_rte("error_400_F04"))))
    assert not is_beyond_term(error_of(answer(400, {"error": "TMPLIKSUPCON_TMPLIKCAL_F03"})))
    assert not is_beyond_term(error_of(answer(500)))


def test_the_transaction_is_found_when_it_looks_like_one() -> None:
    cases: list[tuple[Any, str | None]] = [
        (recorded_rte("error_500_T03"), "Id-0000000000000000000000a3"),
        ({"error_details": {"transaction_id": "line\nbreak"}}, None),
        ({"error_details": {"transaction_id": "x" * 100}}, None),
        ({"error_details": None}, None),
        (None, None),
    ]

    for body, found in cases:
        with case(body, found):
            assert found == transaction_of(body)
