"""Erasing the account, and the keys that check the receipts of erasures."""

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
    summary="Erase the account and everything of it",
    responses=documented(*KEY_REFUSALS, Forbidden, ServiceUnavailable),
)
async def delete_account(resources: ResourcesDep, caller: Manager, now: Now, response: Response) -> ReceiptDocument:
    """At once and for good: keys, usage points, consents, readings, jobs, events and what was written down about them.
    What is being fetched is not stored. Answers with a signed receipt; keep it, nobody can show it again."""
    try:
        receipt = await resources.erasure.erase_account(caller.account.id, OWNER, now)
    except NotFound:
        # Asked twice at the same moment: for who came second the key is none any more.
        raise Unauthenticated from None
    response.headers["Cache-Control"] = "no-store"
    return ReceiptDocument.of(resources.server, receipt, resources.settings.public_url)


@router.get(
    "/.well-known/jwks.json",
    operation_id="get_public_keys",
    summary="The public keys that check receipts",
    tags=["service"],
)
async def get_public_keys(resources: ResourcesDep, response: Response) -> KeySet:
    """Receipts that were signed under an earlier secret can be checked for as long as this is listed."""
    response.headers["Cache-Control"] = "public, max-age=3600"
    return KeySet.model_validate(key_set(resources.server))
