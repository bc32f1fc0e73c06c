"""Problem documents (RFC 9457), and which of them a route can answer with."""

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
"""What every route can raise that takes an account's API key."""

NO_CONTENT: dict[int | str, dict[str, Any]] = {202: {"content": {"application/json": {"schema": {"type": "null"}}}}}
"""The ``responses`` of a route that has nothing to say yet, but for its problems."""


class ProblemKind(BaseModel):
    """One kind of problem: what every occurrence of it has in common."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="Stable, for programs.", examples=["out_of_history"])
    title: str = Field(
        description="What it means, for people.",
        examples=[OutOfHistory.title()],
    )
    status: int = Field(description="The HTTP status it is answered with.", examples=[422])
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
    """One thing wrong with a request."""

    pointer: str = Field(description="A JSON pointer into the body, or a parameter's name.", examples=["/end"])
    detail: str = Field(description="What is wrong with it.", examples=["There is no such day in the calendar."])


class Problem(BaseModel):
    """What every error is answered with, as `application/problem+json` (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROBLEM_EXAMPLE]})

    type: str = Field(description="Where this kind of problem is explained.", examples=["/problems/out_of_history"])
    title: str = Field(description="The kind of problem, for people.")
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="This occurrence, for people.")
    instance: str = Field(description="The path that was asked for; what could identify somebody is masked.")
    code: str = Field(description="The kind of problem, for programs.", examples=["out_of_history"])
    upstream_code: str | None = Field(None, description="The provider's own code, when it was the provider.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    trace_id: str | None = Field(None, description="Quote it when you ask for help.")
    errors: list[ProblemField] = Field(default_factory=list, description="What is wrong with the request, by place.")
    links: dict[str, str] = Field(
        default_factory=dict,
        description="Where to look instead: URI templates (RFC 6570), because a problem never names a usage point.",
        examples=[{"readings": "/v1/usage-points/{usage_point_id}/readings/daily_consumption"}],
    )


def kind_of(error: type[AppError]) -> ProblemKind:
    """The kind of problem that an error of our tree is answered with."""
    return ProblemKind(code=error.code, title=error.title(), status=error.status, retryable=error.retryable)


# What the framework finds, or nobody foresaw; by status, because that is how the framework says it.
FRAMEWORK_KINDS = {
    kind.status: kind
    for kind in (
        ProblemKind(code="malformed_request", title="The request can't be read.", status=400, retryable=False),
        ProblemKind(
            code="method_not_allowed", title="This address does not take that method.", status=405, retryable=False
        ),
        ProblemKind(code="body_too_large", title="The request's body is too large.", status=413, retryable=False),
        ProblemKind(
            code="unsupported_media_type", title="The request's body must be JSON.", status=415, retryable=False
        ),
        ProblemKind(code="internal_error", title="Something failed on our side.", status=500, retryable=True),
    )
}


def problem_kinds() -> dict[str, ProblemKind]:
    """Every kind of problem, by code."""
    kinds = {error.code: kind_of(error) for error in leaves()}
    return kinds | {kind.code: kind for kind in FRAMEWORK_KINDS.values()}


def documented(*errors: type[AppError], body: bool = False) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that can raise these errors; with ``body``, of one that reads a body, too."""
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
