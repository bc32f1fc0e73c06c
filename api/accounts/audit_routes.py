"""The audit log of an account, for the account and for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints

from api.accounts.audit_schemas import AuditEventDocument, AuditPage
from api.http.dependencies import ADMIN_ONLY, Manager, PageSize, ResourcesDep
from api.http.problems import KEY_REFUSALS, documented
from shared.core.errors import (
    Forbidden,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthenticated,
    ValidationFailed,
)
from shared.resources import Resources
from shared.storage.audit_log import ADMIN

router = APIRouter()

Before = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="`next_before` of the previous page.", examples=[12])
]


@router.get(
    "/v1/account/audit",
    tags=["accounts"],
    operation_id="get_audit",
    summary="Get the audit log of the account",
    responses=documented(*KEY_REFUSALS, Forbidden, ValidationFailed, ServiceUnavailable),
)
async def get_audit(
    resources: ResourcesDep, caller: Manager, before: Before = None, limit: PageSize = 100
) -> AuditPage:
    """Newest first. Events older than the retention period are deleted."""
    return await _page(resources, caller.account.id, before, limit)


@router.get(
    "/v1/admin/audit",
    tags=["administration"],
    dependencies=ADMIN_ONLY,
    operation_id="admin_get_audit",
    summary="Get an audit log",
    responses=documented(Unauthenticated, NotFound, TooManyRequests, ValidationFailed, ServiceUnavailable),
)
async def get_any_audit(
    resources: ResourcesDep,
    chain: Annotated[
        str,
        StringConstraints(pattern=rf"^({ADMIN}|acct_[0-9a-f]{{1,35}})$"),
        Query(description="`admin` for the actions of administrators, or an account id."),
    ] = ADMIN,
    before: Before = None,
    limit: PageSize = 100,
) -> AuditPage:
    """Newest first. The log of an account is deleted with the account; the log `admin` records the deletion."""
    return await _page(resources, chain, before, limit)


async def _page(resources: Resources, chain: str, before: int | None, limit: int) -> AuditPage:
    events = await resources.audit.load_events(chain, before, limit)
    return AuditPage(
        events=[AuditEventDocument.of(event) for event in events],
        intact=await resources.audit.find_break(chain) is None if before is None else None,
        next_before=events[-1].number if len(events) == limit else None,
    )
