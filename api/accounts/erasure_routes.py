"""Deletion of the account, and the public keys that verify deletion receipts."""

from fastapi import APIRouter, Response

from api.accounts.receipt_schemas import KeySet, ReceiptDocument
from api.http.dependencies import Manager, Now, ResourcesDep
from api.http.problems import KEY_REFUSALS, documented
from shared.core.errors import Forbidden, NotFound, ServiceUnavailable, Unauthenticated
from shared.crypto.receipts import key_set
from shared.lifecycle.erasure import OWNER

router = APIRouter(tags=["accounts"])


@router.delete(
    "/v1/account",
    operation_id="erase_account",
    summary="Delete the account and all its data",
    responses=documented(*KEY_REFUSALS, Forbidden, ServiceUnavailable),
)
async def delete_account(resources: ResourcesDep, caller: Manager, now: Now, response: Response) -> ReceiptDocument:
    """Deletes keys, usage points, consents, readings, jobs, events and the audit log, immediately and permanently. Data
    that is being fetched is not stored. Returns a signed receipt, which cannot be retrieved later."""
    try:
        receipt = await resources.erasure.erase_account(caller.account.id, OWNER, now)
    except NotFound:
        # Two concurrent requests: the key of the second one no longer exists.
        raise Unauthenticated from None
    response.headers["Cache-Control"] = "no-store"
    return ReceiptDocument.of(resources.server, receipt, resources.settings.public_url)


@router.get(
    "/.well-known/jwks.json",
    operation_id="get_public_keys",
    summary="Get the public keys for receipts",
    tags=["service"],
)
async def get_public_keys(resources: ResourcesDep, response: Response) -> KeySet:
    """Receipts that were signed with an earlier server secret can be verified while its public key is listed."""
    response.headers["Cache-Control"] = "public, max-age=3600"
    return KeySet.model_validate(key_set(resources.server))
