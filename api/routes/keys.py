"""API keys: which the account has, making another one, taking one back."""

from fastapi import APIRouter, Response

from api.dependencies import KeyId, Manager, Now, Parts
from api.idempotency import NO_IDEMPOTENCY
from api.schemas.keys import KeyDocument, KeyList, KeyRequest, NewKey
from api.schemas.problems import KEY_REFUSALS, documented
from shared.errors import (
    FieldError,
    Forbidden,
    IdempotencyNotOffered,
    LastKey,
    LimitReached,
    NotFound,
    ServiceUnavailable,
    ValidationFailed,
)

router = APIRouter(tags=["accounts"])


@router.get(
    "/v1/account/keys",
    operation_id="list_keys",
    summary="The account's API keys",
    responses=documented(*KEY_REFUSALS, Forbidden, ServiceUnavailable),
)
async def list_keys(parts: Parts, caller: Manager) -> KeyList:
    """Oldest first, without the keys themselves."""
    return KeyList(keys=[KeyDocument.of(key) for key in await parts.accounts.keys.list_keys(caller.account.id)])


@router.post(
    "/v1/account/keys",
    status_code=201,
    operation_id="create_key",
    dependencies=NO_IDEMPOTENCY,
    summary="Make another API key",
    responses=documented(
        *KEY_REFUSALS, Forbidden, LimitReached, ValidationFailed, IdempotencyNotOffered, ServiceUnavailable, body=True
    ),
)
async def create_key(
    parts: Parts, caller: Manager, now: Now, response: Response, request: KeyRequest | None = None
) -> NewKey:
    """It opens what is stored already, and nothing is encrypted anew. To rotate: make one, use it, delete the other."""
    asked = request or KeyRequest()
    if asked.expires_at is not None and asked.expires_at <= now:
        raise ValidationFailed(errors=[FieldError("/expires_at", "The expiry has to be in the future.")])
    scopes = caller.key.scopes if asked.scopes is None else asked.scopes
    key, api_key = await parts.accounts.keys.create_key(
        caller.key, caller.opened, now, name=asked.name, scopes=scopes, expires_at=asked.expires_at
    )
    response.headers["Cache-Control"] = "no-store"
    return NewKey(**dict(KeyDocument.of(key)), api_key=api_key)


@router.delete(
    "/v1/account/keys/{key_id}",
    status_code=204,
    operation_id="revoke_key",
    summary="Take an API key back",
    response_description="It is refused from now on.",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, LastKey, ValidationFailed, ServiceUnavailable),
)
async def revoke_key(parts: Parts, caller: Manager, now: Now, key_id: KeyId) -> None:
    """It is refused everywhere from now on. The last one that may manage the account can't be taken back."""
    await parts.accounts.keys.revoke_key(caller.account.id, key_id, caller.key.id, now)
