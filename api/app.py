"""The API put together: lifespan, routes, handlers. Wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.middleware import Middleware

from api.compat import (
    conso,
    myelectricaldata_access,
    myelectricaldata_erasing,
    myelectricaldata_records,
    myelectricaldata_series,
    rte,
    rte_admin,
)
from api.compression import compression
from api.errors import install_error_handlers
from api.event_streams import listening_until_exit
from api.meters import Meters
from api.middleware import AccessLog, BodyLimit, LastResort, SecurityHeaders
from api.openapi import DescribedApi
from api.routes import (
    accounts,
    admin_accounts,
    admin_calls,
    admin_consents,
    admin_invitations,
    admin_public_data,
    admin_service,
    admin_tempo_prices,
    audit,
    callback,
    consent_start,
    consents,
    coverage,
    datasets,
    documentation,
    ecowatt,
    erasures,
    events,
    exports,
    health,
    job_lists,
    jobs,
    keys,
    metrics,
    purges,
    readings,
    service,
    tempo,
    usage_points,
    webhook_deliveries,
    webhooks,
)
from shared.config import Settings
from shared.resources import open_resources
from shared.telemetry import start_logging, start_tracing, stop_tracing, trace_web_app

# Looked through in this order: what is asked for most comes first.
_ROUTERS = (
    readings,
    coverage,
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
    tempo,
    ecowatt,
    jobs,
    job_lists,
    events,
    purges,
    webhooks,
    webhook_deliveries,
    health,
    metrics,
    service,
    documentation,
    admin_accounts,
    admin_calls,
    admin_consents,
    admin_invitations,
    admin_public_data,
    admin_service,
    admin_tempo_prices,
    conso,
    myelectricaldata_series,
    myelectricaldata_access,
    myelectricaldata_records,
    myelectricaldata_erasing,
    rte,
    rte_admin,
)


def create_app(settings: Settings) -> FastAPI:
    """The application; it opens its stores when it starts and closes them when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        start_logging(settings.log_level)
        start_tracing("releve-api", settings.otlp_endpoint)
        try:
            async with open_resources(settings) as resources, listening_until_exit(resources.listening):
                app.state.resources = resources
                yield
        finally:
            stop_tracing()

    meters = Meters()
    app = _described(
        lifespan=lifespan,
        middleware=[
            Middleware(AccessLog, meters=meters),
            Middleware(SecurityHeaders),
            compression(),
            Middleware(LastResort),
            Middleware(BodyLimit, max_body_bytes=settings.max_body_bytes),
        ],
    )
    app.state.meters = meters
    install_error_handlers(app)
    if settings.otlp_endpoint:
        trace_web_app(app)
    return app


@cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI document, made once. Needs no settings and opens nothing."""
    return _described().openapi()


def _described(**options: Any) -> DescribedApi:
    app = DescribedApi(**options)
    for routes in _ROUTERS:
        app.include_router(routes.router)
    return app
