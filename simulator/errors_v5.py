"""The refusals of v5, in its own form: `{error, error_description}`, in English. From its Swagger and captures."""

from simulator.errors import Refusal, resource_refusal

_FORM = "Invalid_request"


def invalid_request(description: str) -> Refusal:
    """A parameter is missing or malformed."""
    return resource_refusal(400, _FORM, description)


def reversed_period() -> Refusal:
    """End before start, or equal (captured)."""
    return invalid_request("Start date should be before end date.")


def end_in_future() -> Refusal:
    """An end later than today."""
    return invalid_request("The end date parameter must be earlier than the current date")


def before_activation() -> Refusal:
    """Before the last commissioning."""
    return resource_refusal(
        400, "ADAM-ERR0123", "The requested period cannot be anterior to the meter's last activation date"
    )


def beyond_history() -> Refusal:
    """Older than the kept history."""
    return resource_refusal(400, "ADAM-ERR0125", "The start date must be greater than the history deadline")


def span_too_long() -> Refusal:
    """A curve of more than seven days."""
    return resource_refusal(
        400, "ADAM-ERR0126", "The requested period must be less than 7 days for an access to the load curve"
    )


def wrong_direction() -> Refusal:
    """Production requested from a consumer or the reverse (captured code, invented sentence)."""
    return resource_refusal(400, "ADAM-ERR0069", "The requested measure direction does not exist for this usage point")


def no_consent() -> Refusal:
    """Never given, expired or revoked."""
    return resource_refusal(403, "ADAM-DC-0008", "No consent can be found for this customer and this usage point.")


def no_measure() -> Refusal:
    """No data (captured)."""
    return Refusal(
        404,
        {
            "error": "no_data_found",
            "error_description": "no measure found for this usage point",
            "error_uri": "https://bluecoder.enedis.fr/api-doc/consulter-souscrire",
        },
    )


def missing_usage_point() -> Refusal:
    """A customer resource without its only parameter."""
    return resource_refusal(400, "invalid_request", "usage_point_id parameter is required.")


def unknown_point() -> Refusal:
    """No such point."""
    return resource_refusal(404, "STM-ERR-0000019", "Unknown or unauthorized user")
