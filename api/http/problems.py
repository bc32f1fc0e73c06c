"""Problem documents (RFC 9457), and the OpenAPI responses of routes that return them."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.http.headers import LIMITS, RETRY_AFTER, WWW_AUTHENTICATE, HeaderDocs
from shared.core.errors import (
    AccountSuspended,
    AppError,
    IdempotencyInProgress,
    OutOfHistory,
    ProviderDown,
    QuotaExceeded,
    ServiceUnavailable,
    TooManyRequests,
    Unauthenticated,
    leaves,
)

PROBLEM_MEDIA_TYPE = "application/problem+json"

# As `api.http.error_handlers` sets them.
_HEADERS: dict[str, HeaderDocs] = {
    Unauthenticated.code: WWW_AUTHENTICATE,
    IdempotencyInProgress.code: RETRY_AFTER,
    TooManyRequests.code: RETRY_AFTER,
    QuotaExceeded.code: RETRY_AFTER | LIMITS,
    ProviderDown.code: RETRY_AFTER,
    ServiceUnavailable.code: RETRY_AFTER,
}

KEY_REFUSALS: tuple[type[AppError], ...] = (Unauthenticated, AccountSuspended, TooManyRequests)
"""The errors of every route that takes an API key of an account."""

NO_CONTENT: dict[int | str, dict[str, Any]] = {202: {"content": {"application/json": {"schema": {"type": "null"}}}}}
"""The ``responses`` of a route that returns 202 without a body, except its problems."""


class ProblemKind(BaseModel):
    """A problem type: the members that all its occurrences share."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="Stable error code.", examples=["out_of_history"])
    title: str = Field(
        description="Description of the problem type.",
        examples=[OutOfHistory.title()],
    )
    status: int = Field(description="HTTP status of the response.", examples=[422])
    retryable: bool = Field(description="Whether the same request may succeed later.", examples=[False])


_OUT_OF_HISTORY = OutOfHistory.title()
_PROBLEM_EXAMPLE: dict[str, Any] = {
    "type": "/problems/out_of_history",
    "title": _OUT_OF_HISTORY,
    "status": OutOfHistory.status,
    "detail": _OUT_OF_HISTORY,
    "instance": "/v1/jobs",
    "code": OutOfHistory.code,
    "upstream_code": None,
    "retryable": OutOfHistory.retryable,
    "trace_id": "0123456789abcdef0123456789abcdef",
    "errors": [],
}


class ProblemField(BaseModel):
    """One invalid value of a request."""

    pointer: str = Field(description="JSON pointer into the body, or name of a parameter.", examples=["/end"])
    detail: str = Field(description="Why it is invalid.", examples=["This day does not exist in the calendar."])


class Problem(BaseModel):
    """An error response, as `application/problem+json` (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROBLEM_EXAMPLE]})

    type: str = Field(description="URI of the problem type's description.", examples=["/problems/out_of_history"])
    title: str = Field(description="Description of the problem type.")
    status: int = Field(description="HTTP status.", examples=[422])
    detail: str = Field(description="Description of this occurrence.")
    instance: str = Field(description="Path of the request; values that could identify a person are masked.")
    code: str = Field(description="Stable error code.", examples=["out_of_history"])
    upstream_code: str | None = Field(None, description="Error code of the provider, if the provider failed.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    trace_id: str | None = Field(None, description="Trace id; include it in support requests.")
    errors: list[ProblemField] = Field(default_factory=list, description="The invalid values of the request.")
    links: dict[str, str] = Field(
        default_factory=dict,
        description="Alternatives, as URI templates (RFC 6570): a problem document never contains a usage point.",
        examples=[{"readings": "/v1/usage-points/{usage_point_id}/readings/daily_consumption"}],
    )


def kind_of(error: type[AppError]) -> ProblemKind:
    """The problem type of an `AppError` class."""
    return ProblemKind(code=error.code, title=error.title(), status=error.status, retryable=error.retryable)


# Errors raised by the framework, and unexpected ones, by status, because that is how the framework reports them.
FRAMEWORK_KINDS = {
    kind.status: kind
    for kind in (
        ProblemKind(code="malformed_request", title="The request cannot be parsed.", status=400, retryable=False),
        ProblemKind(
            code="method_not_allowed", title="This URL does not support the method.", status=405, retryable=False
        ),
        ProblemKind(code="body_too_large", title="The request body is too large.", status=413, retryable=False),
        ProblemKind(code="unsupported_media_type", title="The request body must be JSON.", status=415, retryable=False),
        ProblemKind(code="internal_error", title="An internal error occurred.", status=500, retryable=True),
    )
}


def problem_kinds() -> dict[str, ProblemKind]:
    """All problem types, by code."""
    kinds = {error.code: kind_of(error) for error in leaves()}
    return kinds | {kind.code: kind for kind in FRAMEWORK_KINDS.values()}


def documented(*errors: type[AppError], body: bool = False) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that can raise these errors; ``body``: the route also reads a body."""
    kinds = [kind_of(error) for error in dict.fromkeys(errors)]
    if body:
        kinds += [FRAMEWORK_KINDS[status] for status in (400, 413, 415)]
    by_status: dict[int, list[ProblemKind]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _documented(by_status[status]) for status in sorted(by_status)}


def _documented(kinds: Sequence[ProblemKind]) -> dict[str, Any]:
    headers = {name: each for kind in kinds for name, each in _HEADERS.get(kind.code, {}).items()}
    return {
        "description": " ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
        **({"headers": headers} if headers else {}),
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
