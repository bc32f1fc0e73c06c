"""The API application: lifespan, routes, handlers. Wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.middleware import Middleware

from api.accounts import audit_routes as audit
from api.accounts import erasure_routes as erasures
from api.accounts import export_routes as exports
from api.accounts import key_routes as keys
from api.accounts import routes as accounts
from api.admin import account_routes as admin_accounts
from api.admin import consent_routes as admin_consents
from api.admin import dead_letter_routes as admin_calls
from api.admin import invitation_routes as admin_invitations
from api.admin import public_data_routes as admin_public_data
from api.admin import service_routes as admin_service
from api.admin import tempo_price_routes as admin_tempo_prices
from api.compat.conso import routes as conso
from api.compat.myelectricaldata import access as myelectricaldata_access
from api.compat.myelectricaldata import cache_purge as myelectricaldata_erasing
from api.compat.myelectricaldata import records as myelectricaldata_records
from api.compat.myelectricaldata import rte, rte_admin
from api.compat.myelectricaldata import series as myelectricaldata_series
from api.consents import callback_routes as callback
from api.consents import link_routes as consent_start
from api.consents import routes as consents
from api.consents import usage_point_routes as usage_points
from api.events import delivery_routes as webhook_deliveries
from api.events import routes as events
from api.events import webhook_routes as webhooks
from api.events.streams import listening_until_exit
from api.http.compression import compression
from api.http.error_handlers import install_error_handlers
from api.http.metrics import Meters
from api.http.middleware import AccessLog, BodyLimit, LastResort, SecurityHeaders
from api.http.openapi import DescribedApi
from api.jobs import list_routes as job_lists
from api.jobs import routes as jobs
from api.public_data import ecowatt_routes as ecowatt
from api.public_data import tempo_routes as tempo
from api.readings import coverage_routes as coverage
from api.readings import purge_routes as purges
from api.readings import routes as readings
from api.service import dataset_routes as datasets
from api.service import documentation_routes as documentation
from api.service import health_routes as health
from api.service import metrics_routes as metrics
from api.service import service_routes as service
from shared.config.settings import Settings
from shared.observability.logging import start_logging
from shared.observability.tracing import start_tracing, stop_tracing, trace_web_app
from shared.resources import open_resources

# Routes are matched in this order: the most requested ones first.
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
    """The application, which opens its stores at startup and closes them at shutdown."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        start_logging(settings.log_level)
        start_tracing("releve-api", settings.otlp_endpoint)
        try:
            async with open_resources(settings) as resources, listening_until_exit(resources.listeners):
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
    """The OpenAPI document, cached. Requires no settings and opens no resources."""
    return _described().openapi()


def _described(**options: Any) -> DescribedApi:
    app = DescribedApi(**options)
    for routes in _ROUTERS:
        app.include_router(routes.router)
    return app
