"""Errors in the format of another gateway's API: every error of its routes is rendered by that API alone.

An API defines the status and the message of each error. Messages are constant, so they never contain data of the
request, of the provider or of this gateway's internals.
"""

import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.http.error_handlers import STORE_FAILURES
from api.http.headers import LIMITS, RETRY_AFTER, WWW_AUTHENTICATE
from api.http.rate_limit_headers import exceeded_headers
from shared.core.errors import (
    AppError,
    BeforeActivation,
    BeyondHistory,
    ConsentLost,
    ConsentMissing,
    CurveNotCollected,
    DatasetNotAvailable,
    NoMeasure,
    NotFound,
    OutOfHistory,
    ProviderWrongDirection,
    QuotaExceeded,
    ServiceUnavailable,
    Unauthenticated,
    Unreadable,
    ValidationFailed,
    WrongDirection,
)
from shared.crypto.vault import CannotOpen
from shared.observability.logging import get_logger

logger = get_logger(__name__)

# Errors that an API reports with one message.
NO_CONSENT: tuple[type[AppError], ...] = (ConsentMissing, ConsentLost)
NOT_MEASURED: tuple[type[AppError], ...] = (
    WrongDirection,
    ProviderWrongDirection,
    DatasetNotAvailable,
    CurveNotCollected,
)
NOTHING_THERE: tuple[type[AppError], ...] = (NotFound, NoMeasure, OutOfHistory, BeforeActivation, BeyondHistory)

_RETRY_SECONDS = 5


class CompatRoute(APIRoute):
    """A route whose errors, including those of its dependencies, are rendered by ``render``."""

    @staticmethod
    def render(request: Request, error: AppError | HTTPException) -> Response:
        """An error in the format of the API. An `HTTPException` is raised by the framework (413, 400)."""
        raise NotImplementedError

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route handler, with its exceptions rendered."""
        serve: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def caught(request: Request) -> Response:
            try:
                return await serve(request)
            except (AppError, HTTPException) as error:
                return type(self).render(request, error)
            except RequestValidationError:
                return type(self).render(request, ValidationFailed())
            except CannotOpen as error:
                logger.error("unreadable", exc_info=error)
                return type(self).render(request, Unreadable())
            except STORE_FAILURES as error:
                logger.error("store_unavailable", error=type(error).__name__, exc_info=error)
                return type(self).render(request, ServiceUnavailable())

        return caught


@dataclass(frozen=True, slots=True)
class FailureForms:
    """The status and message of each error of an API, looked up by its class or a base class. ``model``: the schema of
    an error response; ``otherwise``: the message, with 503, of all other errors."""

    model: type[BaseModel]
    forms: Mapping[type[AppError], tuple[int, str]]
    otherwise: str

    def of(self, error: type[AppError]) -> tuple[int, str]:
        """The status and message of an error."""
        known = (self.forms[each] for each in error.__mro__ if each in self.forms)
        return next(known, (ServiceUnavailable.status, self.otherwise))

    def documented(self, *errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
        """The ``responses`` of a route that can raise these errors."""
        by_status: dict[int, list[type[AppError]]] = {}
        for error in dict.fromkeys(errors):
            by_status.setdefault(self.of(error)[0], []).append(error)
        return {status: self._documented(status, by_status[status]) for status in sorted(by_status)}

    def _documented(self, status: int, errors: Sequence[type[AppError]]) -> dict[str, Any]:
        waits = status == ServiceUnavailable.status or any(each.retryable for each in errors)
        headers = (RETRY_AFTER if waits else {}) | (LIMITS if QuotaExceeded in errors else {})
        headers |= WWW_AUTHENTICATE if status == Unauthenticated.status else {}
        return {
            "description": " ".join(f"`{each.code}`: {self.of(each)[1]}" for each in errors),
            "model": self.model,
            **({"headers": headers} if headers else {}),
        }


def failure_headers(error: AppError, status: int, now: datetime) -> dict[str, str]:
    """The headers of an error response with ``status``: `Retry-After`, and the state of an exhausted quota."""
    headers = exceeded_headers(error, now) if isinstance(error, QuotaExceeded) else {}
    if error.retry_at is not None:
        headers["Retry-After"] = str(max(1, math.ceil((error.retry_at - now).total_seconds())))
    elif status == ServiceUnavailable.status:
        headers["Retry-After"] = str(_RETRY_SECONDS)
    return headers
