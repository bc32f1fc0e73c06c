"""Enedis's errors: one table from its codes to the gateway's exceptions, for every body shape and both generations.

Observed shapes: ``{error, error_description}``, ``{code, message}``, ``{code, message, description}``, a list of
``{code, message}`` and ``{fault: {code, …}}``. Only the code of a body is kept: its text may contain personal data.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.core.errors import (
    BeforeActivation,
    BeyondHistory,
    ConsentLost,
    CurveNotCollected,
    NoMeasure,
    ProviderApiMissing,
    ProviderError,
    ProviderMisconfigured,
    ProviderNotSubscribed,
    ProviderRefusedRequest,
    ProviderThrottled,
    ProviderTokenRejected,
    ProviderUnavailable,
    ProviderWrongDirection,
)
from workers.upstream.http_client import Answer


class Action(StrEnum):
    """How the gateway reacts to an error."""

    CLAMP_START = "clamp_start"
    """Request from a later day on, and remember that earlier days are refused."""
    SPLIT = "split"
    """Request shorter periods."""
    MARK_UNAVAILABLE = "mark_unavailable"
    """This dataset does not exist for this usage point: stop requesting it."""
    RENEW_TOKEN = "renew_token"  # noqa: S105  # the name of an action
    """Retry once, with a new token."""
    ALERT_OPERATOR = "alert_operator"
    """No action of a user can help; an operator must act."""
    ASK_CONSENT = "ask_consent"
    """If it persists for days: request a new consent from the holder."""
    BACK_OFF = "back_off"
    """Retry a few times, with increasing delays."""
    FIX_REQUEST = "fix_request"
    """A bug of the gateway: the same request would fail again."""
    WAIT = "wait"
    """Retry later."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a code: the exception to raise, the action, and the message for users."""

    leaf: type[ProviderError]
    action: Action
    sentence: str

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed soon."""
        return self.leaf.retryable


_ACTIVATION = Meaning(
    BeforeActivation, Action.CLAMP_START, "Enedis has no data from before this meter was last put into service."
)
_REFUSED = Meaning(ProviderRefusedRequest, Action.FIX_REQUEST, "Enedis did not accept the gateway's request.")
_TOO_LONG = Meaning(ProviderRefusedRequest, Action.SPLIT, "Enedis limits load curves to seven days per request.")
_HISTORY = Meaning(BeyondHistory, Action.CLAMP_START, "Enedis no longer keeps data this old.")
_CONSENT_START = Meaning(BeyondHistory, Action.CLAMP_START, "The consent does not reach as far back as this.")
_DIRECTION = Meaning(
    ProviderWrongDirection,
    Action.MARK_UNAVAILABLE,
    "This usage point has no such direction; production may have a usage point of its own.",
)
_NO_CURVE = Meaning(
    CurveNotCollected, Action.MARK_UNAVAILABLE, "The holder has not allowed Enedis to collect this load curve."
)
_NOT_HOLDER = Meaning(
    ConsentLost, Action.ASK_CONSENT, "Enedis reports that the consent's giver no longer holds this usage point."
)
_NO_CONSENT = Meaning(ConsentLost, Action.ASK_CONSENT, "Enedis reports that there is no valid consent for this point.")
_NOT_SHARED = Meaning(
    ConsentLost, Action.ASK_CONSENT, "Enedis reports that no data of this usage point is shared with the gateway."
)
_UNKNOWN_POINT = Meaning(
    ConsentLost, Action.ASK_CONSENT, "Enedis does not know this usage point, or does not share it with the gateway."
)
_NO_MEASURE = Meaning(NoMeasure, Action.WAIT, "Enedis has no data for this period.")
_OUTAGE = Meaning(ProviderUnavailable, Action.BACK_OFF, "Enedis is temporarily unavailable.")
_MISSING = Meaning(ProviderApiMissing, Action.ALERT_OPERATOR, "Enedis has no such API at this address.")
_TOKEN = Meaning(ProviderTokenRejected, Action.RENEW_TOKEN, "Enedis no longer accepts the gateway's token.")
_CREDENTIALS = Meaning(
    ProviderMisconfigured, Action.ALERT_OPERATOR, "Enedis does not accept the gateway's credentials."
)
_SUBSCRIPTION = Meaning(
    ProviderNotSubscribed,
    Action.ALERT_OPERATOR,
    "The gateway is not subscribed to this API of Enedis; its operator must act.",
)
_THROTTLED = Meaning(ProviderThrottled, Action.WAIT, "The quota that Enedis grants is exhausted for now.")

ERRORS: Mapping[str, Meaning] = {
    "ADAM-ERR0123": _ACTIVATION,
    "ADAM-ERR0002": _REFUSED,
    "Invalid_request": _REFUSED,
    "invalid_request": _REFUSED,
    "ADAM-DC-0015": _TOO_LONG,
    "ADAM-ERR0126": _TOO_LONG,
    "ADAM-DC-0016": _HISTORY,
    "ADAM-ERR0125": _HISTORY,
    "ADAM-DC-0009": _CONSENT_START,
    "ADAM-ERR0069": _DIRECTION,
    "ADAM-ERR0075": _NO_CURVE,
    "ADAM-ERR0061": _NOT_HOLDER,
    "ADAM-DC-0007": _NOT_HOLDER,
    "ADAM-DC-0008": _NO_CONSENT,
    "ADAM_DC_0008": _NO_CONSENT,
    "unauthorized_user": _NO_CONSENT,
    # "Pas de services souscrits, le flux est stoppé."
    "Bad request": _NOT_SHARED,
    "STM-ERR-0000019": _UNKNOWN_POINT,
    "no_data_found": _NO_MEASURE,
    "STM-ERR-0000014": _NO_MEASURE,
    "STM-ERR-0000020": _NO_MEASURE,
    "technical_error": _OUTAGE,
    "ADAM-DC-0500": _OUTAGE,
    "STM-ERR-0000001": _OUTAGE,
    # The API gateway in front of the APIs (WSO2).
    "900800": _THROTTLED,
    "900801": _THROTTLED,
    "900802": _THROTTLED,
    "900803": _THROTTLED,
    "900804": _THROTTLED,
    "900806": _THROTTLED,
    "900807": _THROTTLED,
    "900901": _TOKEN,
    "900902": _TOKEN,
    "900906": _MISSING,
    "900907": _OUTAGE,
    "900908": _SUBSCRIPTION,
    "900909": _SUBSCRIPTION,
}
# For a code that is not in the table, the HTTP status decides.
BY_STATUS: Mapping[int, Meaning] = {
    400: _REFUSED,
    401: _CREDENTIALS,
    403: _NO_CONSENT,
    404: _NO_MEASURE,
    405: _REFUSED,
    410: _MISSING,
    429: _THROTTLED,
}
_BURST = "900807"
_BURST_PAUSE = timedelta(seconds=1)
_UNNAMED_PAUSE = timedelta(minutes=1)
# What a web server writes where an API would state a specific reason.
_NOBODY_THERE = re.compile(r"404|not[ _-]?found", re.IGNORECASE)
_OF_A_MEASURE = re.compile(r"mesure|measure", re.IGNORECASE)
_DEEPEST = 4


def meaning_of(answer: Answer) -> Meaning:
    """The meaning of a response without data."""
    code = code_of(answer.body)
    if answer.status == 429:
        return _THROTTLED
    known = ERRORS.get(code or "")
    if known is not None:
        return known
    if answer.status == 404 and not _is_of_the_resource(answer.body, code):
        # The configured address is wrong, or the API was retired: must not be recorded as days without a measure.
        return _MISSING
    if answer.status in (400, 403) and not isinstance(answer.body, (dict, list)):
        # A proxy's error page carries no information about consents.
        return _OUTAGE
    return BY_STATUS.get(answer.status, _OUTAGE)


def error_of(answer: Answer) -> ProviderError:
    """The exception for an error response, with Enedis's own code and, for an exhausted quota, the retry time."""
    meaning = meaning_of(answer)
    code = code_of(answer.body)
    retry_at = _reopens_at(code, answer) if meaning is _THROTTLED else None
    return meaning.leaf(meaning.sentence, upstream_code=code, retry_at=retry_at)


