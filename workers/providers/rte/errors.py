"""Errors of RTE's APIs and open data: maps the status and the code in the body to the gateway's exceptions.

Observed shapes: ``{error, error_description, error_details}``, and the code as ``error_code``. Only the code and the
transaction id of a body are kept.
"""

import re
from datetime import timedelta
from typing import Any

from shared.core.errors import (
    ProviderApiMissing,
    ProviderError,
    ProviderNotSubscribed,
    ProviderRefusedRequest,
    ProviderThrottled,
    ProviderUnavailable,
)
from workers.upstream.http_client import Answer

_UNNAMED_PAUSE = timedelta(minutes=15)
# "It is not possible to recover data to this term": the end of the period lies too far ahead.
_BEYOND_TERM = "_F04"


def error_of(answer: Answer) -> ProviderError:
    """The exception for a status other than 200, with RTE's own code and, for an exhausted quota, the retry time."""
    code = code_of(answer.body)
    match answer.status:
        case 429:
            return ProviderThrottled(
                upstream_code=code, retry_at=answer.retry_at or answer.received_at + _UNNAMED_PAUSE
            )
        case 403:
            return ProviderNotSubscribed(upstream_code=code)
        case 400 | 413 | 414 if isinstance(answer.body, dict):
            return ProviderRefusedRequest(upstream_code=code)
        case 404 | 410:
            return ProviderApiMissing(upstream_code=code)
    return ProviderUnavailable(upstream_code=code)


def is_beyond_term(error: ProviderError) -> bool:
    """Whether the last requested day is not published by RTE yet."""
    return (error.upstream_code or "").endswith(_BEYOND_TERM)


def code_of(body: Any) -> str | None:
    """RTE's own code in an error body, ``None`` when it has none."""
    match body:
        case {"error": str() as code} | {"error_code": str() as code}:
            return code[:64]
    return None


def transaction_of(body: Any) -> str | None:
    """The transaction id by which RTE's hotline identifies the call, ``None`` when missing."""
    match body:
        case {"error_details": {"transaction_id": str() as found}} if re.fullmatch(r"[\w.:-]{1,80}", found):
            return found
    return None
