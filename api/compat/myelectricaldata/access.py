"""Availability of the gateway, and validity of a key and a consent: `/ping` and `/valid_access` of MyElectricalData v1.

Times are Paris wall times without an offset, as the clients of this API expect them.
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

# Clients require the fraction here, and none in the consent's end.
_WITH_FRACTION = "%Y-%m-%dT%H:%M:%S.%f"
# Clients parse this field as a date, so it cannot be null.
_NO_END_KNOWN = date(2199, 12, 31)
_NO_WAIT = "0.0s"


class PingAnswer(Document):
    """The gateway is available."""

    status: bool = Field(description="Always `true`: otherwise the response is an error.", examples=[True])
    information: str = Field(description="Status message, in French.", examples=["Le service fonctionne."])
    nb_client: int = Field(description="Number of accounts with calls waiting for the provider.", examples=[0])
    waiting_estimation: str = Field(
        description="Recommended wait before a request: always zero, because requests wait themselves.",
        examples=[_NO_WAIT],
    )


class AccessAnswer(Document):
    """The access of a key to a usage point."""

    valid: bool = Field(description="Whether data of the usage point can be fetched today.", examples=[True])
    information: str = Field(description="Status message, in French.", examples=["Le consentement est actif."])
    consent_expiration_date: str = Field(
        description="End of the consent, in Paris; the end of 2199 if no end date is known.",
        examples=["2029-10-19T00:00:00"],
    )
    call_number: int = Field(description="Requests that fetched data today.", examples=[3])
    quota_reached: bool = Field(description="Whether the daily quota of such requests is exhausted.", examples=[False])
    quota_limit: int = Field(description="Requests per day that fetch data.", examples=[50])
    quota_reset_at: str = Field(
        description="Time at which the quota resets, in Paris.", examples=["2026-10-21T00:00:00.000000"]
    )
    last_call: str = Field(
        description="Approximate time of the last use of this key, in Paris.", examples=["2026-10-20T12:00:00.000000"]
    )
    ban: bool = Field(description="Always `false`: banned clients get an error instead.", examples=[False])


@router.get(
    "/ping",
    operation_id="v1_ping",
    summary="Check that the gateway is available",
    responses=V1_FAILURES.documented(ServiceUnavailable),
)
async def ping(resources: ResourcesDep) -> PingAnswer:
    """No API key is needed."""
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
    """Returns the consent and today's quota of requests that fetch data. Does not count against a quota."""
    account, consent = caller.account, usage_point.consent
    limits = {Quota.FETCH: account.fetch_quota, Quota.READ: account.read_quota}
    usage = next(each for each in await resources.quotas.load(account.id, limits, now) if each.quota is Quota.FETCH)
    is_active = consent.is_active(now)
    return AccessAnswer(
        valid=is_active,
        information="Le consentement est actif." if is_active else "Le consentement n'est plus actif.",
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
        summary="Get the access state of a usage point",
        responses=V1_FAILURES.documented(*V1_REFUSALS),
    )


def _wall_time(moment: datetime) -> str:
    return moment.astimezone(PARIS).strftime(_WITH_FRACTION)
