"""Failures in the form of another gateway's contract: what leaves a route of it is rendered by that contract alone.

A contract says of each kind of failure with which status and in which words it is answered; the words are constant, so
nothing of what was sent, of the provider or of our inside is ever in them.
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

# Kinds of failure that a contract has one word for.
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
    """A route whose failures look as ``render`` has them, its own and those of everything that it depends on."""

    @staticmethod
    def render(request: Request, error: AppError | HTTPException) -> Response:
        """A failure in the form of the contract. An `HTTPException` is the framework's (413, 400)."""
        raise NotImplementedError

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route, with its failures caught."""
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
    """The status and the words of each kind of failure in a contract, found by its class or one above it; ``model``:
    what describes their form; ``otherwise``: the words, with 503, for what has none."""

    model: type[BaseModel]
    forms: Mapping[type[AppError], tuple[int, str]]
    otherwise: str

    def of(self, error: type[AppError]) -> tuple[int, str]:
        """The status and the words for a kind of failure."""
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
    """What a failure that is answered with ``status`` says of when to try again, and of a used-up quota."""
    headers = exceeded_headers(error, now) if isinstance(error, QuotaExceeded) else {}
    if error.retry_at is not None:
        headers["Retry-After"] = str(max(1, math.ceil((error.retry_at - now).total_seconds())))
    elif status == ServiceUnavailable.status:
        headers["Retry-After"] = str(_RETRY_SECONDS)
    return headers
