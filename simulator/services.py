"""`POST /subscribed_services/v1`: from an authorisation id to the shared point, one entry per measure type.

Strict as its Swagger: an unknown field, a wrong type or a missing `comptage` is a 500. When there is no match the list
is absent, not empty.
"""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from simulator.clock import Clock
from simulator.consents import Consent, Consents
from simulator.errors import technical_error
from simulator.gateway import Gateway, call_of, json_answer
from simulator.households import Household, household_of
from simulator.paris import paris_date

State = Literal["DEMANDE", "ACTIF", "TERMINE", "SUPPRIME"]
MeasureType = Literal["CDC", "PMAX", "ENERGIE", "IDX", "ITC"]

_STATE_LABELS: dict[State, str] = {
    "DEMANDE": "Demandé",
    "ACTIF": "Actif",
    "TERMINE": "Terminé",
    "SUPPRIME": "Supprimé",
}
_CONSUMPTION_TYPES: tuple[MeasureType, ...] = ("CDC", "PMAX", "IDX", "ENERGIE", "ITC")
_PRODUCTION_TYPES: tuple[MeasureType, ...] = ("CDC", "IDX", "ENERGIE", "ITC")
_PAGE_SIZE = 1_000

PointId = Annotated[str, StringConstraints(pattern="^[0-9]{14}$")]
Siren = Annotated[str, StringConstraints(pattern="^[0-9]{9}$")]


class ServicesQuestion(BaseModel):
    """The request body as the Swagger describes it. Nothing is converted: `"58249"` is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    comptage: bool
    autorisation_id: int | None = Field(default=None, ge=0, lt=2**63)
    siren: list[Siren] | None = Field(default=None, max_length=1_000)
    etat_code: list[State] = ["ACTIF", "DEMANDE"]
    service_type: Literal["CCDC", "TRANSREC", "OPPENR", "ACCES"] = "ACCES"
    mesure_type_code: list[MeasureType] | None = None
    soutirage: bool | None = None
    injection: bool | None = None
    point_id: list[PointId] | None = Field(default=None, max_length=1_000)
    date_debut: date | None = None
    date_fin: date | None = None
    page: int = Field(default=1, ge=0)
    autorisation: bool | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> "ServicesQuestion":
        if self.autorisation_id is None and self.siren is None:
            raise ValueError("autorisationId or siren is required")
        return self


def parse_services_question(body: bytes) -> ServicesQuestion:
    """Parse the request in `body`.

    Raises:
        Refusal: 500 for anything that the Swagger does not describe.
    """
    try:
        return ServicesQuestion.model_validate_json(body)
    except ValidationError as error:
        raise technical_error() from error


def find_services(question: ServicesQuestion, consents: Consents, clock: Clock) -> list[dict[str, object]]:
    """The subscribed services that match the request."""
    if question.autorisation_id is None or question.service_type != "ACCES":
        return []
    consent = consents.by_authorisation(question.autorisation_id, clock.now())
    if consent is None or (question.point_id is not None and consent.usage_point_id not in question.point_id):
        return []
    state = _state_of(consent, paris_date(clock.now()))
    if state not in question.etat_code:
        return []
    if question.date_debut is not None and consent.granted_on < question.date_debut:
        return []
    if question.date_fin is not None and consent.expires_on < question.date_fin:
        return []
    services = _services_of(consent, household_of(consent.usage_point_id), state)
    return [service for service in services if _is_asked_for(service, question)]


def services_router(clock: Clock, consents: Consents, gateway: Gateway) -> APIRouter:
    """The route of the API, with and without a trailing slash."""
    router = APIRouter(tags=["Enedis 2026: subscribed services"])
    api = gateway.register("subscribed_services", "2026")

    async def produce(request: Request) -> Response:
        question = parse_services_question(await request.body())
        services = find_services(question, consents, clock)
        if services:
            call_of(request).usage_point_id = str(services[0]["pointId"])
        answer: dict[str, object] = {"nbTotalServices": len(services)}
        first = max(question.page - 1, 0) * _PAGE_SIZE
        if services and not question.comptage:
            answer["serviceSouscrit"] = services[first : first + _PAGE_SIZE]
        return json_answer(200, answer)

    async def subscribed_services(request: Request) -> Response:
        return await gateway.answer(request, api, produce)

    documented = {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ServicesQuestion.model_json_schema()}},
        }
    }
    router.add_api_route(
        "/subscribed_services/v1",
        subscribed_services,
        methods=["POST"],
        summary="The services behind an authorisation",
        openapi_extra=documented,
    )
    router.add_api_route("/subscribed_services/v1/", subscribed_services, methods=["POST"], include_in_schema=False)
    return router


def _state_of(consent: Consent, today: date) -> State:
    if consent.revoked:
        return "SUPPRIME"
    return "ACTIF" if consent.is_active(today) else "TERMINE"


def _services_of(consent: Consent, household: Household, state: State) -> list[dict[str, object]]:
    entries = [(kind, False) for kind in _CONSUMPTION_TYPES] if household.consumes else []
    entries += [(kind, True) for kind in _PRODUCTION_TYPES] if household.produces else []
    step = household.step_minutes(consent.granted_on)
    steps = {"CDC": f"PT{step}M", "ITC": "NA"}
    return [
        {
            "id": str(80_000_000 + consent.authorisation_id * 10 + rank),
            "injection": injection,
            "soutirage": not injection,
            "serviceCode": "ACCES",
            "dateDebut": consent.granted_on.isoformat(),
            "dateFin": consent.expires_on.isoformat(),
            "etatCode": state,
            "etatLibelle": _STATE_LABELS[state],
            "pointId": consent.usage_point_id,
            "mesuresTypeCode": kind,
            "mesuresPas": steps.get(kind, "P1D"),
            "mesuresCorrigees": False,
            "espaceDynamique": True,
            "publicationDonnees": False,
            "autorisation": {
                "autorisationId": consent.authorisation_id,
                "autorisationLibelle": f"DATACONNECT_{'_'.join(household.segments)}_{state}",
                "autorisationType": "EXPLICITE",
                "autorisationStatut": "ACTIVE" if state == "ACTIF" else "TERMINEE",
            },
        }
        for rank, (kind, injection) in enumerate(entries)
    ]


def _is_asked_for(service: dict[str, object], question: ServicesQuestion) -> bool:
    if question.mesure_type_code is not None and service["mesuresTypeCode"] not in question.mesure_type_code:
        return False
    if question.soutirage is not None and service["soutirage"] is not question.soutirage:
        return False
    return question.injection is None or service["injection"] is question.injection