def action_of(error: ProviderError) -> Action | None:
    """The action for an error from `error_of`; ``None`` when its code is not in the table."""
    meaning = ERRORS.get(error.upstream_code or "")
    return None if meaning is None else meaning.action


def is_error(answer: Answer) -> bool:
    """Whether a response is an error: by its status or, when a success status is misleading, by a code of the table."""
    return answer.status >= 400 or code_of(answer.body) in ERRORS


def code_of(body: Any) -> str | None:
    """Enedis's own code in an error body, or ``None``. Never its text, which may contain personal data."""
    for _ in range(_DEEPEST):
        match body:
            case [dict() as inner, *_] | {"fault": dict() as inner}:
                body = inner
            case {"code": bool()} | {"error": bool()}:
                return None
            case {"code": str() | int() as code} | {"error": str() | int() as code}:
                return _short(code)
            case _:
                return None
    return None


def _short(code: str | int) -> str | None:
    # A number of thousands of digits cannot be converted to text.
    return str(code)[:64] if isinstance(code, str) or abs(code) < 10**12 else None


def _is_of_the_resource(body: Any, code: str | None) -> bool:
    """Whether a 404 concerns the data, and is neither a proxy's page nor a report of an unknown path."""
    match body:
        case {"type": "Status report"} | {"fault": {"type": "Status report"}}:
            return False
        case dict() | [dict(), *_]:
            if code is not None and not _NOBODY_THERE.fullmatch(code):
                return True
            texts = [text for text in _inner(body).values() if isinstance(text, str)]
            return any(_OF_A_MEASURE.search(text) for text in texts)
        case _:
            return False


def _inner(body: Any) -> Mapping[str, Any]:
    match body:
        case [dict() as inner, *_] | {"fault": dict() as inner}:
            return inner
        case _:
            return body if isinstance(body, dict) else {}


def _reopens_at(code: str | None, answer: Answer) -> datetime:
    if code == _BURST:
        return answer.received_at + _BURST_PAUSE
    try:
        # As in "2026-Jul-17 05:00:00+0000 UTC".
        text = _inner(answer.body)["nextAccessTime"].removesuffix(" UTC")
        named = datetime.strptime(text, "%Y-%b-%d %H:%M:%S%z").astimezone(UTC)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return answer.received_at + _UNNAMED_PAUSE
    # An hour is the longest window there is; a date beyond the next day indicates a wrong clock.
    return min(max(named, answer.received_at + _BURST_PAUSE), answer.received_at + timedelta(days=1))
