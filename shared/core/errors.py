"""The exceptions of Relève, as one class tree.

    AppError
    ├── RequestError                 the caller can correct the request
    │   ├── ValidationFailed         422, with pointers into the request
    │   ├── OutOfHistory             422
    │   ├── DatasetNotAvailable      422
    │   ├── WrongDirection           422
    │   ├── Unauthenticated          401
    │   ├── Forbidden                403
    │   ├── AccountSuspended         403
    │   ├── RegistrationClosed       403
    │   ├── InvitationRefused        403
    │   ├── TooManyRequests          429, has a retry time
    │   ├── QuotaExceeded            429, has a retry time
    │   ├── TooManyListeners         429
    │   ├── LimitReached             409
    │   ├── LastKey                  409
    │   ├── NotFound                 404
    │   ├── NotAcceptable            406
    │   ├── JobGone                  410
    │   ├── IdempotencyInProgress    409, has a retry time
    │   ├── IdempotencyKeyReused     422
    │   ├── IdempotencyNotOffered    422
    │   ├── ConsentMissing           409
    │   ├── ConsentAlreadyActive     409
    │   ├── ConsentEmpty             409
    │   ├── UsagePointTaken          409
    │   ├── WebhookDisabled          409
    │   ├── StateRefused             400
    │   └── ConsentRefused           400
    ├── ProviderError                an error of the provider
    │   ├── ProviderUnavailable      retryable
    │   │   ├── ProviderTimeout
    │   │   ├── ProviderGarbage
    │   │   └── ProviderApiMissing   this API does not exist at its URL
    │   ├── ProviderThrottled        retryable, has a retry time
    │   ├── ProviderTokenRejected    retryable once, after a new token
    │   ├── ProviderRefusedRequest   our request was invalid
    │   ├── ProviderNotSubscribed    the operator must act
    │   ├── ProviderMisconfigured    the operator must act
    │   ├── BeforeActivation         the usage point was not active yet
    │   ├── BeyondHistory            older than Enedis's history
    │   ├── NoMeasure                no measurements
    │   ├── CurveNotCollected        the holder refused the load curve
    │   ├── ProviderWrongDirection   the usage point has no such direction
    │   └── ConsentLost              Enedis reports no authorisation for this usage point
    ├── NoSlotYet                    the provider's quota is exhausted, has a retry time
    ├── StillFetching                503: the fetch exceeds the wait, has a retry time
    ├── ProviderDown                 503: calls to the provider are paused, has a retry time
    ├── CallAbandoned                started several times, never completed
    ├── Unreadable                   503: stored data cannot be decrypted; the operator must act
    └── ServiceUnavailable           503: a part of the gateway is unavailable

Each leaf has its own ``code`` (stable), ``status`` (HTTP) and ``retryable`` (whether the same request may succeed
later). The first paragraph of the docstring is the error message. An error must never contain a secret, a usage point
or a reading.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid value of a request: a JSON pointer or the name of a parameter, and the error message."""

    pointer: str
    detail: str


class AppError(Exception):
    """An error occurred."""

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
        """``detail``: the message, by default the docstring; ``upstream_code``: the provider's error code;
        ``retry_at``: the earliest time of a retry; ``links``: alternatives, as URI templates, because an error must not
        contain a usage point."""
        self.detail = detail or self.title()
        self.upstream_code = upstream_code
        self.retry_at = retry_at
        self.errors = tuple(errors)
        self.links = dict(links or {})
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """The message of this class, the same for every occurrence."""
        return inspect.cleandoc(cls.__doc__ or cls.__name__).split("\n\n")[0].replace("\n", " ")


# Errors that the caller can correct


class RequestError(AppError):
    """The request is invalid."""


class ValidationFailed(RequestError):
    """Some values of the request are invalid; see `errors`."""

    code, status = "validation_failed", 422


class OutOfHistory(RequestError):
    """The period starts before the oldest day that the provider keeps for this dataset. Use a later start."""

    code, status = "out_of_history", 422


class DatasetNotAvailable(RequestError):
    """This dataset is not available yet."""

    code, status = "dataset_not_available", 422


class WrongDirection(RequestError):
    """The consent for this usage point does not cover this direction (consumption or production)."""

    code, status = "wrong_direction", 422


class Unauthenticated(RequestError):
    """A valid API key is required."""

    code, status = "unauthenticated", 401


class Forbidden(RequestError):
    """This API key does not have the required scope."""

    code, status = "forbidden", 403


class AccountSuspended(RequestError):
    """This account is suspended. Contact the operator of this gateway."""

    code, status = "account_suspended", 403


class RegistrationClosed(RequestError):
    """Registration on this gateway is closed."""

    code, status = "registration_closed", 403


class InvitationRefused(RequestError):
    """Registration on this gateway requires an invitation, and this one is unknown, expired or already used."""

    code, status = "invitation_refused", 403


class TooManyRequests(RequestError):
    """Too many requests of this kind from this address. Retry later."""

    code, status, retryable = "too_many_requests", 429, True


class QuotaExceeded(RequestError):
    """The daily request quota of this account is exhausted."""

    code, status, retryable = "quota_exceeded", 429, True

    def __init__(
        self, detail: str | None = None, *, quota: str = "", limit: int = 0, retry_at: datetime | None = None
    ) -> None:
        """``quota`` and ``limit``: the exhausted quota and its size."""
        super().__init__(detail, retry_at=retry_at)
        self.quota, self.limit = quota, limit


class TooManyListeners(RequestError):
    """This account has reached its limit of open event streams. Close one first."""

    code, status, retryable = "too_many_listeners", 429, True


class LimitReached(RequestError):
    """This account has reached the limit for this resource. Delete one first."""

    code, status = "limit_reached", 409


