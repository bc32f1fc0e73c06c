"""The routes of the consent sites. The logic is in `authorize`; this module only handles HTTP."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from simulator.authorize import PAGE_HEADERS, STATE_LIMIT, ConsentSite, parse_form, points_of_form
from simulator.errors import Refusal, resource_refusal, unknown_path
from simulator.faults import CONSENT_API
from simulator.gateway import Gateway, Produce, call_of, refused
from simulator.pages import problem_page

_BODY_LIMIT_BYTES = 8_192
_DOCUMENTED = {
    "parameters": [
        {"name": "client_id", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "response_type", "in": "query", "required": True, "schema": {"const": "code"}},
        {"name": "duration", "in": "query", "required": True, "schema": {"type": "string"}, "example": "P3Y"},
        {"name": "state", "in": "query", "schema": {"type": "string", "maxLength": STATE_LIMIT}},
        {"name": "auto", "in": "query", "schema": {"enum": ["approve", "refuse"]}},
        {"name": "usage_point_id", "in": "query", "schema": {"type": "string"}},
    ]
}


def consent_router(site: ConsentSite, gateway: Gateway) -> APIRouter:
    """The pages of one consent site."""
    router = APIRouter(tags=["Enedis: consent"])

    async def ask(request: Request) -> Response:
        parameters = dict(request.query_params)
        lasts = site.check(parameters)
        match parameters.get("auto"):
            case None:
                return site.page(parameters, lasts)
            case "approve":
                points = site.points_for_program(parameters)
                call_of(request).usage_point_id = ";".join(points)
                return site.approve(parameters, lasts, points)
            case "refuse":
                return site.refuse(parameters)
            case _:
                raise resource_refusal(400, "Invalid_request", "auto must be approve or refuse")

    async def decide(request: Request) -> Response:
        body = await request.body()
        pairs = parse_form(body[:_BODY_LIMIT_BYTES])
        parameters = dict(pairs)
        lasts = site.check(parameters)
        if parameters.get("decision") != "approve":
            return site.refuse(parameters)
        points = points_of_form(pairs, several=site.generation == "v5")
        call_of(request).usage_point_id = ";".join(points)
        return site.approve(parameters, lasts, points)

    def serve(produce: Produce) -> Produce:
        async def route(request: Request) -> Response:
            return await gateway.answer_unmetered(request, CONSENT_API, _readable(_unless_stopped(site, produce)))

        return route

    router.add_api_route(
        site.path,
        serve(ask),
        methods=["GET"],
        name=f"authorize_{site.generation}",
        summary="Request a user's consent",
        openapi_extra=_DOCUMENTED,
    )
    router.add_api_route(f"{site.path}/decision", serve(decide), methods=["POST"], include_in_schema=False)
    return router


def _unless_stopped(site: ConsentSite, produce: Produce) -> Produce:
    async def produce_unless_stopped(request: Request) -> Response:
        if site.is_stopped:
            raise unknown_path()
        return await produce(request)

    return produce_unless_stopped


def _readable(produce: Produce) -> Produce:
    """Render a refusal as a page for a browser, and as JSON for a program."""

    async def produce_readable(request: Request) -> Response:
        try:
            return await produce(request)
        except Refusal as refusal:
            answer = refused(refusal, call_of(request))
            if "text/html" not in request.headers.get("accept", ""):
                return answer
            explanation = f"{refusal.body.get('error')} : {refusal.body.get('error_description')}"
            return HTMLResponse(problem_page("Demande refusée", explanation), refusal.status, headers=PAGE_HEADERS)

    return produce_readable
