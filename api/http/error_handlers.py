"""Converts every failure to a problem document (RFC 9457). A problem document never repeats values of the request."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError
from starlette.exceptions import HTTPException

from api.http.problems import FRAMEWORK_KINDS, PROBLEM_MEDIA_TYPE, ProblemKind, kind_of
from api.http.rate_limit_headers import exceeded_headers
from shared.core.datasets import DATASETS
from shared.core.errors import (
    AppError,
    FieldError,
    NotFound,
    QuotaExceeded,
    ServiceUnavailable,
    Unauthenticated,
    Unreadable,
    ValidationFailed,
)
from shared.crypto.vault import CannotOpen
from shared.observability.logging import get_logger
from shared.observability.tracing import current_trace_id
from shared.storage.database import DATABASE_AWAY

logger = get_logger(__name__)

STORE_FAILURES: tuple[type[Exception], ...] = (
    RedisConnectionError,
    RedisTimeoutError,
    OutOfMemoryError,
    ReadOnlyError,
    *DATABASE_AWAY,
)
_RETRY_SECONDS = 5

_MASK = "***"
_ID = re.compile(r"[a-z]{1,8}_[0-9a-f]{1,40}")
_PART = re.compile(r"\{(\w+)[^}]*\}")


def install_error_handlers(app: FastAPI) -> None:
    """Install the exception handlers of ``app``; `api.http.middleware.LastResort` handles all other exceptions."""
    app.exception_handler(AppError)(_app_error)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(CannotOpen)(_unreadable)
    for failure in STORE_FAILURES:
        app.exception_handler(failure)(_store_failure)


def error_response(request: Request, error: AppError) -> Response:
    """The problem document of an `AppError`."""
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, QuotaExceeded):
        headers |= exceeded_headers(error, datetime.now(UTC))
    if error.retry_at is not None:
        headers["Retry-After"] = str(max(1, math.ceil((error.retry_at - datetime.now(UTC)).total_seconds())))
    elif isinstance(error, ServiceUnavailable):
        headers["Retry-After"] = str(_RETRY_SECONDS)
    return _problem(
        request,
        kind_of(type(error)),
        detail=error.detail,
        errors=error.errors,
        upstream_code=error.upstream_code,
        links=error.links,
        headers=headers,
    )


def internal_error_response(request: Request) -> Response:
    """The problem document of an unexpected exception; it contains no details."""
    return _problem(request, FRAMEWORK_KINDS[500])


async def _app_error(request: Request, error: AppError) -> Response:
    return error_response(request, error)


async def _store_failure(request: Request, error: Exception) -> Response:
    # Its text may contain hosts and parameters, so it is only logged.
    logger.error("store_unavailable", error=type(error).__name__, exc_info=error)
    return error_response(request, ServiceUnavailable())


async def _unreadable(request: Request, error: CannotOpen) -> Response:
    logger.error("unreadable", exc_info=error)
    return error_response(request, Unreadable())


async def _http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == NotFound.status:
        return error_response(request, NotFound())
    kind = FRAMEWORK_KINDS.get(error.status_code, FRAMEWORK_KINDS[400 if error.status_code < 500 else 500])
    return _problem(request, kind, headers=error.headers or {})


async def _invalid_request(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return _problem(request, FRAMEWORK_KINDS[400], detail="The request body is not valid JSON.")
    # The framework passes on a body without a JSON content type as bytes.
    if isinstance(error.body, bytes) and any(each["loc"] == ("body",) for each in found):
        return _problem(request, FRAMEWORK_KINDS[415])
    return error_response(request, ValidationFailed(errors=[_field_error(each) for each in found]))


def _field_error(found: Mapping[str, Any]) -> FieldError:
    place, *path = found["loc"]
    if found["type"] == "extra_forbidden":
        # The name of an unknown field is text of the caller.
        return FieldError(_pointer(path[:-1]), "There is an unknown field.")
    return FieldError(_pointer(path) if place == "body" else ".".join(map(str, path)), found["msg"])


def _pointer(path: Sequence[object]) -> str:
    """RFC 6901."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _problem(
    request: Request,
    kind: ProblemKind,
    *,
    detail: str | None = None,
    errors: Sequence[FieldError] = (),
    upstream_code: str | None = None,
    links: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    document = {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail or kind.title,
        "instance": showable_path(getattr(request.scope.get("route"), "path", None), request.path_params),
        "code": kind.code,
        "upstream_code": upstream_code,
        "retryable": kind.retryable,
        "trace_id": current_trace_id(),
        "errors": [{"pointer": each.pointer, "detail": each.detail} for each in errors],
    }
    if links:
        document["links"] = links
    return Response(orjson.dumps(document), kind.status, headers, PROBLEM_MEDIA_TYPE)


def showable_path(template: str | None, values: Mapping[str, Any]) -> str:
    """The path from the matched route, with all values masked except ids of this gateway and dataset names.

    A path that matches no route is masked entirely: it is text of the caller.
    """
    if template is None:
        return f"/{_MASK}"
    shown = {name: str(value) if _is_showable(str(value)) else _MASK for name, value in values.items()}
    return _PART.sub(lambda found: shown.get(found[1], _MASK), template)


def _is_showable(value: str) -> bool:
    return value in DATASETS or _ID.fullmatch(value) is not None
