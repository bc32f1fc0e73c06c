"""What Enedis's errors mean: one table from its codes to our tree, whatever shape the body has.

Seen shapes: ``{error, error_description}``, ``{code, message}``, ``{code, message, description}``,
``{fault: {code, …}}`` and a list of ``{code, message}``.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.errors import (
    BeforeActivation,
    BeyondHistory,
    ConsentLost,
    CurveNotCollected,
    NoMeasure,
    ProviderError,
    ProviderMisconfigured,
    ProviderNotSubscribed,
    ProviderRefusedRequest,
    ProviderThrottled,
    ProviderUnavailable,
    ProviderWrongDirection,
)
from workers.client import Answer

ERRORS: Mapping[str, type[ProviderError]] = {
    "ADAM-ERR0123": BeforeActivation,
    "ADAM-ERR0002": ProviderRefusedRequest,
    "Invalid_request": ProviderRefusedRequest,
    "ADAM-DC-0015": ProviderRefusedRequest,
    "ADAM-ERR0126": ProviderRefusedRequest,
    "ADAM-DC-0016": BeyondHistory,
    "ADAM-ERR0125": BeyondHistory,
    "ADAM-ERR0069": ProviderWrongDirection,
    "ADAM-ERR0061": ConsentLost,
    "ADAM-ERR0075": CurveNotCollected,
    "ADAM-DC-0007": ConsentLost,
    "ADAM-DC-0008": ConsentLost,
    "ADAM_DC_0008": ConsentLost,
    "unauthorized_user": ConsentLost,
    "ADAM-DC-0009": BeyondHistory,
    "900908": ProviderNotSubscribed,
    "STM-ERR-0000019": ConsentLost,
    "no_data_found": NoMeasure,
    "STM-ERR-0000014": NoMeasure,
    "STM-ERR-0000020": NoMeasure,
    "technical_error": ProviderUnavailable,
    "ADAM-DC-0500": ProviderUnavailable,
    "STM-ERR-0000001": ProviderUnavailable,
    "900901": ProviderMisconfigured,
}
_BY_STATUS: Mapping[int, type[ProviderError]] = {
    400: ProviderRefusedRequest,
    401: ProviderMisconfigured,
    403: ConsentLost,
    404: NoMeasure,
    405: ProviderRefusedRequest,
    429: ProviderThrottled,
}
_BURST = "900807"
_BURST_PAUSE = timedelta(seconds=1)
_UNNAMED_PAUSE = timedelta(minutes=1)


def error_of(answer: Answer) -> ProviderError:
    """The error that an answer of status 400 or more is, with Enedis's own code and when to try again."""
    code = code_of(answer.body)
    if answer.status == 429:
        return ProviderThrottled(upstream_code=code, retry_at=_reopens_at(code, answer))
    kind = ERRORS.get(code or "") or _BY_STATUS.get(answer.status, ProviderUnavailable)
    return kind(upstream_code=code)


def code_of(body: Any) -> str | None:
    """Enedis's own code in an error's body, ``None`` when it has none. Never its text: that may name a person."""
    match body:
        case [dict() as first, *_]:
            return code_of(first)
        case {"fault": dict() as fault}:
            return code_of(fault)
        case {"code": str() | int() as code} | {"error": str() | int() as code}:
            return str(code)[:64]
        case _:
            return None


def _reopens_at(code: str | None, answer: Answer) -> datetime:
    if code == _BURST:
        return answer.received_at + _BURST_PAUSE
    try:
        # As in "2026-Jul-17 05:00:00+0000 UTC".
        named = datetime.strptime(answer.body["nextAccessTime"].removesuffix(" UTC"), "%Y-%b-%d %H:%M:%S%z")
    except (KeyError, TypeError, ValueError, AttributeError):
        return answer.received_at + _UNNAMED_PAUSE
    # An hour is the longest window there is; a date beyond the next day would be a mistake of somebody's clock.
    return min(max(named.astimezone(UTC), answer.received_at + _BURST_PAUSE), answer.received_at + timedelta(days=1))
