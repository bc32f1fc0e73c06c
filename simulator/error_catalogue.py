"""Every known refusal of Enedis and RTE, by its code: the responses available to `/control/faults`.

Some are never raised by the simulator's own rules, because their cause is unknown; a client must handle them anyway.
One code can have a different text in each generation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from simulator import errors, errors_v5
from simulator.conditions import Generation
from simulator.errors import Refusal, resource_refusal
from simulator.rte_errors import known_rte_errors

Origin = Generation | Literal["rte"]


@dataclass(frozen=True, slots=True)
class KnownError:
    """A code and its refusal in one generation, or at RTE; None: the same in both generations."""

    code: str
    generation: Origin | None
    refusal: Refusal


def code_of(refusal: Refusal) -> str:
    """The code of a refusal, whatever its form."""
    body = refusal.body
    fault = body.get("fault")
    inner = fault.get("code") if isinstance(fault, dict) else None
    return str(body.get("error") or body.get("code") or inner)


def known_errors(now: datetime) -> list[KnownError]:
    """The catalogue; `now` determines the time at which an exhausted quota is reset."""
    return [
        *_entries(None, _of_the_gateway(now)),
        *_entries("2026", _of_2026()),
        *_entries("v5", _of_v5()),
        *_entries(None, _of_the_consent_page()),
        *_entries("rte", known_rte_errors()),
    ]


def find_error(code: str, generation: Origin, now: datetime) -> Refusal | None:
    """The refusal for `code` in a call of `generation`; falls back to the other generation's text.

    No fallback between Enedis and RTE.
    """
    known_there = (known for known in known_errors(now) if (known.generation == "rte") == (generation == "rte"))
    found = [known for known in known_there if known.code == code]
    own = [known for known in found if known.generation in (None, generation)]
    return (own or found)[0].refusal if found else None


def _entries(generation: Origin | None, refusals: Iterable[Refusal]) -> list[KnownError]:
    return [KnownError(code_of(refusal), generation, refusal) for refusal in refusals]


def _of_the_gateway(now: datetime) -> list[Refusal]:
    next_hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return [
        errors.token_refusal("invalid_client", "A valid OAuth client could not be found for client_id"),
        errors.token_refusal("invalid_grant", "Provided authorization grant is invalid"),
        errors.invalid_token(),
        errors.missing_token(),
        errors.not_subscribed(),
        errors.burst_exceeded(),
        errors.quota_exceeded(next_hour),
        # An older form, observed before the current gateway.
        resource_refusal(429, "429", "Quota Q4 reached  Call threshold allowed on 0:-30:-40"),
        resource_refusal(503, "503", "Service unavailable for the moment. Please try later."),
    ]


def _of_2026() -> list[Refusal]:
    return [
        errors.technical_error(),
        errors.reversed_period(),
        errors.before_activation(),
        errors.span_too_long(),
        errors.beyond_history(),
        errors.end_in_future(),
        errors.wrong_direction(),
        errors.no_consent(),
        # Returned for weeks in summer 2026 to holders with a valid consent (captured, with this status).
        resource_refusal(400, "ADAM-DC-0007", "Le client n'est pas titulaire du point demandé."),
        errors.no_measure(),
        errors.nothing_subscribed(),
    ]


def _of_v5() -> list[Refusal]:
    not_holder = "The seeker is not recognized as the actual meter holder"
    no_measure = "no measure found for this usage point"
    forbidden = "user is not authorized to access this resource"
    return [
        errors_v5.invalid_request("Empty header, bad request format, partial or incorrect data"),
        errors_v5.missing_usage_point(),
        errors_v5.before_activation(),
        errors_v5.beyond_history(),
        errors_v5.span_too_long(),
        errors_v5.wrong_direction(),
        resource_refusal(400, "ADAM-DC-0015", "The requested period must be less than 7 days"),
        resource_refusal(400, "ADAM-DC-0016", "The start date must be greater than the history deadline"),
        resource_refusal(400, "ADAM-ERR0061", not_holder),
        resource_refusal(400, "ADAM-ERR0075", "The customer objected to the load curve recording"),
        resource_refusal(403, "ADAM-DC-0007", not_holder),
        errors_v5.no_consent(),
        resource_refusal(403, "ADAM_DC_0008", "No consent can be found for this customer and this usage point."),
        resource_refusal(403, "ADAM-DC-0009", "The start date is earlier than the start of the consent"),
        resource_refusal(403, "unauthorized_user", forbidden),
        errors_v5.no_measure(),
        resource_refusal(404, "STM-ERR-0000014", no_measure),
        resource_refusal(404, "STM-ERR-0000020", no_measure),
        errors_v5.unknown_point(),
        resource_refusal(500, "technical_error", "technical error"),
        resource_refusal(500, "ADAM-DC-0500", "technical error"),
        resource_refusal(500, "STM-ERR-0000001", "technical error"),
    ]


def _of_the_consent_page() -> list[Refusal]:
    return [
        resource_refusal(400, "missing_parameter", "a parameter is required"),
        resource_refusal(400, "invalid_duration_format", "duration is not ISO 8601"),
        resource_refusal(400, "maximum_duration_exceeded", "duration exceeds three years"),
        resource_refusal(403, "access_denied", "this application is not known"),
        resource_refusal(500, "lincs-internal-server-error", "technical error"),
    ]
