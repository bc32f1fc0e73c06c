"""Administration of accounts: list, suspend, recover, delete. Gives no access to readings."""

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


@router.get("", operation_id="admin_list_accounts", summary="List accounts", responses=documented(*_PROBLEMS))
async def list_accounts(
    resources: ResourcesDep,
    after: Annotated[
        ObjectId | None,
        Query(description="`next_after` of the previous page.", examples=["acct_0123456789abcdef01234567"]),
    ] = None,
    limit: PageSize = 100,
) -> AccountSummaryList:
    """Ordered by id, without e-mail addresses."""
    found = await resources.administration.list_accounts(after or "", limit)
    next_after = found[-1].id if len(found) == limit else None
    return AccountSummaryList(accounts=[AccountSummary.of(each) for each in found], next_after=next_after)


@router.get(
    "/{account_id}", operation_id="admin_get_account", summary="Get an account", responses=documented(*_PROBLEMS)
)
async def get_account(resources: ResourcesDep, now: Now, account_id: AccountId, response: Response) -> AccountFile:
    """Includes the e-mail address if the account has one; the account's audit log records the access."""
    account = await resources.administration.load_account(account_id)
    email = await resources.administration.show_email(account_id, now)
    response.headers["Cache-Control"] = "no-store"
    return AccountFile(**dict(AccountSummary.of(account)), email=email)


@router.patch(
    "/{account_id}",
    operation_id="admin_change_account",
    summary="Update an account",
    responses=documented(*_PROBLEMS, body=True),
)
async def change_account(
    resources: ResourcesDep, now: Now, account_id: AccountId, request: AccountChange
) -> AccountSummary:
    """Suspends or resumes an account, or sets its quotas. While an account is suspended, its keys get 403, the nightly
    refresh skips it, and queued calls end with `account_suspended`. Stored data and consents remain."""
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
    summary="Delete an account and all its data",
    response_description="The account is deleted.",
    responses=documented(*_PROBLEMS),
)
async def delete_account(resources: ResourcesDep, now: Now, account_id: AccountId) -> None:
    """Deletes the account and all its data permanently, as `DELETE /v1/account` does."""
    await resources.erasure.erase_account(account_id, ADMIN, now)


@router.delete(
    "/{account_id}/readings",
    operation_id="admin_purge_readings",
    summary="Delete the stored readings of an account",
    responses=documented(*_PROBLEMS),
)
async def purge_readings(resources: ResourcesDep, now: Now, account_id: AccountId) -> PurgedReadings:
    """Jobs in progress are cancelled. The account, its usage points and its consents remain; the data is fetched again
    by the next job or nightly refresh."""
    await resources.administration.load_account(account_id)
    await resources.administration.note_for_gateway(now, "readings.erased", {"account_id": account_id})
    purge = await resources.erasure.erase_readings_of_account(account_id, now)
    return PurgedReadings(windows=purge.windows, jobs_cancelled=purge.jobs_cancelled)


@router.post(
    "/{account_id}/recovery",
    status_code=201,
    operation_id="admin_recover_account",
    dependencies=NO_IDEMPOTENCY,
    summary="Recover an account whose keys are lost",
    responses=documented(*_PROBLEMS, IdempotencyNotOffered),
)
async def start_recovery(
    resources: ResourcesDep, now: Now, account_id: AccountId, response: Response
) -> RecoveredAccount:
    """Revokes all keys and creates a new vault with one new key. Stored data can no longer be decrypted, so it is
    deleted and fetched again; consents remain. Verify who requests it: the new key can read everything that is fetched
    from now on."""
    key, api_key = await resources.recovery.recover(account_id, now)
    response.headers["Cache-Control"] = "no-store"
    return RecoveredAccount(account_id=account_id, key_id=key.id, api_key=api_key)
