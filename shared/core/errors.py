"""Every failure that crosses a boundary of Relève, as one tree.

    AppError
    ├── RequestError                 the caller can mend it
    │   ├── ValidationFailed         422, with pointers into the request
    │   ├── OutOfHistory             422
    │   ├── DatasetNotAvailable      422
    │   ├── WrongDirection           422
    │   ├── Unauthenticated          401
    │   ├── Forbidden                403
    │   ├── AccountSuspended         403
    │   ├── RegistrationClosed       403
    │   ├── InvitationRefused        403
    │   ├── TooManyRequests          429, knows when
    │   ├── QuotaExceeded            429, knows when
    │   ├── TooManyListeners         429
    │   ├── LimitReached             409
    │   ├── LastKey                  409
    │   ├── NotFound                 404
    │   ├── NotAcceptable            406
    │   ├── JobGone                  410
    │   ├── IdempotencyInProgress    409, knows when
    │   ├── IdempotencyKeyReused     422
    │   ├── IdempotencyNotOffered    422
    │   ├── ConsentMissing           409
    │   ├── ConsentAlreadyActive     409
    │   ├── ConsentEmpty             409
    │   ├── UsagePointTaken          409
    │   ├── WebhookDisabled          409
    │   ├── StateRefused             400
    │   └── ConsentRefused           400
    ├── ProviderError                the provider answered, or failed to
    │   ├── ProviderUnavailable      retryable
    │   │   ├── ProviderTimeout
    │   │   ├── ProviderGarbage
    │   │   └── ProviderApiMissing   this API is not at its address
    │   ├── ProviderThrottled        retryable, knows when
    │   ├── ProviderTokenRejected    retryable once, after a new token
    │   ├── ProviderRefusedRequest   our request was wrong
    │   ├── ProviderNotSubscribed    the operator must act
    │   ├── ProviderMisconfigured    the operator must act
    │   ├── BeforeActivation         the point did not exist yet
    │   ├── BeyondHistory            Enedis keeps no more
    │   ├── NoMeasure                nothing measured
    │   ├── CurveNotCollected        the person objected to the curve
    │   ├── ProviderWrongDirection   the point has no such direction
    │   └── ConsentLost              Enedis says: no right to this point
    ├── NoSlotYet                    the provider's quota has no room now, knows when
    ├── StillFetching                503: longer than a client waits, knows when
    ├── ProviderDown                 503: the provider is left alone for a while, knows when
    ├── CallAbandoned                begun several times, never ended
    ├── Unreadable                   503: stored, but what it was sealed with is gone; the operator must act
    └── ServiceUnavailable           503: a part of the gateway is down

Each leaf states its own ``code`` (stable, for programs), ``status`` (what HTTP says of it) and ``retryable``
(whether the same request may succeed later). The docstring's first paragraph is the message a person reads.
Nothing here may ever carry a secret, a usage point or a reading.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with a request: a JSON pointer or a parameter's name, and what is wrong in words."""

    pointer: str
    detail: str


class AppError(Exception):
    """Something went wrong."""

    code: str
    status: int
    retryable: bool = False

    def __init__(
        self,
        detail: str | None = None,
        *,
        upstream_code: str | None = None,
        retry_at: datetime | None = None,
        errors: Sequence[FieldError] = (),
        links: Mapping[str, str] | None = None,
    ) -> None:
        """Keep ``detail`` (the docstring when absent), the provider's own code, when to try again, and where else to
        look: URI templates, for no address here may name a usage point."""
        self.detail = detail or self.title()
        self.upstream_code = upstream_code
        self.retry_at = retry_at
        self.errors = tuple(errors)
        self.links = dict(links or {})
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """The message of this kind of error, the same for every occurrence."""
        return inspect.cleandoc(cls.__doc__ or cls.__name__).split("\n\n")[0].replace("\n", " ")


# What the caller can mend


class RequestError(AppError):
    """The request can't be served as it is."""


