"""Deletion of stored data, key creation and quota reset in MyElectricalData v1.

The usage point, its consent and the account remain; `/v1/usage-points` and `/v1/account` delete these.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path
from pydantic import Field

from api.compat.myelectricaldata.admin_key import COMPAT_ADMIN_ONLY, V1_ADMIN_REFUSALS
from api.compat.myelectricaldata.contract import (
    V1_FAILURES,
    V1_REFUSALS,
    V1_TAG,
    CompatCaller,
    CompatUsagePoint,
    MyElectricalDataRoute,
)
from api.compat.myelectricaldata.records import RECORD_PATHS
from api.compat.myelectricaldata.series import V1_SERIES
from api.compat.trailing_slash import SlashRouter
from api.http.dependencies import Now, ResourcesDep, UsagePointId
from api.http.fields import Day, Document, ShownPrm
from shared.accounts.api_keys import Scope
from shared.accounts.store import Caller
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS, Series
from shared.core.errors import LimitReached, NotFound, ValidationFailed
from shared.lifecycle.erasure import Purge

router = SlashRouter(route_class=MyElectricalDataRoute, tags=[V1_TAG])

_SERIES = {dataset.name: dataset.title for dataset in V1_SERIES}
_RECORD_WORDS = {path.dataset: path.word for path in RECORD_PATHS}


class SeriesErased(Document):
    """The deleted days of a usage point."""

    usage_point_id: ShownPrm
    path: list[str] = Field(
        description="Paths of the deleted data, with its period; empty if nothing was stored.",
        examples=[["/daily_consumption/12345678901234/start/2026-08-01/end/2026-10-01/cache"]],
    )
    purge: bool = Field(description="Always `true`: the data is no longer stored.")


class RecordErased(Document):
    """The deleted record of a usage point."""

    usage_point_id: ShownPrm
    path: str = Field(description="Path of the deleted record.", examples=["/contracts/12345678901234/cache"])
    delete: bool = Field(description="Always `true`: the record is no longer stored.")


class TokenIssued(Document):
    """A new API key of the account."""

    usage_point_id: ShownPrm
    token: str = Field(description="The API key. Returned only in this response.", examples=["rlv_…"])


class QuotaReset(Document):
    """The quotas of today are reset for the holders of a usage point."""

    usage_point_id: ShownPrm
    reset: bool = Field(description="Always `true`.")


async def _compat_manager(caller: CompatCaller) -> Caller:
    caller.require(Scope.MANAGE)
    return caller


CompatManager = Annotated[Caller, Depends(_compat_manager)]
"""A caller with the scope `manage`."""


def _path_of(prm: str, dataset: str, purge: Purge) -> list[str]:
    """The paths of the deleted data in this API; a dataset that it does not offer has no path."""
    if purge.windows and dataset in _RECORD_WORDS:
        return [f"/{_RECORD_WORDS[dataset]}/{prm}/cache"]
    if purge.days and dataset in _SERIES:
        return [f"/{dataset}/{prm}/start/{purge.days.start}/end/{purge.days.end}/cache"]
    return []


def _erase_series(dataset: str) -> Callable[..., Awaitable[SeriesErased]]:
    async def erase_series(
        resources: ResourcesDep,
        caller: CompatManager,
        usage_point: CompatUsagePoint,
        now: Now,
        start: Annotated[Day, Path(description="First day, Europe/Paris.")],
        end: Annotated[Day, Path(description="Day after the last day.")],
    ) -> SeriesErased:
        if end <= start:
            raise ValidationFailed
        series = Series(usage_point.account_id, usage_point.id, dataset)
        purge = await resources.erasure.erase_readings(series, DayRange(start, end), caller.key.id, now)
        return SeriesErased(usage_point_id=usage_point.prm, path=_path_of(usage_point.prm, dataset, purge), purge=True)

    return erase_series


def _erase_record(word: str, dataset: str) -> Callable[..., Awaitable[RecordErased]]:
    async def erase_record(
        resources: ResourcesDep, caller: CompatManager, usage_point: CompatUsagePoint, now: Now
    ) -> RecordErased:
        series = Series(usage_point.account_id, usage_point.id, dataset)
        await resources.erasure.erase_readings(series, None, caller.key.id, now)
        return RecordErased(usage_point_id=usage_point.prm, path=f"/{word}/{usage_point.prm}/cache", delete=True)

    return erase_record


for _name, _title in _SERIES.items():
    router.add_api_route(
        f"/{_name}/{{usage_point_id}}/start/{{start}}/end/{{end}}/cache",
        _erase_series(_name),
        methods=["DELETE"],
        operation_id=f"v1_erase_{_name}",
        summary=f"Delete stored data: {_title}",
        description="Deletes every storage window that the period overlaps: a day of a load curve, a month of daily "
        "values. Daily values that are computed from a stored load curve are deleted with that curve. Jobs that fetch "
        "the dataset are cancelled. Requires a key with the scope `manage`.",
        response_model=SeriesErased,
        responses=V1_FAILURES.documented(*V1_REFUSALS),
    )

for _path in RECORD_PATHS:
    router.add_api_route(
        f"/{_path.word}/{{usage_point_id}}/cache",
        _erase_record(_path.word, _path.dataset),
        methods=["DELETE"],
        operation_id=f"v1_erase_{_path.word}",
        summary=f"Delete stored data: {DATASETS[_path.dataset].title}",
        description="Jobs that fetch it are cancelled; the next request fetches it again. Requires a key with the "
        "scope `manage`.",
        response_model=RecordErased,
        responses=V1_FAILURES.documented(*V1_REFUSALS),
    )


@router.delete(
    "/cache/{usage_point_id}",
    operation_id="v1_erase_cache",
    summary="Delete all stored data of a usage point",
    responses=V1_FAILURES.documented(*V1_REFUSALS),
)
async def erase_cache(
    resources: ResourcesDep, caller: CompatManager, usage_point: CompatUsagePoint, now: Now
) -> SeriesErased:
    """Deletes the readings and records of all datasets, including those without a path in this API. Jobs are cancelled.
    The usage point, its consent, the account and the nightly refresh remain; `PATCH /v1/usage-points/{usage_point_id}`
    turns the refresh off. Requires a key with the scope `manage`."""
    purges = await resources.erasure.erase_readings_of_point(usage_point, caller.key.id, now)
    paths = [path for name, purge in purges.items() for path in _path_of(usage_point.prm, name, purge)]
    return SeriesErased(usage_point_id=usage_point.prm, path=paths, purge=True)


@router.get(
    "/reset/{usage_point_id}",
    operation_id="v1_create_token",
    summary="Create an API key",
    responses=V1_FAILURES.documented(*V1_REFUSALS, LimitReached),
)
async def create_token(
    resources: ResourcesDep, caller: CompatManager, usage_point: CompatUsagePoint, now: Now
) -> TokenIssued:
    """The new key has the scopes and the expiry of the key that is used. That key remains valid, because a GET may be
    repeated and its response may be lost, and stored data cannot be decrypted without a key. Revoke it with `DELETE
    /v1/account/keys/{key_id}` once the new one works. Requires a key with the scope `manage`."""
    key = caller.key
    _, api_key = await resources.accounts.keys.create_key(
        key, caller.opened, now, scopes=key.scopes, expires_at=key.expires_at
    )
    return TokenIssued(usage_point_id=usage_point.prm, token=api_key)


@router.delete(
    "/admin/reset/{usage_point_id}",
    operation_id="v1_admin_reset_quota",
    summary="Reset today's quota of a usage point",
    dependencies=COMPAT_ADMIN_ONLY,
    responses=V1_FAILURES.documented(*V1_ADMIN_REFUSALS, NotFound, ValidationFailed),
)
async def reset_quota(resources: ResourcesDep, now: Now, usage_point_id: UsagePointId) -> QuotaReset:
    """Resets today's count for each account that holds the usage point; the audit log records it. No data is read or
    deleted."""
    holders = await resources.usage_points.list_holders(usage_point_id)
    if not holders:
        raise NotFound
    for account_id in sorted({each.account_id for each in holders}):
        await resources.administration.note(account_id, now, "quota.reset")
        await resources.quotas.forget(account_id, now)
    return QuotaReset(usage_point_id=usage_point_id, reset=True)
