"""Accounts, for administrators: seeing that they are there, holding them up, giving them a new start. Never reading."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.admin.schemas import (
    AccountChange,
    AccountFile,
    AccountSummary,
    AccountSummaryList,
    PurgedReadings,
    RecoveredAccount,
)
from api.http.dependencies import ADMIN_ONLY, AccountId, Now, PageSize, ResourcesDep
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
from shared.storage.audit_log import ADMIN

router = APIRouter(prefix="/v1/admin/accounts", tags=["administration"], dependencies=ADMIN_ONLY)

_PROBLEMS = (Unauthenticated, NotFound, TooManyRequests, ValidationFailed, ServiceUnavailable)


@router.get("", operation_id="admin_list_accounts", summary="All accounts", responses=documented(*_PROBLEMS))
async def list_accounts(
    resources: ResourcesDep,
    after: Annotated[
        ObjectId | None,
        Query(description="The `next_after` of the page before.", examples=["acct_0123456789abcdef01234567"]),
    ] = None,
    limit: PageSize = 100,
) -> AccountSummaryList:
    """In the order of their ids, without e-mail addresses."""
    found = await resources.administration.list_accounts(after or "", limit)
    next_after = found[-1].id if len(found) == limit else None
    return AccountSummaryList(accounts=[AccountSummary.of(each) for each in found], next_after=next_after)


@router.get("/{account_id}", operation_id="admin_get_account", summary="One account", responses=documented(*_PROBLEMS))
async def get_account(resources: ResourcesDep, now: Now, account_id: AccountId, response: Response) -> AccountFile:
    """With the e-mail address that it left, if it did; the account can see that it was shown."""
    account = await resources.administration.load_account(account_id)
    email = await resources.administration.show_email(account_id, now)
    response.headers["Cache-Control"] = "no-store"
    return AccountFile(**dict(AccountSummary.of(account)), email=email)


@router.patch(
    "/{account_id}",
    operation_id="admin_change_account",
    summary="Suspend or resume an account, set its quotas",
    responses=documented(*_PROBLEMS, body=True),
)
async def change_account(
    resources: ResourcesDep, now: Now, account_id: AccountId, request: AccountChange
) -> AccountSummary:
    """While an account is suspended its keys get 403, the refresh leaves it out, and calls that wait for a worker end
    with `account_suspended`. What is stored stays, and so do its consents."""
    given = request.model_fields_set
    await resources.administration.change_account(
        account_id,
        now,
        suspended=request.suspended if "suspended" in given else None,
        quotas={name: getattr(request, name) for name in ("fetch_quota", "read_quota") if name in given},
    )
    return AccountSummary.of(await resources.administration.load_account(account_id))


@router.delete(
    "/{account_id}",
    status_code=204,
    operation_id="admin_delete_account",
    summary="Erase an account",
    response_description="It is erased.",
    responses=documented(*_PROBLEMS),
)
async def delete_account(resources: ResourcesDep, now: Now, account_id: AccountId) -> None:
    """With everything that is held of it, as when it erases itself. It can't be taken back."""
    await resources.erasure.erase_account(account_id, ADMIN, now)


@router.delete(
    "/{account_id}/readings",
    operation_id="admin_purge_readings",
    summary="Forget what is stored of an account",
    responses=documented(*_PROBLEMS),
)
async def purge_readings(resources: ResourcesDep, now: Now, account_id: AccountId) -> PurgedReadings:
    """Jobs that are under way are ended. The account, its usage points and its consents stay: it is fetched anew when
    it is asked for, or with the next refresh."""
    await resources.administration.load_account(account_id)
    await resources.administration.note_for_gateway(now, "readings.erased", {"account_id": account_id})
    purge = await resources.erasure.erase_readings_of_account(account_id, now)
    return PurgedReadings(windows=purge.windows, jobs_cancelled=purge.jobs_cancelled)


@router.post(
    "/{account_id}/recovery",
    status_code=201,
    operation_id="admin_recover_account",
    dependencies=NO_IDEMPOTENCY,
    summary="Give an account whose keys are lost a new start",
    responses=documented(*_PROBLEMS, IdempotencyNotOffered),
)
async def start_recovery(
    resources: ResourcesDep, now: Now, account_id: AccountId, response: Response
) -> RecoveredAccount:
    """All its keys are revoked; it gets a new vault and one key that opens it. What was stored can't be opened any more
    by anybody, so it is forgotten and fetched anew; consents stay. Make sure of who asks for it: who gets this key can
    read what is fetched from now on."""
    key, api_key = await resources.recovery.recover(account_id, now)
    response.headers["Cache-Control"] = "no-store"
    return RecoveredAccount(account_id=account_id, key_id=key.id, api_key=api_key)
