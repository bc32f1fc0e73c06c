"""Administration of invitations, for gateways with registration by invitation."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.admin.schemas import InvitationDocument, InvitationList, InvitationRequest, NewInvitation
from api.http.dependencies import ADMIN_ONLY, InvitationId, Now, PageSize, ResourcesDep
from api.http.fields import ObjectId
from api.http.idempotency import NO_IDEMPOTENCY
from api.http.problems import documented
from shared.core.errors import (
    IdempotencyNotOffered,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthenticated,
    ValidationFailed,
)

router = APIRouter(prefix="/v1/admin/invitations", tags=["administration"], dependencies=ADMIN_ONLY)

_PROBLEMS = (Unauthenticated, NotFound, TooManyRequests, ValidationFailed, ServiceUnavailable)


@router.get("", operation_id="admin_list_invitations", summary="List invitations", responses=documented(*_PROBLEMS))
async def list_invitations(
    resources: ResourcesDep,
    after: Annotated[
        ObjectId | None, Query(description="`next_after` of the previous page.", examples=["inv_0123456789abcdef"])
    ] = None,
    limit: PageSize = 100,
) -> InvitationList:
    """Includes used and expired invitations. The codes are not returned."""
    found = await resources.invitations.list_invitations(after or "", limit)
    next_after = found[-1].id if len(found) == limit else None
    return InvitationList(invitations=[InvitationDocument.of(each) for each in found], next_after=next_after)


@router.post(
    "",
    status_code=201,
    operation_id="admin_create_invitation",
    dependencies=NO_IDEMPOTENCY,
    summary="Create an invitation",
    responses=documented(*_PROBLEMS, IdempotencyNotOffered, body=True),
)
async def create_invitation(
    resources: ResourcesDep, now: Now, response: Response, request: InvitationRequest | None = None
) -> NewInvitation:
    """The code is valid for one account; send it as `invitation` with `POST /v1/accounts`."""
    lifetime = timedelta(days=(request or InvitationRequest()).lifetime_days)
    invitation, code = await resources.invitations.create_invitation(now, lifetime)
    response.headers["Cache-Control"] = "no-store"
    return NewInvitation(**dict(InvitationDocument.of(invitation)), code=code)


@router.delete(
    "/{invitation_id}",
    status_code=204,
    operation_id="admin_delete_invitation",
    summary="Revoke an invitation",
    response_description="The invitation is revoked.",
    responses=documented(*_PROBLEMS),
)
async def delete_invitation(resources: ResourcesDep, now: Now, invitation_id: InvitationId) -> None:
    """An account that was created with it remains."""
    await resources.invitations.delete_invitation(invitation_id, now)