class ValidationFailed(RequestError):
    """Some values of the request are not acceptable."""

    code, status = "validation_failed", 422


class OutOfHistory(RequestError):
    """The period begins before the oldest day that the provider keeps for this dataset."""

    code, status = "out_of_history", 422


class DatasetNotAvailable(RequestError):
    """This dataset can't be asked for yet."""

    code, status = "dataset_not_available", 422


class WrongDirection(RequestError):
    """The consent for this usage point does not cover this direction (consumption or production)."""

    code, status = "wrong_direction", 422


class Unauthenticated(RequestError):
    """A valid API key is needed."""

    code, status = "unauthenticated", 401


class Forbidden(RequestError):
    """This API key may not do that."""

    code, status = "forbidden", 403


class AccountSuspended(RequestError):
    """This account is suspended; the operator of this gateway can say why."""

    code, status = "account_suspended", 403


class RegistrationClosed(RequestError):
    """This gateway does not take new accounts."""

    code, status = "registration_closed", 403


class InvitationRefused(RequestError):
    """An account is made here with an invitation only, and this one is unknown, expired or used."""

    code, status = "invitation_refused", 403


class TooManyRequests(RequestError):
    """Too many requests of this kind came from this address; please wait."""

    code, status, retryable = "too_many_requests", 429, True


class QuotaExceeded(RequestError):
    """This account has used up its requests for today."""

    code, status, retryable = "quota_exceeded", 429, True

    def __init__(
        self, detail: str | None = None, *, quota: str = "", limit: int = 0, retry_at: datetime | None = None
    ) -> None:
        """Keep which quota it is, and how large, beside what every error has."""
        super().__init__(detail, retry_at=retry_at)
        self.quota, self.limit = quota, limit


class TooManyListeners(RequestError):
    """This account listens to as many streams of events as it may; close one first."""

    code, status, retryable = "too_many_listeners", 429, True


class LimitReached(RequestError):
    """This account has as many of these as it may have; remove one first."""

    code, status = "limit_reached", 409


class LastKey(RequestError):
    """This is the last API key that may manage the account: make another one first, or delete the account."""

    code, status = "last_key", 409


class NotFound(RequestError):
    """There is no such thing here."""

    code, status = "not_found", 404


class JobGone(RequestError):
    """This job is kept no longer; what it has fetched is where the readings are."""

    code, status = "job_gone", 410


class IdempotencyInProgress(RequestError):
    """A request with this Idempotency-Key is being served at this moment; please wait."""

    code, status, retryable = "idempotency_in_progress", 409, True


class IdempotencyKeyReused(RequestError):
    """This Idempotency-Key came with another request before; each request needs a key of its own."""

    code, status = "idempotency_key_reused", 422


class IdempotencyNotOffered(RequestError):
    """The answer holds a secret that is shown once and never kept: it can't be given again by an Idempotency-Key."""

    code, status = "idempotency_not_offered", 422


class NotAcceptable(RequestError):
    """There is no such format of this; the formats there are stand in the documentation."""

    code, status = "not_acceptable", 406


class ConsentMissing(RequestError):
    """There is no active consent for this usage point; ask for one with POST /v1/consents."""

    code, status = "consent_missing", 409


class ConsentAlreadyActive(RequestError):
    """This account already holds an active consent for this usage point."""

    code, status = "consent_already_active", 409


class ConsentEmpty(RequestError):
    """The provider knows of no usage point under this consent; give it again, or try again later."""

    code, status = "consent_empty", 409


class UsagePointTaken(RequestError):
    """Another account of this gateway holds this usage point, and neither a proof nor an approval lets this one too."""

    code, status = "usage_point_taken", 409


class WebhookDisabled(RequestError):
    """This webhook is disabled; enable it first."""

    code, status = "webhook_disabled", 409


class StateRefused(RequestError):
    """This consent link is unknown, expired, used, or was opened in another browser. Start the consent again."""

    code, status = "state_refused", 400


