"""The API put together: lifespan, routes, handlers. Wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.middleware import Middleware

from api.errors import install_error_handlers
from api.middleware import AccessLog, BodyLimit, LastResort, SecurityHeaders
from api.routes import (
    accounts,
    admin_accounts,
    admin_consents,
    admin_invitations,
    admin_service,
    audit,
    callback,
    consent_start,
    consents,
    datasets,
    erasures,
    exports,
    health,
    jobs,
    keys,
    purges,
    readings,
    service,
    usage_points,
)
from api.schemas.problems import Problem, ProblemField
from shared.config import Settings
from shared.resources import open_resources
from shared.telemetry import start_logging, start_tracing, stop_tracing, trace_web_app

_ROUTERS = (
    accounts,
    erasures,
    exports,
    keys,
    audit,
    consents,
    consent_start,
    callback,
    usage_points,
    datasets,
    jobs,
    readings,
    purges,
    health,
    service,
    admin_accounts,
    admin_consents,
    admin_invitations,
    admin_service,
)

_DESCRIPTION = """
The gateway through which people in France reach their own electricity data.

Create an account, have a person give their consent, ask for days with a job, read what is stored.
What is stored opens with the account's API key and with nothing else.

Days are calendar days in Europe/Paris; `end` is never included. Every error is a problem document (RFC 9457).
"""

_TAGS = [
    {"name": "accounts", "description": "Who may come in."},
    {"name": "consents", "description": "What a person allows."},
    {"name": "usage points", "description": "Meters, each by its 14 digits."},
    {"name": "datasets", "description": "What there is to ask for."},
    {"name": "jobs", "description": "Having data fetched."},
    {"name": "readings", "description": "Reading what is stored."},
    {"name": "administration", "description": "For operators, with `ADMIN_API_KEY`. Opens no reading."},
    {"name": "service", "description": "The gateway itself."},
]


class Gateway(FastAPI):
    """A FastAPI application whose document describes its problems."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; routes refer to `Problem` only by name, so it is added here."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in (Problem, ProblemField):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schema.pop("$defs", None)
                schemas[model.__name__] = schema
        return super().openapi()


def create_app(settings: Settings) -> FastAPI:
    """The application; it opens its stores when it starts and closes them when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        start_logging(settings.log_level)
        start_tracing("releve-api", settings.otlp_endpoint)
        try:
            async with open_resources(settings) as resources:
                app.state.resources = resources
                yield
        finally:
            stop_tracing()

    app = _described(
        lifespan=lifespan,
        middleware=[
            Middleware(AccessLog),
            Middleware(SecurityHeaders),
            Middleware(LastResort),
            Middleware(BodyLimit, max_body_bytes=settings.max_body_bytes),
        ],
    )
    install_error_handlers(app)
    if settings.otlp_endpoint:
        trace_web_app(app)
    return app


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document. Needs no settings and opens nothing."""
    return _described().openapi()


def _described(**options: Any) -> Gateway:
    app = Gateway(
        title="Relève",
        summary="The gateway to the data of French electricity meters.",
        description=_DESCRIPTION,
        version=version("releve"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=_TAGS,
        # A redirect would repeat the path, and who asks would not see why.
        redirect_slashes=False,
        # Traced by `shared.telemetry`; FastAPI's own logs would hold what was refused.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        **options,
    )
    for routes in _ROUTERS:
        app.include_router(routes.router)
    return app
