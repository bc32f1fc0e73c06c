"""What administrators see and send. Nothing here has a field for a reading, a usage point's number or a name."""

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
    suspended_at: datetime | None = Field(description="Since then none of its keys lets in, and nothing is fetched.")
    fetch_quota: int | None = Field(
        description="Requests a day that fetch; `null`: as many as the gateway allows.", examples=[100]
    )
    read_quota: int | None = Field(
        description="Requests a day that read; `null`: as many as the gateway allows.", examples=[5000]
    )
    usage_point_count: int = Field(description="How many it holds.", examples=[1])
    key_count: int = Field(description="How many it has.", examples=[2])

    @classmethod
    def of(cls, account: AccountOverview) -> Self:
        """What is shown of an account."""
        return cls(**{name: getattr(account, name) for name in AccountSummary.model_fields})


class AccountSummaryList(Document):
    """A page of accounts."""

    accounts: list[AccountSummary] = Field(description="In the order of their ids.")
    next_after: NextAfter = Field(examples=["acct_0123456789abcdef01234567"])


class AccountFile(AccountSummary):
    """An account, with the e-mail address that it left."""

    email: str | None = Field(
        description="That it was shown is in the account's audit.", examples=["somebody@example.org"]
    )


class AccountChange(Body):
    """What shall be otherwise; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"suspended": True}, {"fetch_quota": 100, "read_quota": None}]}
    )

    suspended: bool = Field(False, description="`true`: no key lets in and nothing is fetched; `false`: all as before.")
    fetch_quota: Quota | None = Field(None, description="Requests a day that fetch; `null`: the gateway's own limit.")
    read_quota: Quota | None = Field(None, description="Requests a day that read; `null`: the gateway's own limit.")


class RecoveredAccount(Document):
    """An account that begins anew, and its only key."""

    account_id: ShownAccountId
    key_id: ShownKeyId
    api_key: str = Field(
        description="Opens what will be stored from now on, and nothing that was stored before. Shown this once.",
        examples=["rlv_…"],
    )


class PurgedReadings(Document):
    """What was forgotten of an account."""

    windows: int = Field(description="How many days, months and records.", examples=[771])
    jobs_cancelled: int = Field(description="How many jobs were under way.", examples=[0])


class InvitationRequest(Body):
    """What an invitation shall be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"lifetime_days": 7}]})

    lifetime_days: Annotated[int, Field(ge=1, le=90, description="For so many days it can be used.")] = 7


class InvitationDocument(Document):
    """An invitation, without its code."""

    id: str = Field(description="The invitation's id.", examples=["inv_0123456789abcdef"])
    created_at: CreatedAt
    expires_at: datetime = Field(description="It can be used until then.")
    used_at: datetime | None = Field(description="When an account was made with it.")

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        """What is shown of an invitation."""
        return cls(
            id=invitation.id,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            used_at=invitation.used_at,
        )


class InvitationList(Document):
    """A page of invitations."""

    invitations: list[InvitationDocument] = Field(description="In the order of their ids.")
    next_after: NextAfter = Field(examples=["inv_0123456789abcdef"])


class NewInvitation(InvitationDocument):
    """A new invitation, with its code."""

    code: str = Field(description="Lets one account be created. Shown this once.", examples=["rlvi_…"])


class SlotUseDocument(Document):
    """How much of a provider's quota for one of its APIs is used."""

    provider: str = Field(description="Whose API it is.", examples=["enedis"])
    api: str = Field(description="The API's name here.", examples=["measures"])
    used_last_second: int = Field(description="Calls within the last second.", examples=[1])
    used_last_hour: int = Field(description="Calls within the last hour.", examples=[120])
    used_last_hour_by_bulk: int = Field(description="Of these, by backfills and the nightly refresh.", examples=[100])
    closed_until: datetime | None = Field(description="No call goes there before that moment: the provider said so.")
    circuit: CircuitState = Field(
        description="`working`: it is called. `paused`: it failed so often that it is left alone for a while. "
        "`probing`: the pause is over, and one call tries before the others follow."
    )
    failures: int = Field(description="Calls in a row that it did not answer.", examples=[0])
    reopens_at: datetime | None = Field(description="When the next call may go there, while it is left alone.")

    @classmethod
    def of(cls, use: QuotaUse) -> Self:
        """What is shown of an API."""
        return cls(**{name: getattr(use, name) for name in cls.model_fields})


class PacerState(Document):
    """Every API that was ever called."""

    apis: list[SlotUseDocument] = Field(description="One entry for each.")
    waiting_calls: int = Field(description="Calls that are enqueued, running or laid aside.", examples=[3])


class DeadCallDocument(Document):
    """A call that was given up, and why."""

    job_id: ShownJobId
    account_id: ShownAccountId
    dataset: ShownDataset
    start: FirstDay = Field(description="Of the days asked for; of a record the day on which it was.")
    end: EndDay
    code: str = Field(description="Of the problem.", examples=["provider_timeout"])
    upstream_code: str | None = Field(description="What the provider called it.", examples=["ADAM-ERR0069"])
    attempts: int = Field(description="How often it was tried.", examples=[5])
    at: datetime = Field(description="When it was given up.")

    @classmethod
    def of(cls, call: DeadCall) -> Self:
        """What is shown of one."""
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
    """A page of calls that were given up, the newest first."""

    calls: list[DeadCallDocument] = Field(description="Newest first.")
    next_after: NextAfter = Field(examples=["1790000000000-0"])


class AwaitingConsent(Document):
    """A consent that waits for an administrator's word."""

    id: ShownConsentId
    account_id: ShownAccountId
    created_at: CreatedAt
    taken_at: datetime | None = Field(description="When the person came back from the provider.")

    @classmethod
    def of(cls, consent: Consent) -> Self:
        """What is shown of a consent."""
        return cls(
            id=consent.id, account_id=consent.account_id, created_at=consent.created_at, taken_at=consent.taken_at
        )


class AwaitingConsentList(Document):
    """A page of consents that wait."""

    consents: list[AwaitingConsent] = Field(description="In the order of their ids.")
    next_after: NextAfter = Field(examples=["cons_0123456789abcdef01234567"])
