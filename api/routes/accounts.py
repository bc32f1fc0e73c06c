"""Accounts: making one, and what one holds."""

from fastapi import APIRouter, Response

from api.dependencies import CurrentCaller, Now, Parts
from api.schemas.accounts import AccountDetails, AccountDocument, HeldUsagePoint, NewAccount
from api.schemas.problems import documented
from shared.errors import RegistrationClosed, ServiceUnavailable, Unauthenticated

router = APIRouter(tags=["accounts"])


@router.post(
    "/v1/accounts",
    status_code=201,
    operation_id="create_account",
    summary="Create an account and its first API key",
    responses=documented(RegistrationClosed, ServiceUnavailable),
)
async def create_account(parts: Parts, now: Now, response: Response) -> NewAccount:
    """The key is shown in this answer and never again: the gateway itself can't open the data without it."""
    if parts.settings.registration != "open":
        raise RegistrationClosed
    account, api_key = await parts.accounts.create_account(now)
    response.headers["Cache-Control"] = "no-store"
    return NewAccount(account=AccountDocument(id=account.id, created_at=account.created_at), api_key=api_key)


@router.get(
    "/v1/account",
    operation_id="get_account",
    summary="What the account holds",
    responses=documented(Unauthenticated, ServiceUnavailable),
)
async def get_account(parts: Parts, caller: CurrentCaller) -> AccountDetails:
    """The account of the API key, and its usage points."""
    points = await parts.consents.list_usage_points(caller.account.id)
    return AccountDetails(
        id=caller.account.id,
        created_at=caller.account.created_at,
        usage_points=[
            HeldUsagePoint(
                usage_point_id=point.prm,
                directions=sorted(point.directions),
                consent_status=point.consent.status,
                expires_on=point.consent.expires_on,
            )
            for point in points
        ],
    )
