"""Removing what is stored, a new key, and a fresh quota, by the contract of MyElectricalData v1.

The usage point, its consent and the account stay; erasing these is for `/v1/usage-points` and `/v1/account`.
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
    """Which stored days of a usage point are gone."""

    usage_point_id: ShownPrm
    path: list[str] = Field(
        description="Where what is gone was had, with its days; none where nothing was stored.",
        examples=[["/daily_consumption/12345678901234/start/2026-08-01/end/2026-10-01/cache"]],
    )
    purge: bool = Field(description="Nothing of what was named is stored any more: always `true`.")


class RecordErased(Document):
    """Which stored record of a usage point is gone."""

    usage_point_id: ShownPrm
    path: str = Field(description="Where it was had.", examples=["/contracts/12345678901234/cache"])
    delete: bool = Field(description="It is not stored any more: always `true`.")


class TokenIssued(Document):
    """Another API key of the account, shown once."""

    usage_point_id: ShownPrm
    token: str = Field(description="The key, to be kept at once.", examples=["rlv_…"])


class QuotaReset(Document):
    """Who holds a usage point has today's requests anew."""

    usage_point_id: ShownPrm
    reset: bool = Field(description="It is done: always `true`.")


async def _compat_manager(caller: CompatCaller) -> Caller:
    caller.require(Scope.MANAGE)
    return caller


CompatManager = Annotated[Caller, Depends(_compat_manager)]
"""Who may remove what is stored, and make keys."""


def _path_of(prm: str, dataset: str, purge: Purge) -> list[str]:
    """Where the contract has what was erased; a dataset that it does not know has no path."""
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
        end: Annotated[Day, Path(description="Day after the last one.")],
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
        summary=f"Erase what is stored: {_title}",
        description="Every window that the days touch goes whole: a day of a load curve, a month of daily values. Days "
        "of energy that are made out of a stored load curve go with that curve. Jobs that fetch the dataset are "
        "cancelled. Needs a key that may `manage`.",
        response_model=SeriesErased,
        responses=V1_FAILURES.documented(*V1_REFUSALS),
    )

for _path in RECORD_PATHS:
    router.add_api_route(
        f"/{_path.word}/{{usage_point_id}}/cache",
        _erase_record(_path.word, _path.dataset),
        methods=["DELETE"],
        operation_id=f"v1_erase_{_path.word}",
        summary=f"Erase what is stored: {DATASETS[_path.dataset].title}",
        description="Jobs that fetch it are cancelled; who asks for it again has it fetched anew. Needs a key that may "
        "`manage`.",
        response_model=RecordErased,
        responses=V1_FAILURES.documented(*V1_REFUSALS),
    )


@router.delete(
    "/cache/{usage_point_id}",
    operation_id="v1_erase_cache",
    summary="Erase everything that is stored of a usage point",
    responses=V1_FAILURES.documented(*V1_REFUSALS),
)
async def erase_cache(
    resources: ResourcesDep, caller: CompatManager, usage_point: CompatUsagePoint, now: Now
) -> SeriesErased:
    """Readings and records of every dataset, those too that this contract has no path for. Its jobs are cancelled; the
    usage point, its consent and the account stay, and so does the nightly refresh, which `PATCH
    /v1/usage-points/{usage_point_id}` ends. Needs a key that may `manage`."""
    purges = await resources.erasure.erase_readings_of_point(usage_point, caller.key.id, now)
    paths = [path for name, purge in purges.items() for path in _path_of(usage_point.prm, name, purge)]
    return SeriesErased(usage_point_id=usage_point.prm, path=paths, purge=True)


@router.get(
    "/reset/{usage_point_id}",
    operation_id="v1_create_token",
    summary="Make another API key",
    responses=V1_FAILURES.documented(*V1_REFUSALS, LimitReached),
)
async def create_token(
    resources: ResourcesDep, caller: CompatManager, usage_point: CompatUsagePoint, now: Now
) -> TokenIssued:
    """With the scopes and the expiry of the key that asks for it, which stays good: a GET may be sent twice, and its
    answer may be lost, and without any key nobody could open what is stored. Take the old one back with `DELETE
    /v1/account/keys/{key_id}` when the new one works. Needs a key that may `manage`."""
    key = caller.key
    _, api_key = await resources.accounts.keys.create_key(
        key, caller.opened, now, scopes=key.scopes, expires_at=key.expires_at
    )
    return TokenIssued(usage_point_id=usage_point.prm, token=api_key)


@router.delete(
    "/admin/reset/{usage_point_id}",
    operation_id="v1_admin_reset_quota",
    summary="Give who holds a usage point today's requests anew",
    dependencies=COMPAT_ADMIN_ONLY,
    responses=V1_FAILURES.documented(*V1_ADMIN_REFUSALS, NotFound, ValidationFailed),
)
async def reset_quota(resources: ResourcesDep, now: Now, usage_point_id: UsagePointId) -> QuotaReset:
    """What the account has asked for today counts no longer, for each account that holds the usage point; its audit
    says so. Opens and removes nothing."""
    holders = await resources.usage_points.list_holders(usage_point_id)
    if not holders:
        raise NotFound
    for account_id in sorted({each.account_id for each in holders}):
        await resources.administration.note(account_id, now, "quota.reset")
        await resources.quotas.forget(account_id, now)
    return QuotaReset(usage_point_id=usage_point_id, reset=True)