class ConsentRefused(RequestError):
    """The consent was not given on the provider's page."""

    code, status = "consent_refused", 400


# What the provider answered, or failed to


class ProviderError(AppError):
    """The provider could not serve the request."""

    status = 502


class ProviderUnavailable(ProviderError):
    """The provider is not working at the moment."""

    code, status, retryable = "provider_unavailable", 503, True


class ProviderTimeout(ProviderUnavailable):
    """The provider did not answer in time."""

    code, status, retryable = "provider_timeout", 504, True


class ProviderGarbage(ProviderUnavailable):
    """The provider's answer can't be understood."""

    code, status, retryable = "provider_garbage", 502, True


class ProviderApiMissing(ProviderUnavailable):
    """The provider has no such API at this address: it has ended, or has not begun."""

    code, status, retryable = "provider_api_missing", 503, True


class ProviderThrottled(ProviderError):
    """The provider's quota is used up for the moment."""

    code, status, retryable = "provider_throttled", 503, True


class ProviderTokenRejected(ProviderError):
    """The provider no longer accepts the gateway's token."""

    code, status, retryable = "provider_token_rejected", 502, True


class ProviderRefusedRequest(ProviderError):
    """The provider refused the gateway's request as malformed."""

    code, retryable = "provider_refused_request", False


class ProviderNotSubscribed(ProviderError):
    """The gateway's application is not subscribed to this API of the provider; its operator must act."""

    code, status, retryable = "provider_not_subscribed", 503, False


class ProviderMisconfigured(ProviderError):
    """The provider does not accept the gateway's credentials; its operator must act."""

    code, status, retryable = "provider_misconfigured", 503, False


class BeforeActivation(ProviderError):
    """The period begins before the usage point was last put into service."""

    code, status, retryable = "before_activation", 422, False


class BeyondHistory(ProviderError):
    """The provider keeps no data as old as this."""

    code, status, retryable = "beyond_history", 422, False


class NoMeasure(ProviderError):
    """The provider holds no measure for this period."""

    code, status, retryable = "no_measure", 404, False


class CurveNotCollected(ProviderError):
    """The load curve of this usage point is not collected; its holder can allow it at the provider."""

    code, status, retryable = "curve_not_collected", 422, False


class ProviderWrongDirection(ProviderError):
    """The provider has no such direction (consumption or production) for this usage point."""

    code, status, retryable = "provider_wrong_direction", 422, False


class ConsentLost(ProviderError):
    """The provider says that the gateway has no right to this usage point; a new consent may be needed."""

    code, status, retryable = "consent_lost", 409, False


# What our side lacks


class NoSlotYet(AppError):
    """The quota that all users of this gateway share has no room at the moment."""

    code, status, retryable = "no_slot_yet", 503, True


class StillFetching(AppError):
    """The provider is being asked for this data and takes longer than could be waited for; ask again in a moment."""

    code, status, retryable = "still_fetching", 503, True


class ProviderDown(AppError):
    """The provider does not work at the moment: nothing can be fetched, and what is stored can be read as ever."""

    code, status, retryable = "provider_down", 503, True


class CallAbandoned(AppError):
    """A call to the provider was begun several times and never came to an end."""

    code, status, retryable = "call_abandoned", 503, False


class Unreadable(AppError):
    """What is stored was sealed under a server key that this gateway no longer has, or was changed; its operator can
    bring the key back, or have the data forgotten and fetched anew.
    """

    code, status, retryable = "unreadable", 503, False


class ServiceUnavailable(AppError):
    """A part of the gateway is not available; please try again soon."""

    code, status, retryable = "service_unavailable", 503, True


def leaves(root: type[AppError] = AppError) -> list[type[AppError]]:
    """Every class of the tree that has a ``code``: what may be raised, and what the documentation lists."""
    found = [root] if hasattr(root, "code") else []
    for child in root.__subclasses__():
        found.extend(leaves(child))
    return found
