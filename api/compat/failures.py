"""Failures in the form of another gateway's contract: what leaves a route of it is rendered by that contract alone."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.errors import STORE_FAILURES
from shared.errors import AppError, ServiceUnavailable, Unreadable, ValidationFailed
from shared.telemetry import get_logger
from shared.vault import CannotOpen

logger = get_logger(__name__)

Render = Callable[[Request, Exception], Response]


class CompatRoute(APIRoute):
    """A route whose failures look as ``render`` has them, its own and those of everything that it depends on.

    ``render`` is given an `AppError`, or an `HTTPException` of the framework (413, 400).
    """

    render: ClassVar[Render]

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
