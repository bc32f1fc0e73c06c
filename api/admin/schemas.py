"""Request and response schemas of the administration API. No field contains a reading, a PRM or a name."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from api.http.fields import (
    Body,
    CreatedAt,
    Document,
    EndDay,
    FirstDay,
    NextAfter,
    ShownAccountId,
    ShownConsentId,
    ShownDataset,
    ShownJobId,
    ShownKeyId,
)
from shared.accounts.administration import AccountOverview
from shared.accounts.invitations import Invitation
from shared.consents.models import Consent
from shared.jobs.dead_letters import DeadCall
from shared.quota.quota_status import CircuitState, QuotaUse

Quota = Annotated[int, Field(ge=0, le=10_000_000)]


class AccountSummary(Document):
    """An account, without an e-mail address."""

    id: ShownAccountId
    created_at: CreatedAt
    suspended_at: datetime | None = Field(
        description="Time of the suspension; since then its keys are rejected and no data is fetched."
    )
    fetch_quota: int | None = Field(
        description="Requests per day that fetch data; `null`: the gateway's default.", examples=[100]
    )
    read_quota: int | None = Field(
        description="Requests per day that read data; `null`: the gateway's default.", examples=[5000]
    )
    usage_point_count: int = Field(description="Number of usage points.", examples=[1])
    key_count: int = Field(description="Number of API keys.", examples=[2])

    @classmethod
    def of(cls, account: AccountOverview) -> Self:
        """Build the document of an account."""
        return cls(**{name: getattr(account, name) for name in AccountSummary.model_fields})


class AccountSummaryList(Document):
    """A page of accounts."""

    accounts: list[AccountSummary] = Field(description="Ordered by id.")
    next_after: NextAfter = Field(examples=["acct_0123456789abcdef01234567"])


class AccountFile(AccountSummary):
    """An account, with its e-mail address."""

    email: str | None = Field(
        description="Contact address. The account's audit log records the access.", examples=["user@example.org"]
    )


class AccountChange(Body):
    """The fields to change; omitted fields keep their values."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"suspended": True}, {"fetch_quota": 100, "read_quota": None}]}
    )

    suspended: bool = Field(
        False, description="`true`: its keys are rejected and no data is fetched. `false`: ends the suspension."
    )
    fetch_quota: Quota | None = Field(
        None, description="Requests per day that fetch data; `null`: the gateway's default."
    )
    read_quota: Quota | None = Field(
        None, description="Requests per day that read data; `null`: the gateway's default."
    )


class RecoveredAccount(Document):
    """A recovered account and its only API key."""

    account_id: ShownAccountId
    key_id: ShownKeyId
    api_key: str = Field(
        description="Decrypts data that is stored from now on, and no earlier data. Returned only in this response.",
        examples=["rlv_…"],
    )


class PurgedReadings(Document):
    """The deleted readings of an account."""

    windows: int = Field(description="Number of deleted days, months and records.", examples=[771])
    jobs_cancelled: int = Field(description="Number of cancelled jobs.", examples=[0])


class InvitationRequest(Body):
    """The properties of a new invitation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"lifetime_days": 7}]})

    lifetime_days: Annotated[int, Field(ge=1, le=90, description="Lifetime in days.")] = 7


class InvitationDocument(Document):
    """An invitation, without its code."""

    id: str = Field(description="The invitation's id.", examples=["inv_0123456789abcdef"])
    created_at: CreatedAt
    expires_at: datetime = Field(description="Expiry time.")
    used_at: datetime | None = Field(description="Time at which an account was created with it.")

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        """Build the document of an invitation."""
        return cls(
            id=invitation.id,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            used_at=invitation.used_at,
        )


class InvitationList(Document):
    """A page of invitations."""

    invitations: list[InvitationDocument] = Field(description="Ordered by id.")
    next_after: NextAfter = Field(examples=["inv_0123456789abcdef"])


class NewInvitation(InvitationDocument):
    """A new invitation, with its code."""

    code: str = Field(description="Creates one account. Returned only in this response.", examples=["rlvi_…"])


class SlotUseDocument(Document):
    """The use of a provider's quota for one API, and the state of its circuit breaker."""

    provider: str = Field(description="Provider of the API.", examples=["enedis"])
    api: str = Field(description="Name of the API in this gateway.", examples=["measures"])
    used_last_second: int = Field(description="Calls within the last second.", examples=[1])
    used_last_hour: int = Field(description="Calls within the last hour.", examples=[120])
    used_last_hour_by_bulk: int = Field(
        description="Calls of backfills and of the nightly refresh within the last hour.", examples=[100]
    )
    closed_until: datetime | None = Field(
        description="Time before which no call is made, as requested by the provider."
    )
    circuit: CircuitState = Field(
        description="State of the circuit breaker. `working`: calls are made. `paused`: calls are paused after "
        "repeated failures. `probing`: the pause is over, and one test call is made before the others."
    )
    failures: int = Field(description="Consecutive failed calls.", examples=[0])
    reopens_at: datetime | None = Field(description="Time of the next possible call, while calls are paused.")

    @classmethod
    def of(cls, use: QuotaUse) -> Self:
        """Build the document of an API."""
        return cls(**{name: getattr(use, name) for name in cls.model_fields})


class PacerState(Document):
    """The APIs that were ever called, and the waiting calls."""

    apis: list[SlotUseDocument] = Field(description="One entry per API.")
    waiting_calls: int = Field(description="Calls that are queued, running or deferred.", examples=[3])


class DeadCallDocument(Document):
    """A call that failed permanently, with the reason."""

    job_id: ShownJobId
    account_id: ShownAccountId
    dataset: ShownDataset
    start: FirstDay = Field(description="First requested day; for a record, the day of the request.")
    end: EndDay
    code: str = Field(description="Error code.", examples=["provider_timeout"])
    upstream_code: str | None = Field(description="Error code of the provider.", examples=["ADAM-ERR0069"])
    attempts: int = Field(description="Number of attempts.", examples=[5])
    at: datetime = Field(description="Time of the failure.")

    @classmethod
    def of(cls, call: DeadCall) -> Self:
        """Build the document of a call."""
        return cls(
            job_id=call.job_id,
            account_id=call.account_id,
            dataset=call.dataset,
            start=call.days.start,
            end=call.days.end,
            code=call.code,
            upstream_code=call.upstream_code,
            attempts=call.attempts,
            at=call.at,
        )


class DeadCallList(Document):
    """A page of failed calls."""

    calls: list[DeadCallDocument] = Field(description="Newest first.")
    next_after: NextAfter = Field(examples=["1790000000000-0"])


class AwaitingConsent(Document):
    """A consent that awaits approval."""

    id: ShownConsentId
    account_id: ShownAccountId
    created_at: CreatedAt
    taken_at: datetime | None = Field(description="Time at which the person returned from the provider.")

    @classmethod
    def of(cls, consent: Consent) -> Self:
        """Build the document of a consent."""
        return cls(
            id=consent.id, account_id=consent.account_id, created_at=consent.created_at, taken_at=consent.taken_at
        )


class AwaitingConsentList(Document):
    """A page of consents that await approval."""

    consents: list[AwaitingConsent] = Field(description="Ordered by id.")
    next_after: NextAfter = Field(examples=["cons_0123456789abcdef01234567"])
