"""Enedis's error responses: status and body, in the forms that were actually observed.

One function or constant per refusal. The evidence is stated where it is weaker than a capture. A refusal never contains
the application's secret or token. The forms, from the outside in:

- `{code, message, description}` and `{fault: {code, …}}`: the WSO2 gateway in front of the APIs;
- `{error, error_description}`: the resources themselves;
- RFC 6749's `{error, error_description}`: the token endpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

# strftime("%b") follows the machine's locale; WSO2 does not.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(eq=False)
class Refusal(Exception):
    """An error response: HTTP status, JSON body, extra headers."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)


def resource_refusal(status: int, error: str, description: str) -> Refusal:
    """The resources' form."""
    return Refusal(status, {"error": error, "error_description": description})


def gateway_refusal(status: int, code: str, message: str, description: str) -> Refusal:
    """The WSO2 gateway's form."""
    return Refusal(status, {"code": code, "message": message, "description": description})


# --- the token endpoint ----------------------------------------------------------------------------------------------


def token_refusal(error: str, description: str) -> Refusal:
    """RFC 6749 section 5.2: 401 with a challenge for `invalid_client`, 400 otherwise."""
    if error == "invalid_client":
        body = {"error": error, "error_description": description}
        return Refusal(401, body, {"WWW-Authenticate": 'Basic realm="enedis-simulator"'})
    return resource_refusal(400, error, description)


# --- the gateway -----------------------------------------------------------------------------------------------------


def invalid_token() -> Refusal:
    """Unknown or expired token."""
    return gateway_refusal(
        401,
        "900901",
        "Invalid Credentials",
        "Invalid Credentials. Make sure you have provided the correct security credentials",
    )


def missing_token() -> Refusal:
    """No bearer token at all."""
    return gateway_refusal(
        401,
        "900902",
        "Missing Credentials",
        "Missing Credentials. Make sure your API invocation call has a header: 'Authorization : Bearer ACCESS_TOKEN'",
    )


def not_subscribed() -> Refusal:
    """The application has no subscription to this API on DataHub (captured, trailing space included)."""
    return gateway_refusal(
        403,
        "900908",
        "Resource forbidden ",
        "User is NOT authorized to access the Resource. API Subscription validation failed.",
    )


def burst_exceeded() -> Refusal:
    """More calls than allowed in a second: a `fault`, with a numeric code and without a date (captured)."""
    fault = {"code": 900807, "message": "Message throttled out", "description": "You have exceeded your quota"}
    return Refusal(429, {"fault": fault})


def quota_exceeded(next_access: datetime) -> Refusal:
    """The hourly quota is exhausted; `nextAccessTime` is the start of the next hour (captured)."""
    moment = next_access.astimezone(UTC)
    written = f"{moment:%Y}-{_MONTHS[moment.month - 1]}-{moment:%d %H:%M:%S}+0000 UTC"
    return Refusal(
        429,
        {
            "code": "900804",
            "message": "Message throttled out",
            "description": f"You have exceeded your quota .You can access API after {written}",
            "nextAccessTime": written,
        },
    )


def unknown_path() -> Refusal:
    """No API under this path."""
    return Refusal(
        404,
        {
            "code": "404",
            "type": "Status report",
            "message": "Not Found",
            "description": "The requested resource is not available.",
        },
    )


# --- the 2026 resources ----------------------------------------------------------------------------------------------


def technical_error() -> Refusal:
    """An outage, and also the 2026 response to anything that its Swagger does not describe."""
    return resource_refusal(500, "technical_error", "Problème technique, veuillez réessayer ultérieurement.")


def reversed_period() -> Refusal:
    """End before start, or equal (captured code; invented sentence)."""
    return resource_refusal(
        400,
        "ADAM-ERR0002",
        "La demande ne peut pas aboutir, la date de fin doit être postérieure à la date de début.",
    )


def before_activation() -> Refusal:
    """The period begins before the point was last put into service (captured)."""
    return resource_refusal(
        400,
        "ADAM-ERR0123",
        "La demande ne peut pas aboutir, la période demandée est antérieure à la date de dernière mise en service "
        "du point.",
    )


def span_too_long() -> Refusal:
    """A curve of more than seven days (the code is v5's; none was observed on 2026)."""
    return resource_refusal(
        400, "ADAM-ERR0126", "La demande ne peut pas aboutir, la période demandée ne peut excéder 7 jours."
    )


def beyond_history() -> Refusal:
    """Older than what Enedis keeps (the code is v5's; none was observed on 2026)."""
    return resource_refusal(
        400, "ADAM-ERR0125", "La demande ne peut pas aboutir, la période demandée dépasse la limite d'historique."
    )


def end_in_future() -> Refusal:
    """An end later than today (the code is v5's; none was observed on 2026)."""
    return resource_refusal(
        400, "Invalid_request", "La demande ne peut pas aboutir, la date de fin est postérieure à la date du jour."
    )


def wrong_direction() -> Refusal:
    """Consumption requested from a producer or the reverse (the code is v5's; none was observed on 2026)."""
    return resource_refusal(
        400, "ADAM-ERR0069", "La demande ne peut pas aboutir, le sens de mesure ne correspond pas au point demandé."
    )


def no_consent() -> Refusal:
    """No consent for this point: never given, expired or revoked (status from the Swagger, code from v5)."""
    return resource_refusal(403, "ADAM-DC-0008", "Le client n'est pas autorisé à accéder aux données de ce point.")


def no_measure() -> Refusal:
    """No data for this point and period (sentence from the Swagger, code from v5)."""
    return resource_refusal(404, "no_data_found", "Pas de mesure trouvée pour ce point.")


def nothing_subscribed() -> Refusal:
    """A contract resource of a point without consent (body captured in the sandbox, status unknown)."""
    return resource_refusal(400, "Bad request", "Pas de services souscrits, le flux est stoppé.")
