"""`create_app`: the simulated Enedis as one ASGI application. Wiring only.

All stateful objects are created here, once per application, so that two simulators in one process share nothing.
"""

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.admission import Admission
from simulator.authorize import ConsentSite
from simulator.calls import CallLog
from simulator.clock import Clock
from simulator.conditions import GENERATIONS, Conditions
from simulator.config import SimulatorSettings
from simulator.consent_pages import consent_router
from simulator.consents import Consents
from simulator.contracts_2026 import contracts_2026_router
from simulator.control import calls_router, conditions_router, faults_router, holders_router
from simulator.customers_v5 import customers_v5_router
from simulator.errors import unknown_path
from simulator.faults import Faults
from simulator.gateway import Gateway, json_answer
from simulator.limits import Limits
from simulator.measures_2026 import measures_2026_router
from simulator.measures_v5 import measures_v5_router
from simulator.rte import rte_router, rte_token_router
from simulator.rte_control import rte_control_router
from simulator.rte_gateway import RteGateway, RtePause, RteTokens
from simulator.rte_open_data import rte_open_data_router
from simulator.sandbox import share_personas
from simulator.services import services_router
from simulator.tokens import Tokens, token_router

# Paths of the simulator itself: neither logged nor part of the Enedis API.
_OWN_PATHS = ("/control", "/docs", "/openapi.json", "/health")

_DESCRIPTION = """
A faithful local Enedis Data Connect, 2026 and v5 side by side: token, consent page, subscribed services,
measures, contract and customer, with households derived from their usage points. `/control` changes its limits,
sets its clock, injects faults and lists the received calls. It also simulates RTE: Tempo, EcoWatt and open data.
"""


class CallRecorder:
    """ASGI middleware: logs each call on arrival and when its response is complete."""

    def __init__(self, app: ASGIApp, log: CallLog, clock: Clock) -> None:
        self._app = app
        self._log = log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"].startswith(_OWN_PATHS):
            await self._app(scope, receive, send)
            return
        call = self._log.open(scope["method"], scope["path"], self._clock.epoch_seconds(), self._clock.monotonic())
        scope["simulator.call"] = call

        async def noting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._log.close(call, message["status"])
            await send(message)

        await self._app(scope, receive, noting_send)


def create_app(settings: SimulatorSettings, clock: Clock | None = None) -> FastAPI:
    """A simulated Enedis with its own state; `clock` replaces the machine's in tests."""
    clock = clock or Clock()
    if settings.now is not None:
        clock.set(settings.now, frozen=settings.frozen)
    conditions = Conditions.of(settings)
    consents = Consents(settings.first_authorisation_id, settings.state_file)
    tokens, limits, faults, log = Tokens(clock), Limits(clock), Faults(), CallLog(settings.log_size)
    gateway = Gateway(clock, conditions, tokens, limits, faults)
    rte_tokens, rte_pause = RteTokens(settings, clock), RtePause(clock, conditions)
    rte_gateway = RteGateway(conditions, rte_tokens, rte_pause, gateway)

    admission = Admission(clock, conditions, consents)
    if settings.sandbox:
        share_personas(consents, clock.now())

    app = FastAPI(
        title="Enedis simulator",
        version="2026",
        description=_DESCRIPTION,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(token_router(settings, gateway, tokens))
    for generation in GENERATIONS:
        site = ConsentSite(generation, settings, clock, conditions, consents)
        app.include_router(consent_router(site, gateway))
    app.include_router(services_router(clock, consents, gateway))
    app.include_router(measures_2026_router(admission, gateway))
    app.include_router(contracts_2026_router(admission, gateway))
    app.include_router(measures_v5_router(admission, gateway))
    app.include_router(customers_v5_router(admission, gateway))
    app.include_router(rte_token_router(rte_gateway, rte_tokens))
    app.include_router(rte_router(rte_gateway, clock, conditions))
    app.include_router(rte_open_data_router(rte_gateway, clock, conditions))
    app.include_router(calls_router(log))
    app.include_router(faults_router(faults, clock))
    app.include_router(conditions_router(conditions, clock, limits, tokens, rte_pause))
    app.include_router(rte_control_router(conditions, rte_tokens))
    app.include_router(holders_router(consents, clock))

    @app.get("/health", tags=["Control: conditions"], summary="Health check")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.exception_handler(StarletteHTTPException)
    async def answer_http_error(request: Request, error: StarletteHTTPException) -> Response:
        if request.url.path.startswith(_OWN_PATHS) or error.status_code != 404:
            return await http_exception_handler(request, error)
        return json_answer(404, unknown_path().body)

    app.add_middleware(CallRecorder, log=log, clock=clock)
    return app
