"""The simulated RTE: token, Tempo and EcoWatt, with their sandboxes. Routes only."""

from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from simulator import rte_errors
from simulator.clock import Clock
from simulator.conditions import Conditions
from simulator.gateway import call_of, json_answer
from simulator.rte_ecowatt import ecowatt_xml, sandbox_body, signals_body
from simulator.rte_gateway import TOKEN_SECONDS, RteGateway, RteTokens
from simulator.rte_tempo import read_question, tempo_body, tempo_xml

_TEMPO = "/open_api/tempo_like_supply_contract/v1"
_ECOWATT = "/open_api/ecowatt/v5"
_BODY_LIMIT_BYTES = 8_192


def rte_token_router(gateway: RteGateway, tokens: RteTokens) -> APIRouter:
    """The token endpoint, with and without a trailing slash."""
    router = APIRouter(tags=["RTE: token"])

    async def issue(request: Request) -> Response:
        form = parse_qs((await request.body())[:_BODY_LIMIT_BYTES].decode("latin-1"))
        if form.get("grant_type", ["client_credentials"]) != ["client_credentials"]:
            raise rte_errors.wrong_grant()
        token = tokens.issue(request.headers.get("authorization"))
        return json_answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS})

    @router.post("/token/oauth/", summary="An application token (HTTP Basic)")
    @router.post("/token/oauth", include_in_schema=False)
    async def token(request: Request) -> Response:
        return await gateway.answer_anybody(request, rte_errors.TOKEN, issue)

    return router


def rte_router(gateway: RteGateway, clock: Clock, conditions: Conditions) -> APIRouter:
    """Tempo and EcoWatt."""
    router = APIRouter(tags=["RTE: Tempo and EcoWatt"])

    async def calendars(request: Request) -> Response:
        call, now = call_of(request), clock.now()
        call.start, call.end = request.query_params.get("start_date"), request.query_params.get("end_date")
        question = read_question(request.query_params, now, conditions)
        if not _wants_json(request):
            return _xml(tempo_xml(now, conditions))
        return json_answer(200, tempo_body(question, now, conditions))

    async def signals(request: Request) -> Response:
        now = clock.now()
        if not _wants_json(request):
            return _xml(ecowatt_xml(now, conditions))
        return json_answer(200, signals_body(now, conditions))

    async def sandbox_signals(_request: Request) -> Response:
        return json_answer(200, sandbox_body())

    @router.get(f"{_TEMPO}/tempo_like_calendars", summary="The colours of days")
    @router.get(f"{_TEMPO}/sandbox/tempo_like_calendars", summary="The same: Tempo's sandbox is undocumented")
    async def tempo(
        request: Request,
        start_date: str | None = None,
        end_date: str | None = None,
        fallback_status: str | None = None,
    ) -> Response:
        return await gateway.answer(request, rte_errors.TEMPO, calendars)

    @router.get(f"{_ECOWATT}/signals", summary="The signals of today and three days")
    async def ecowatt(request: Request) -> Response:
        return await gateway.answer(request, rte_errors.ECOWATT, signals, is_paused=True)

    @router.get(f"{_ECOWATT}/sandbox/signals", summary="Four days of June 2022, without a rate limit")
    async def ecowatt_sandbox(request: Request) -> Response:
        return await gateway.answer(request, rte_errors.ECOWATT, sandbox_signals)

    return router


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "").lower()


def _xml(text: str) -> Response:
    return Response(text, media_type="application/xml")
