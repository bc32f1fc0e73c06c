"""What Enedis's errors mean: one table from its codes to our tree, whatever shape the body has, in both generations.

Seen shapes: ``{error, error_description}``, ``{code, message}``, ``{code, message, description}``,
``{fault: {code, …}}`` and a list of ``{code, message}``. Of a body only the code is kept: its text may name a person.
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
    """What the gateway does about an error."""

    CLAMP_START = "clamp_start"
    """Ask from a later day on, and remember what lies before it."""
    SPLIT = "split"
    """Ask for shorter periods."""
    MARK_UNAVAILABLE = "mark_unavailable"
    """This dataset does not exist for this usage point: ask no more."""
    RENEW_TOKEN = "renew_token"  # noqa: S105  # the name of an action
    """Once, with a new token."""
    ALERT_OPERATOR = "alert_operator"
    """Nothing that a user could do."""
    ASK_CONSENT = "ask_consent"
    """When it lasts for days: ask the holder for a new consent."""
    BACK_OFF = "back_off"
    """Try again a few times, ever more slowly."""
    FIX_REQUEST = "fix_request"
    """A mistake of ours: the same request would fail again."""
    WAIT = "wait"
    """It is worth asking again later."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code stands for: the leaf that is raised, what is done, and how it is said to a person."""

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
_TOO_LONG = Meaning(ProviderRefusedRequest, Action.SPLIT, "Enedis gives a load curve for at most seven days at a time.")
_HISTORY = Meaning(BeyondHistory, Action.CLAMP_START, "Enedis no longer keeps data as old as this.")
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
    ConsentLost, Action.ASK_CONSENT, "Enedis says that who gave the consent no longer holds this usage point."
)
_NO_CONSENT = Meaning(ConsentLost, Action.ASK_CONSENT, "Enedis says that there is no valid consent for this point.")
_NOT_SHARED = Meaning(
    ConsentLost, Action.ASK_CONSENT, "Enedis says that nothing of this usage point is shared with us."
)
_UNKNOWN_POINT = Meaning(ConsentLost, Action.ASK_CONSENT, "Enedis does not know this usage point, or not for us.")
_NO_MEASURE = Meaning(NoMeasure, Action.WAIT, "Enedis has no data for this period.")
_OUTAGE = Meaning(ProviderUnavailable, Action.BACK_OFF, "Enedis is not working at the moment.")
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
_THROTTLED = Meaning(ProviderThrottled, Action.WAIT, "The quota that Enedis grants is used up for the moment.")

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
    # The gateway in front of the APIs (WSO2).
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
# A code that is not in the table leaves it to the status.
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
# What a web server writes where an API would name a reason of its own.
_NOBODY_THERE = re.compile(r"404|not[ _-]?found", re.IGNORECASE)
_OF_A_MEASURE = re.compile(r"mesure|measure", re.IGNORECASE)
_DEEPEST = 4


def meaning_of(answer: Answer) -> Meaning:
    """What an answer that is no data stands for."""
    code = code_of(answer.body)
    if answer.status == 429:
        return _THROTTLED
    known = ERRORS.get(code or "")
    if known is not None:
        return known
    if answer.status == 404 and not _is_of_the_resource(answer.body, code):
        # Our address is wrong, or the API has ended: that must not be written down as days without a measure.
        return _MISSING
    if answer.status in (400, 403) and not isinstance(answer.body, (dict, list)):
        # A page of a proxy knows nothing of consents.
        return _OUTAGE
    return BY_STATUS.get(answer.status, _OUTAGE)


def error_of(answer: Answer) -> ProviderError:
    """The error that an answer is, with Enedis's own code and, for a used-up quota, when to try again."""
    meaning = meaning_of(answer)
    code = code_of(answer.body)
    retry_at = _reopens_at(code, answer) if meaning is _THROTTLED else None
    return meaning.leaf(meaning.sentence, upstream_code=code, retry_at=retry_at)


def action_of(error: ProviderError) -> Action | None:
    """What is done about an error that `error_of` made; ``None`` when its code is not in the table."""
    meaning = ERRORS.get(error.upstream_code or "")
    return None if meaning is None else meaning.action


def is_error(answer: Answer) -> bool:
    """Whether an answer is an error: by its status or, where a status of success lies, by a code of the table."""
    return answer.status >= 400 or code_of(answer.body) in ERRORS


def code_of(body: Any) -> str | None:
    """Enedis's own code in an error's body, ``None`` when it has none. Never its text: that may name a person."""
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
    # A number of thousands of digits can't even be written.
    return str(code)[:64] if isinstance(code, str) or abs(code) < 10**12 else None


def _is_of_the_resource(body: Any, code: str | None) -> bool:
    """Whether a 404 is about the data, and neither a proxy's page nor the gateway's report of an unknown path."""
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
    # An hour is the longest window there is; a date beyond the next day would be a mistake of somebody's clock.
    return min(max(named, answer.received_at + _BURST_PAUSE), answer.received_at + timedelta(days=1))
