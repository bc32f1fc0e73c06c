"""Whether the gateway answers, and what a key and a consent are worth there: `/ping` and `/valid_access` of
MyElectricalData v1.

Moments are Paris wall times without an offset: so the clients of the contract read them.
"""

from datetime import date, datetime

from pydantic import Field

from api.compat.myelectricaldata.contract import (
    V1_FAILURES,
    V1_REFUSALS,
    V1_TAG,
    CompatCaller,
    CompatUsagePoint,
    MyElectricalDataRoute,
)
from api.compat.trailing_slash import SlashRouter
from api.http.dependencies import Now, ResourcesDep
from api.http.fields import Document
from shared.accounts.daily_quota import Quota
from shared.core.calendar import PARIS
from shared.core.errors import ServiceUnavailable
from shared.jobs.models import Lane
from shared.observability.tracing import untraced

router = SlashRouter(route_class=MyElectricalDataRoute, tags=[V1_TAG])

# Clients need the fraction here, and none in the consent's end.
_WITH_FRACTION = "%Y-%m-%dT%H:%M:%S.%f"
# What clients read a date out of can't be null.
_NO_END_KNOWN = date(2199, 12, 31)
_NO_WAIT = "0.0s"


class PingAnswer(Document):
    """That the gateway answers."""

    status: bool = Field(description="Always `true`: otherwise the answer is an error.", examples=[True])
    information: str = Field(description="The same for people, in French.", examples=["Le service fonctionne."])
    nb_client: int = Field(description="How many accounts wait for their turn at the provider.", examples=[0])
    waiting_estimation: str = Field(
        description="For how long one should wait before asking: never; a request waits by itself.", examples=[_NO_WAIT]
    )


class AccessAnswer(Document):
    """What a key is worth at a usage point."""

    valid: bool = Field(description="Whether data can be asked for there today.", examples=[True])
    information: str = Field(description="The same for people, in French.", examples=["Le consentement est en cours."])
    consent_expiration_date: str = Field(
        description="When the consent ends, in Paris; the end of 2199 when no end is known.",
        examples=["2029-10-19T00:00:00"],
    )
    call_number: int = Field(description="How many requests of today had something fetched.", examples=[3])
    quota_reached: bool = Field(description="Whether no more such requests are left today.", examples=[False])
    quota_limit: int = Field(description="How many there are a day.", examples=[50])
    quota_reset_at: str = Field(
        description="When there are all of them again, in Paris.", examples=["2026-10-21T00:00:00.000000"]
    )
    last_call: str = Field(
        description="When this key was last used, in Paris, about.", examples=["2026-10-20T12:00:00.000000"]
    )
    ban: bool = Field(description="Always `false`: who is shut out is refused.", examples=[False])


@router.get(
    "/ping",
    operation_id="v1_ping",
    summary="Whether the gateway answers",
    responses=V1_FAILURES.documented(ServiceUnavailable),
)
async def ping(resources: ResourcesDep) -> PingAnswer:
    """Needs no key."""
    with untraced():
        backlog = await resources.job_metrics.load_backlog()
    return PingAnswer(
        status=True,
        information="Le service fonctionne.",
        nb_client=backlog.accounts_waiting[Lane.INTERACTIVE],
        waiting_estimation=_NO_WAIT,
    )


async def valid_access(
    resources: ResourcesDep, now: Now, caller: CompatCaller, usage_point: CompatUsagePoint
) -> AccessAnswer:
    """The consent and the day's quota of requests that have something fetched. Counts for no quota itself."""
    account, consent = caller.account, usage_point.consent
    limits = {Quota.FETCH: account.fetch_quota, Quota.READ: account.read_quota}
    usage = next(each for each in await resources.quotas.load(account.id, limits, now) if each.quota is Quota.FETCH)
    is_active = consent.is_active(now)
    return AccessAnswer(
        valid=is_active,
        information="Le consentement est en cours." if is_active else "Le consentement n'est plus en cours.",
        consent_expiration_date=f"{consent.expires_on or _NO_END_KNOWN}T00:00:00",
        call_number=usage.used,
        quota_reached=not usage.left,
        quota_limit=usage.limit,
        quota_reset_at=_wall_time(usage.resets_at),
        last_call=_wall_time(caller.key.last_used_at or now),
        ban=False,
    )


for _suffix, _name in (("", ""), ("/cache", "_cache")):
    router.add_api_route(
        f"/valid_access/{{usage_point_id}}{_suffix}",
        valid_access,
        methods=["GET"],
        operation_id=f"v1_get_access{_name}",
        summary="What a key is worth at a usage point",
        responses=V1_FAILURES.documented(*V1_REFUSALS),
    )


def _wall_time(moment: datetime) -> str:
    return moment.astimezone(PARIS).strftime(_WITH_FRACTION)
