"""Approval of consents: the usage point is held by another account, and the proof is missing or insufficient."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query

from api.admin.schemas import AwaitingConsent, AwaitingConsentList
from api.http.dependencies import ADMIN_ONLY, ConsentId, Now, PageSize, ResourcesDep
from api.http.fields import ObjectId
from api.http.problems import NO_CONTENT, documented
from shared.core.errors import NotFound, ServiceUnavailable, TooManyRequests, Unauthenticated, ValidationFailed
from shared.storage.audit_log import ADMIN

router = APIRouter(prefix="/v1/admin/consents", tags=["administration"], dependencies=ADMIN_ONLY)

_PROBLEMS = (Unauthenticated, NotFound, TooManyRequests, ValidationFailed, ServiceUnavailable)


class WantedStatus(StrEnum):
    """The listed status: administrators do not need to see other consents."""

    AWAITING_APPROVAL = "awaiting_approval"


@router.get(
    "",
    operation_id="admin_list_consents",
    summary="List consents that await approval",
    responses=documented(*_PROBLEMS),
)
async def list_consents(
    resources: ResourcesDep,
    # Only one value exists, so that others can be added without changing the default.
    status: Annotated[WantedStatus, Query(description="Only consents in this state.")] = WantedStatus.AWAITING_APPROVAL,
    after: Annotated[
        ObjectId | None,
        Query(description="`next_after` of the previous page.", examples=["cons_0123456789abcdef01234567"]),
    ] = None,
    limit: PageSize = 100,
) -> AwaitingConsentList:
    """Returns the account and the waiting time. The usage point is not returned: ask the person who requested the
    consent."""
    found = await resources.consents.list_awaiting(after or "", limit)
    next_after = found[-1].id if len(found) == limit else None
    return AwaitingConsentList(consents=[AwaitingConsent.of(each) for each in found], next_after=next_after)


@router.post(
    "/{consent_id}/approve",
    status_code=202,
    operation_id="admin_approve_consent",
    summary="Approve a consent",
    response_description="The consent is approved; a worker continues the exchange.",
    responses=NO_CONTENT | documented(*_PROBLEMS),
)
async def approve_consent(resources: ResourcesDep, now: Now, consent_id: ConsentId) -> None:
    """A worker repeats the exchange with the provider and grants the usage points. Both accounts then hold the usage
    point, each with its own readings under its own keys."""
    await resources.consents.approve(consent_id, ADMIN, now)
    await resources.task_queue.enqueue_consent(consent_id)


@router.post(
    "/{consent_id}/deny",
    status_code=204,
    operation_id="admin_deny_consent",
    summary="Deny a consent",
    response_description="The consent is denied.",
    responses=documented(*_PROBLEMS),
)
async def deny_consent(resources: ResourcesDep, now: Now, consent_id: ConsentId) -> None:
    """The consent fails with `usage_point_taken`, and its usage points are deleted."""
    await resources.consents.deny(consent_id, ADMIN, now)
    consent = await resources.consents.load(consent_id)
    await resources.events.publish(consent.account_id, "consent.failed", {"consent_id": consent_id})