class LastKey(RequestError):
    """This is the last API key with the scope `manage`. Create another one first, or delete the account."""

    code, status = "last_key", 409


class NotFound(RequestError):
    """The resource does not exist."""

    code, status = "not_found", 404


class JobGone(RequestError):
    """This job is no longer stored. The data that it fetched is available as readings."""

    code, status = "job_gone", 410


class IdempotencyInProgress(RequestError):
    """A request with this Idempotency-Key is still in progress. Retry later."""

    code, status, retryable = "idempotency_in_progress", 409, True


class IdempotencyKeyReused(RequestError):
    """This Idempotency-Key was already used for a different request. Use a new key for each request."""

    code, status = "idempotency_key_reused", 422


class IdempotencyNotOffered(RequestError):
    """This operation returns a secret only once and does not support Idempotency-Key. Send the request without it."""

    code, status = "idempotency_not_offered", 422


class NotAcceptable(RequestError):
    """None of the formats in `Accept` is available. The documentation lists the available formats."""

    code, status = "not_acceptable", 406


class ConsentMissing(RequestError):
    """There is no active consent for this usage point. Create one with POST /v1/consents."""

    code, status = "consent_missing", 409


class ConsentAlreadyActive(RequestError):
    """This account already has an active consent for this usage point."""

    code, status = "consent_already_active", 409


class ConsentEmpty(RequestError):
    """The provider returned no usage point for this consent. Give the consent again, or retry later."""

    code, status = "consent_empty", 409


class UsagePointTaken(RequestError):
    """Another account of this gateway holds this usage point. A valid proof or an approval is required."""

    code, status = "usage_point_taken", 409


class WebhookDisabled(RequestError):
    """This webhook is disabled. Enable it first."""

    code, status = "webhook_disabled", 409


class StateRefused(RequestError):
    """This consent link is unknown, expired or used, or was opened in another browser. Start the consent again."""

    code, status = "state_refused", 400


class ConsentRefused(RequestError):
    """The consent was not given on the provider's page."""

    code, status = "consent_refused", 400


# Errors of the provider


class ProviderError(AppError):
    """The provider could not process the request."""

    status = 502


class ProviderUnavailable(ProviderError):
    """The provider is temporarily unavailable."""

    code, status, retryable = "provider_unavailable", 503, True


class ProviderTimeout(ProviderUnavailable):
    """The provider did not respond in time."""

    code, status, retryable = "provider_timeout", 504, True


class ProviderGarbage(ProviderUnavailable):
    """The provider returned an invalid response."""

    code, status, retryable = "provider_garbage", 502, True


class ProviderApiMissing(ProviderUnavailable):
    """The provider has no such API at this URL: it was withdrawn, or is not available yet."""

    code, status, retryable = "provider_api_missing", 503, True


class ProviderThrottled(ProviderError):
    """The provider's quota is currently exhausted."""

    code, status, retryable = "provider_throttled", 503, True


class ProviderTokenRejected(ProviderError):
    """The provider no longer accepts the gateway's token."""

    code, status, retryable = "provider_token_rejected", 502, True


class ProviderRefusedRequest(ProviderError):
    """The provider rejected the gateway's request as malformed."""

    code, retryable = "provider_refused_request", False


class ProviderNotSubscribed(ProviderError):
    """The gateway's application is not subscribed to this API of the provider. The operator must act."""

    code, status, retryable = "provider_not_subscribed", 503, False


class ProviderMisconfigured(ProviderError):
    """The provider does not accept the gateway's credentials. The operator must act."""

    code, status, retryable = "provider_misconfigured", 503, False


class BeforeActivation(ProviderError):
    """The period starts before the usage point was last activated."""

    code, status, retryable = "before_activation", 422, False


class BeyondHistory(ProviderError):
    """The provider does not keep data this old."""

    code, status, retryable = "beyond_history", 422, False


class NoMeasure(ProviderError):
    """The provider has no measurements for this period."""

    code, status, retryable = "no_measure", 404, False


class CurveNotCollected(ProviderError):
    """The load curve of this usage point is not collected. Its holder can enable the collection at the provider."""

    code, status, retryable = "curve_not_collected", 422, False


class ProviderWrongDirection(ProviderError):
    """The provider has no such direction (consumption or production) for this usage point."""

    code, status, retryable = "provider_wrong_direction", 422, False


class ConsentLost(ProviderError):
    """The provider reports that the gateway is not authorised for this usage point. A new consent may be required."""

    code, status, retryable = "consent_lost", 409, False


# Errors of the gateway


class NoSlotYet(AppError):
    """The quota that all users of this gateway share is currently exhausted."""

    code, status, retryable = "no_slot_yet", 503, True


class StillFetching(AppError):
    """This data is still being fetched from the provider. Retry in a few seconds."""

    code, status, retryable = "still_fetching", 503, True


class ProviderDown(AppError):
    """The provider is currently unavailable: no data can be fetched. Stored data can still be read."""

    code, status, retryable = "provider_down", 503, True


class CallAbandoned(AppError):
    """A call to the provider was started several times and never completed."""

    code, status, retryable = "call_abandoned", 503, False


class Unreadable(AppError):
    """The stored data cannot be decrypted: its server key is missing, or the data was changed. The operator can restore
    the key, or delete the data so that it is fetched again.
    """

    code, status, retryable = "unreadable", 503, False


class ServiceUnavailable(AppError):
    """A part of the gateway is unavailable. Retry later."""

    code, status, retryable = "service_unavailable", 503, True


def leaves(root: type[AppError] = AppError) -> list[type[AppError]]:
    """All classes with a ``code``: those that are raised and documented."""
    found = [root] if hasattr(root, "code") else []
    for child in root.__subclasses__():
        found.extend(leaves(child))
    return found
