"""Accounts: creation, and the state of the caller's account."""

from datetime import timedelta

from fastapi import APIRouter, Response

from api.accounts.key_schemas import KeyDocument
from api.accounts.schemas import (
    AccountDetails,
    AccountDocument,
    AccountRequest,
    HeldUsagePoint,
    NewAccount,
    QuotaDocument,
)
from api.http.dependencies import Address, CurrentCaller, Now, ResourcesDep, refuse_too_many
from api.http.idempotency import NO_IDEMPOTENCY
from api.http.problems import KEY_REFUSALS, documented
from shared.accounts.daily_quota import Quota
from shared.accounts.rate_limiter import Rate
from shared.core.errors import (
    IdempotencyNotOffered,
    InvitationRefused,
    RegistrationClosed,
    ServiceUnavailable,
    TooManyRequests,
    ValidationFailed,
)

router = APIRouter(tags=["accounts"])


@router.post(
    "/v1/accounts",
    status_code=201,
    operation_id="create_account",
    dependencies=NO_IDEMPOTENCY,
    summary="Create an account and its first API key",
    responses=documented(
        RegistrationClosed,
        InvitationRefused,
        ValidationFailed,
        IdempotencyNotOffered,
        TooManyRequests,
        ServiceUnavailable,
        body=True,
    ),
)
async def create_account(
    resources: ResourcesDep, now: Now, address: Address, response: Response, request: AccountRequest | None = None
) -> NewAccount:
    """The key is returned only in this response. The gateway does not keep it, and stored data cannot be decrypted
    without it."""
    asked = request or AccountRequest()
    if resources.settings.registration == "closed":
        raise RegistrationClosed
    rate = Rate(resources.settings.registrations_per_hour, timedelta(hours=1))
    await refuse_too_many(resources, "registration", address, rate, now)
    is_open = resources.settings.registration == "open"
    invitation = None if is_open else asked.invitation or ""
    account, api_key = await resources.accounts.create_account(now, email=asked.email, invitation=invitation)
    response.headers["Cache-Control"] = "no-store"
    return NewAccount(account=AccountDocument(id=account.id, created_at=account.created_at), api_key=api_key)


@router.get(
    "/v1/account",
    operation_id="get_account",
    summary="Get the account",
    responses=documented(*KEY_REFUSALS, ServiceUnavailable),
)
async def get_account(resources: ResourcesDep, caller: CurrentCaller, now: Now) -> AccountDetails:
    """Returns the account of the API key, its remaining quotas of today, and its usage points."""
    own_limits = {Quota.FETCH: caller.account.fetch_quota, Quota.READ: caller.account.read_quota}
    usages = await resources.quotas.load(caller.account.id, own_limits, now)
    points = await resources.usage_points.list_for_account(caller.account.id)
    return AccountDetails(
        id=caller.account.id,
        created_at=caller.account.created_at,
        email=caller.account.email,
        key=KeyDocument.of(caller.key),
        quotas=[
            QuotaDocument(quota=each.quota, limit=each.limit, used=each.used, resets_at=each.resets_at)
            for each in usages
        ],
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
