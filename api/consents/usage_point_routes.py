"""Usage points of the account, and their stored data."""

from collections import Counter
from collections.abc import Collection

from fastapi import APIRouter

from api.accounts.receipt_schemas import ReceiptDocument
from api.consents.usage_point_schemas import (
    DatasetCoverage,
    PointConsent,
    UsagePointChanges,
    UsagePointDetails,
    UsagePointDocument,
    UsagePointList,
    WindowCounts,
)
from api.http.dependencies import CurrentCaller, Manager, Now, OwnUsagePoint, ResourcesDep
from api.http.problems import KEY_REFUSALS, documented
from shared.consents.models import UsagePoint
from shared.core.datasets import DATASETS, Dataset, Series
from shared.core.errors import Forbidden, NotFound, ServiceUnavailable, ValidationFailed
from shared.readings.models import Coverage

router = APIRouter(tags=["usage points"])


@router.get(
    "/v1/usage-points",
    operation_id="list_usage_points",
    summary="List usage points",
    responses=documented(*KEY_REFUSALS, ServiceUnavailable),
)
async def list_usage_points(resources: ResourcesDep, caller: CurrentCaller, now: Now) -> UsagePointList:
    """Oldest first."""
    points = await resources.usage_points.list_for_account(caller.account.id)
    return UsagePointList(usage_points=[_document(point, now) for point in points])


@router.get(
    "/v1/usage-points/{usage_point_id}",
    operation_id="get_usage_point",
    summary="Get a usage point",
    responses=documented(*KEY_REFUSALS, NotFound, ValidationFailed, ServiceUnavailable),
)
async def get_usage_point(resources: ResourcesDep, usage_point: OwnUsagePoint, now: Now) -> UsagePointDetails:
    """Returns its consent and, for each dataset, the number of stored windows."""
    coverage = []
    for dataset in DATASETS.values():
        series = Series(usage_point.account_id, usage_point.id, dataset.name)
        known = await resources.readings.load_all_coverage(series)
        if known:
            coverage.append(_summary(dataset, known.values()))
    return UsagePointDetails(**dict(_document(usage_point, now)), coverage=coverage)


@router.patch(
    "/v1/usage-points/{usage_point_id}",
    operation_id="change_usage_point",
    summary="Update a usage point",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable, body=True),
)
async def change_usage_point(
    resources: ResourcesDep, caller: Manager, usage_point: OwnUsagePoint, now: Now, changes: UsagePointChanges
) -> UsagePointDocument:
    """Fields that the body does not contain keep their values."""
    given = {name: getattr(changes, name) for name in changes.model_fields_set}
    return _document(await resources.usage_points.change(usage_point, given, caller.key.id, now), now)


@router.delete(
    "/v1/usage-points/{usage_point_id}",
    operation_id="erase_usage_point",
    summary="Delete a usage point and all its data",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def delete_usage_point(
    resources: ResourcesDep, caller: Manager, usage_point: OwnUsagePoint, now: Now
) -> ReceiptDocument:
    """Deletes its readings, records and jobs permanently; data that is being fetched is not stored. Its consent remains
    in the list without it, and is revoked with its last usage point. Returns a signed receipt."""
    receipt = await resources.erasure.erase_usage_point(usage_point, caller.key.id, now)
    return ReceiptDocument.of(resources.server, receipt, resources.settings.public_url)


def _document(usage_point: UsagePoint, now: Now) -> UsagePointDocument:
    consent = usage_point.consent
    return UsagePointDocument(
        usage_point_id=usage_point.prm,
        directions=sorted(usage_point.directions),
        label=usage_point.label,
        refresh=usage_point.refresh,
        refresh_datasets=None if usage_point.refresh_datasets is None else sorted(usage_point.refresh_datasets),
        created_at=usage_point.created_at,
        consent=PointConsent(
            id=consent.id, status=consent.status, active=consent.is_active(now), expires_on=consent.expires_on
        ),
    )


def _summary(dataset: Dataset, known: Collection[Coverage]) -> DatasetCoverage:
    states = Counter(each.state for each in known)
    return DatasetCoverage(
        dataset=dataset.name,
        start=min(each.since for each in known) if dataset.is_series else None,
        end=max(each.through for each in known) if dataset.is_series else None,
        last_fetched_at=max(each.fetched_at for each in known),
        windows=WindowCounts(complete=states["complete"], partial=states["partial"], absent=states["absent"]),
    )
