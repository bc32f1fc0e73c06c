"""`/control`: the simulator's own API. Changes limits, sets the clock, injects faults, lists received calls.

For tests and demonstrations; calls to it are neither logged nor limited. Documented in the OpenAPI page.
"""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

from simulator.calls import CallFilter, CallLog
from simulator.clock import Clock
from simulator.conditions import Conditions
from simulator.consents import AlreadySharedError, Consent, Consents
from simulator.control_schemas import (
    CallCount,
    CallView,
    ClockOrder,
    ClockView,
    ConditionsOrder,
    ConditionsView,
    ConsentOrder,
    ConsentView,
    Count,
    FaultOrder,
    FaultView,
    HouseholdView,
    KnownErrorView,
    PersonaView,
    PointOrder,
)
from simulator.durations import DurationTooLongError, UnreadableDurationError, parse_duration
from simulator.error_catalogue import known_errors
from simulator.faults import Fault, Faults
from simulator.households import known_households
from simulator.known_points import PERSONAS, REVOKED_PERSONA
from simulator.limits import Limits
from simulator.paris import paris_date
from simulator.rte_gateway import RtePause
from simulator.tokens import Tokens


def call_filter(
    api: str | None = None,
    path: Annotated[str | None, Query(description="A substring of the path.")] = None,
    usage_point_id: str | None = None,
    status: int | None = None,
    after: Annotated[int, Query(description="Only calls with a higher number.")] = 0,
) -> CallFilter:
    """The query parameters that filter calls."""
    return CallFilter(api, path, usage_point_id, status, after)


def calls_router(log: CallLog) -> APIRouter:
    """The log of received calls."""
    router = APIRouter(prefix="/control/calls", tags=["Control: calls"])

    @router.get("", summary="The logged calls, oldest first")
    async def list_calls(wanted: Annotated[CallFilter, Depends(call_filter)]) -> list[CallView]:
        return [CallView(**asdict(call)) for call in log.find(wanted)]

    @router.get("/count", summary="Count the calls")
    async def count_calls(wanted: Annotated[CallFilter, Depends(call_filter)]) -> CallCount:
        return CallCount(count=sum(1 for _ in log.find(wanted)), totals=log.totals())

    @router.delete("", status_code=204, summary="Clear the call log")
    async def clear_calls() -> None:
        log.clear()

    return router


def faults_router(faults: Faults, clock: Clock) -> APIRouter:
    """Faults on demand."""
    router = APIRouter(prefix="/control/faults", tags=["Control: faults"])

    @router.get("", summary="The armed faults, including exhausted ones")
    async def list_faults() -> list[FaultView]:
        return [_fault_view(fault) for fault in faults.armed()]

    @router.post("", status_code=201, summary="Arm a fault")
    async def arm_fault(order: FaultOrder) -> FaultView:
        return _fault_view(faults.arm(Fault(number=0, **order.model_dump())))

    @router.get("/codes", summary="The known error codes, and their bodies")
    async def list_codes() -> list[KnownErrorView]:
        return [
            KnownErrorView(
                code=known.code,
                generation=known.generation,
                status=known.refusal.status,
                body=dict(known.refusal.body),
            )
            for known in known_errors(clock.now())
        ]

    @router.delete("", status_code=204, summary="Disarm all faults")
    async def clear_faults() -> None:
        faults.clear()

    return router


def conditions_router(
    conditions: Conditions, clock: Clock, limits: Limits, tokens: Tokens, rte_pause: RtePause
) -> APIRouter:
    """Limits, latency, clock and tokens."""
    router = APIRouter(prefix="/control", tags=["Control: conditions"])

    @router.get("/settings", summary="The current conditions")
    async def show_settings() -> ConditionsView:
        return _conditions_view(conditions)

    @router.post("/settings", summary="Change some conditions")
    async def change_settings(order: ConditionsOrder) -> ConditionsView:
        for name in order.model_fields_set:
            value = getattr(order, name)
            if value is None:
                continue
            setattr(conditions, name, frozenset(value) if isinstance(value, list) else value)
        return _conditions_view(conditions)

    @router.get("/clock", summary="The simulated instant")
    async def show_clock() -> ClockView:
        return ClockView(now=clock.now())

    @router.post("/clock", summary="Set the clock, or return to the machine's time")
    async def set_clock(order: ClockOrder) -> ClockView:
        if order.now is None:
            clock.reset()
        else:
            clock.set(order.now, frozen=order.frozen)
        return ClockView(now=clock.now())

    @router.delete("/limits", status_code=204, summary="Reset the quota counters")
    async def clear_limits() -> None:
        limits.clear()
        rte_pause.clear()

    @router.delete("/tokens", summary="Invalidate every issued token")
    async def clear_tokens() -> Count:
        return Count(count=tokens.clear())

    return router


def holders_router(consents: Consents, clock: Clock) -> APIRouter:
    """Households and their shares."""
    router = APIRouter(prefix="/control", tags=["Control: households and consents"])

    @router.get("/households", summary="The households of the table")
    async def list_households() -> list[HouseholdView]:
        return [
            HouseholdView(
                usage_point_id=household.usage_point_id,
                profile=household.profile,
                label=household.label,
                consumes=household.consumes,
                produces=household.produces,
                activation=household.activation,
            )
            for household in known_households()
        ]

    @router.get("/personas", summary="The points of Enedis's own sandbox")
    async def list_personas() -> list[PersonaView]:
        return [
            PersonaView(
                persona=persona,
                usage_point_id=usage_point_id,
                profile=known.profile,
                label=known.label,
                revoked=persona == REVOKED_PERSONA,
            )
            for persona, points in PERSONAS.items()
            for usage_point_id, known in points
        ]

    @router.get("/consents", summary="All shares")
    async def list_consents() -> list[ConsentView]:
        return [_consent_view(consent) for consent in consents.all()]

    @router.post("/consents", status_code=201, summary="Share a point without the page")
    async def grant(order: ConsentOrder) -> ConsentView:
        now = clock.now()
        try:
            lasts = parse_duration(order.duration, paris_date(now))
            return _consent_view(consents.grant(order.usage_point_id, now, lasts))
        except (UnreadableDurationError, DurationTooLongError) as error:
            raise HTTPException(422, "duration is not ISO 8601, or exceeds three years") from error
        except AlreadySharedError as error:
            raise HTTPException(409, "already shared") from error

    @router.delete("/consents", summary="Delete all shares; holders keep their ids")
    async def clear_consents() -> Count:
        return Count(count=consents.clear())

    @router.post("/revoke", summary="Revoke the share of a point, as its holder would")
    async def revoke(order: PointOrder) -> ConsentView:
        consent = consents.revoke(order.usage_point_id)
        if consent is None:
            raise HTTPException(404, "no active share of this point")
        return _consent_view(consent)

    @router.post("/move", status_code=204, summary="A new holder moves in: the share ends, the next gets another id")
    async def move_in(order: PointOrder) -> None:
        consents.move_in(order.usage_point_id)

    return router


def _fault_view(fault: Fault) -> FaultView:
    return FaultView(**asdict(fault))


def _conditions_view(conditions: Conditions) -> ConditionsView:
    shown = asdict(conditions)
    sets = {name: sorted(value) for name, value in shown.items() if isinstance(value, frozenset)}
    return ConditionsView(**shown | sets)


def _consent_view(consent: Consent) -> ConsentView:
    return ConsentView(
        authorisation_id=consent.authorisation_id,
        usage_point_id=consent.usage_point_id,
        granted_on=consent.granted_on,
        expires_on=consent.expires_on,
        revoked=consent.revoked,
    )
