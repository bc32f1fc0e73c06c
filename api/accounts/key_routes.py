"""API keys: list, create, revoke."""

from fastapi import APIRouter, Response

from api.accounts.key_schemas import KeyDocument, KeyFormat, KeyList, KeyRequest, NewKey
from api.http.dependencies import KeyId, Manager, Now, ResourcesDep
from api.http.idempotency import NO_IDEMPOTENCY
from api.http.problems import KEY_REFUSALS, documented
from shared.accounts.api_keys import Scope
from shared.accounts.store import Caller
from shared.core.errors import (
    ConsentMissing,
    FieldError,
    Forbidden,
    IdempotencyNotOffered,
    LastKey,
    LimitReached,
    NotFound,
    ServiceUnavailable,
    ValidationFailed,
)
from shared.crypto.jwt_api_keys import MOST_USAGE_POINTS, TokenClaims
from shared.resources import Resources

# What clients need that read their usage points from the token. Tokens are exposed more easily than other keys.
_TOKEN_SCOPES = frozenset({Scope.READ, Scope.FETCH})

router = APIRouter(tags=["accounts"])


@router.get(
    "/v1/account/keys",
    operation_id="list_keys",
    summary="List API keys",
    responses=documented(*KEY_REFUSALS, Forbidden, ServiceUnavailable),
)
async def list_keys(resources: ResourcesDep, caller: Manager) -> KeyList:
    """Oldest first. The keys themselves are not returned."""
    return KeyList(keys=[KeyDocument.of(key) for key in await resources.accounts.keys.list_keys(caller.account.id)])


@router.post(
    "/v1/account/keys",
    status_code=201,
    operation_id="create_key",
    dependencies=NO_IDEMPOTENCY,
    summary="Create an API key",
    responses=documented(
        *KEY_REFUSALS,
        Forbidden,
        NotFound,
        ConsentMissing,
        LimitReached,
        ValidationFailed,
        IdempotencyNotOffered,
        ServiceUnavailable,
        body=True,
    ),
)
async def create_key(
    resources: ResourcesDep, caller: Manager, now: Now, response: Response, request: KeyRequest | None = None
) -> NewKey:
    """The new key also decrypts data that is already stored. To rotate a key, create a new one, use it, and delete the
    old one."""
    asked = request or KeyRequest()
    if asked.expires_at is not None and asked.expires_at <= now:
        raise ValidationFailed(errors=[FieldError("/expires_at", "The expiry must be in the future.")])
    token = await _claims(resources, caller, asked)
    scopes = asked.scopes
    if scopes is None:
        scopes = caller.key.scopes if token is None else caller.key.scopes & _TOKEN_SCOPES
    if not scopes:
        raise Forbidden("The default scopes of a JWT are `read` and `fetch`, and this API key has neither.")
    key, api_key = await resources.accounts.keys.create_key(
        caller.key, caller.opened, now, name=asked.name, scopes=scopes, expires_at=asked.expires_at, token=token
    )
    response.headers["Cache-Control"] = "no-store"
    return NewKey(**dict(KeyDocument.of(key)), api_key=api_key)


@router.delete(
    "/v1/account/keys/{key_id}",
    status_code=204,
    operation_id="revoke_key",
    summary="Revoke an API key",
    response_description="The key is revoked.",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, LastKey, ValidationFailed, ServiceUnavailable),
)
async def revoke_key(resources: ResourcesDep, caller: Manager, now: Now, key_id: KeyId) -> None:
    """The key is rejected from now on. The last key with the scope `manage` cannot be revoked."""
    await resources.accounts.keys.revoke_key(caller.account.id, key_id, caller.key.id, now)


async def _claims(resources: Resources, caller: Caller, asked: KeyRequest) -> TokenClaims | None:
    """The claims of a JWT, ``None`` for a key in another format. Raises `NotFound` for a usage point of another
    account, `ConsentMissing` if the account has no usage point, and `ValidationFailed`."""
    if asked.format is not KeyFormat.JWT:
        if asked.usage_points is not None:
            raise ValidationFailed(errors=[FieldError("/usage_points", "Only a JWT takes usage points.")])
        return None
    if asked.usage_points is None:
        named = [each.prm for each in await resources.usage_points.list_for_account(caller.account.id)]
    else:
        wanted = dict.fromkeys(asked.usage_points)
        named = [(await resources.usage_points.find(caller.account.id, prm)).prm for prm in wanted]
    if not named:
        raise ConsentMissing("A JWT requires a usage point, and this account has none. Create a consent first.")
    if len(named) > MOST_USAGE_POINTS:
        text = f"A JWT contains at most {MOST_USAGE_POINTS} usage points, and this account has more: select some."
        raise ValidationFailed(errors=[FieldError("/usage_points", text)])
    return TokenClaims(resources.settings.public_url, tuple(named))
