"""RTE's error responses: status, and a body whose identifier is nested in `error_details`.

The codes of Tempo and their causes are published; the sentence of F04 and the whole of T03 were captured, the other
sentences are invented. So are the bodies of 401, 403 and 429, of which only the statuses are known.
"""

import secrets
from collections.abc import Mapping

from simulator.errors import Refusal

TOKEN, TEMPO, ECOWATT, OPEN_DATA = "rte_token", "tempo", "ecowatt", "rte_open_data"
RTE_APIS = frozenset({TOKEN, TEMPO, ECOWATT, OPEN_DATA})
"""The names under which RTE's APIs are logged, refused and broken."""

_TEMPO_CODES: dict[str, str] = {
    "F01": 'The fields "start_date" and "end_date" must be given together.',
    "F02": 'The value of "start_date" field is later than the value of "end_date" field.',
    "F03": 'The period between "start_date" and "end_date" exceeds 366 days.',
    "F04": 'The value of "end_date" field is incorrect. It is not possible to recover data to this term.',
    "F05": 'The period between "start_date" and "end_date" is less than one calendar day.',
    "F06": 'The format of "start_date" or "end_date" is incorrect.',
    "F07": 'The value of "fallback_status" field is incorrect.',
}


def rte_refusal(status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> Refusal:
    """RTE's form of an error."""
    body = {
        "error": error,
        "error_description": description,
        "error_uri": "",
        "error_details": {"transaction_id": f"Id-{secrets.token_hex(12)}"},
    }
    return Refusal(status, body, headers or {})


def tempo_refusal(short_code: str) -> Refusal:
    """400: an invalid Tempo request, F01 to F07."""
    return rte_refusal(400, f"TMPLIKSUPCON_TMPLIKCAL_{short_code}", _TEMPO_CODES[short_code])


def internal_error() -> Refusal:
    """500: returned for half a day at the start of a season (captured)."""
    return rte_refusal(500, "COMMON_ERROR_T03", "Error code unknown")


def wrong_credentials() -> Refusal:
    """401 of the token endpoint."""
    return Refusal(
        401,
        {"error": "invalid_client", "error_description": "The client credentials are invalid"},
        {"WWW-Authenticate": 'Basic realm="rte-simulator"'},
    )


def wrong_grant() -> Refusal:
    """400 of the token endpoint."""
    return Refusal(400, {"error": "unsupported_grant_type", "error_description": "Only client_credentials is known"})


def wrong_token() -> Refusal:
    """401: no bearer token, or an unknown or expired one."""
    return rte_refusal(
        401,
        "invalid_token",
        "The access token is missing, unknown or expired",
        {"WWW-Authenticate": 'Bearer realm="rte-simulator"'},
    )


def not_subscribed() -> Refusal:
    """403: the application is not subscribed to this API, or not to this version of it."""
    return rte_refusal(403, "forbidden", "The application is not subscribed to this API")


def too_soon(wait_seconds: int) -> Refusal:
    """429: EcoWatt was called within its pause."""
    return rte_refusal(429, "too_many_requests", "Too many requests", {"Retry-After": str(wait_seconds)})


def known_rte_errors() -> list[Refusal]:
    """Every error with a known code."""
    return [
        *(tempo_refusal(short_code) for short_code in _TEMPO_CODES),
        internal_error(),
        wrong_credentials(),
        wrong_token(),
        not_subscribed(),
        too_soon(900),
    ]
