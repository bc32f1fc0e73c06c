"""Consents that wait for an administrator's word: a point that another account holds, and no proof that suffices."""

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
    """Which consents are shown: administrators have no business with the others."""

    AWAITING_APPROVAL = "awaiting_approval"


@router.get(
    "",
    operation_id="admin_list_consents",
    summary="Consents that wait for a word",
    responses=documented(*_PROBLEMS),
)
async def list_consents(
    resources: ResourcesDep,
    # The only one there is, so that others may come without changing what this means.
    status: Annotated[WantedStatus, Query(description="Only consents in this state.")] = WantedStatus.AWAITING_APPROVAL,
    after: Annotated[
        ObjectId | None,
        Query(description="The `next_after` of the page before.", examples=["cons_0123456789abcdef01234567"]),
    ] = None,
    limit: PageSize = 100,
) -> AwaitingConsentList:
    """Whose they are and since when they wait; not for which usage point: ask the person who wants it."""
    found = await resources.consents.list_awaiting(after or "", limit)
    next_after = found[-1].id if len(found) == limit else None
    return AwaitingConsentList(consents=[AwaitingConsent.of(each) for each in found], next_after=next_after)


@router.post(
    "/{consent_id}/approve",
    status_code=202,
    operation_id="admin_approve_consent",
    summary="Let the account have the usage point",
    response_description="Approved; a worker goes on.",
    responses=NO_CONTENT | documented(*_PROBLEMS),
)
async def approve_consent(resources: ResourcesDep, now: Now, consent_id: ConsentId) -> None:
    """A worker asks the provider anew and binds what it opens. Both accounts hold the point then, each with its own
    readings under its own keys."""
    await resources.consents.approve(consent_id, ADMIN, now)
    await resources.task_queue.enqueue_consent(consent_id)


@router.post(
    "/{consent_id}/deny",
    status_code=204,
    operation_id="admin_deny_consent",
    summary="Refuse a consent",
    response_description="It is refused.",
    responses=documented(*_PROBLEMS),
)
async def deny_consent(resources: ResourcesDep, now: Now, consent_id: ConsentId) -> None:
    """It has failed then, with `usage_point_taken`; what it would have opened is forgotten."""
    await resources.consents.deny(consent_id, ADMIN, now)
    consent = await resources.consents.load(consent_id)
    await resources.events.publish(consent.account_id, "consent.failed", {"consent_id": consent_id})
