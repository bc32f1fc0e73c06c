"""When an API may be called again after a quota refusal, in both formats of its gateway."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.errors import ProviderThrottled
from tests.support.cases import case
from tests.unit.workers.recorded import recorded
from workers.providers.enedis.errors import error_of
from workers.upstream.http_client import Answer

NOW = datetime(2026, 9, 8, 8, 36, 12, tzinfo=UTC)


def answered(status: int, body: Any) -> Answer:
    return Answer(status, body, NOW)


def test_a_used_up_hour_is_over_when_enedis_says_so() -> None:
    error = error_of(answered(429, recorded("erreur_429_900804")))

    assert ProviderThrottled is type(error)
    assert datetime(2026, 9, 8, 9, tzinfo=UTC) == error.retry_at


def test_a_used_up_hour_is_read_in_the_other_form_of_the_gateway_too() -> None:
    fault = {"code": 900804, "message": "Message throttled out", "nextAccessTime": "2026-Sep-08 09:00:00+0000 UTC"}

    error = error_of(answered(429, {"fault": fault}))

    assert (datetime(2026, 9, 8, 9, tzinfo=UTC), "900804") == (error.retry_at, error.upstream_code)


def test_a_burst_is_over_in_a_second() -> None:
    error = error_of(answered(429, recorded("erreur_429_900807")))

    assert NOW + timedelta(seconds=1) == error.retry_at


def test_a_refusal_that_names_no_moment_pauses_a_minute() -> None:
    cases: list[object] = [
        None,
        [],
        {"error": "429", "error_description": "Quota Q4 reached  Call threshold allowed on 0:-30:-40"},
        {"code": "429", "message": "SLA dépassé"},
        {"code": "900804", "message": "Message throttled out"},
        {"code": "900804", "nextAccessTime": None},
        {"code": "900804", "nextAccessTime": 1788858000},
        {"code": "900804", "nextAccessTime": "later"},
        {"code": "900804", "nextAccessTime": "2026-Sep-08 09:00:00"},
    ]

    for body in cases:
        with case(body):
            assert NOW + timedelta(minutes=1) == error_of(answered(429, body)).retry_at


def test_a_moment_that_can_not_be_meant_is_not_waited_for() -> None:
    cases: list[tuple[str, datetime]] = [
        # Long ago: by one of the clocks it is already over.
        ("2026-Sep-08 05:00:00+0000 UTC", NOW + timedelta(seconds=1)),
        ("0001-Jan-01 00:00:00+0000 UTC", NOW + timedelta(seconds=1)),
        ("0001-Jan-01 00:00:00+1400 UTC", NOW + timedelta(minutes=1)),
        ("2026-Sep-08 11:00:00+0200 UTC", datetime(2026, 9, 8, 9, tzinfo=UTC)),
        ("2126-Sep-08 09:00:00+0000 UTC", NOW + timedelta(days=1)),
    ]

    for named, expected in cases:
        with case(named, expected):
            body = {"code": "900804", "nextAccessTime": named}

            assert expected == error_of(answered(429, body)).retry_at
