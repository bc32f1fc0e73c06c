"""API keys: which the account has, making another one, taking one back."""

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

# What a client needs that knows usage points by its token. A token is shown around more easily than another key.
_TOKEN_SCOPES = frozenset({Scope.READ, Scope.FETCH})

router = APIRouter(tags=["accounts"])


@router.get(
    "/v1/account/keys",
    operation_id="list_keys",
    summary="The account's API keys",
    responses=documented(*KEY_REFUSALS, Forbidden, ServiceUnavailable),
)
async def list_keys(resources: ResourcesDep, caller: Manager) -> KeyList:
    """Oldest first, without the keys themselves."""
    return KeyList(keys=[KeyDocument.of(key) for key in await resources.accounts.keys.list_keys(caller.account.id)])


@router.post(
    "/v1/account/keys",
    status_code=201,
    operation_id="create_key",
    dependencies=NO_IDEMPOTENCY,
    summary="Make another API key",
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
    """It opens what is stored already, and nothing is encrypted anew. To rotate: make one, use it, delete the other."""
    asked = request or KeyRequest()
    if asked.expires_at is not None and asked.expires_at <= now:
        raise ValidationFailed(errors=[FieldError("/expires_at", "The expiry has to be in the future.")])
    token = await _claims(resources, caller, asked)
    scopes = asked.scopes
    if scopes is None:
        scopes = caller.key.scopes if token is None else caller.key.scopes & _TOKEN_SCOPES
    if not scopes:
        raise Forbidden("A token reads or fetches when nothing else is asked for, and this API key may do neither.")
    key, api_key = await resources.accounts.keys.create_key(
        caller.key, caller.opened, now, name=asked.name, scopes=scopes, expires_at=asked.expires_at, token=token
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
async def revoke_key(resources: ResourcesDep, caller: Manager, now: Now, key_id: KeyId) -> None:
    """It is refused everywhere from now on. The last one that may manage the account can't be taken back."""
    await resources.accounts.keys.revoke_key(caller.account.id, key_id, caller.key.id, now)


async def _claims(resources: Resources, caller: Caller, asked: KeyRequest) -> TokenClaims | None:
    """What a token shall say, ``None`` for a key that is none. Raises `NotFound` for a usage point that is not the
    account's, `ConsentMissing` when it has none, and `ValidationFailed`."""
    if asked.format is not KeyFormat.JWT:
        if asked.usage_points is not None:
            raise ValidationFailed(errors=[FieldError("/usage_points", "Only a JWT names usage points.")])
        return None
    if asked.usage_points is None:
        named = [each.prm for each in await resources.usage_points.list_for_account(caller.account.id)]
    else:
        wanted = dict.fromkeys(asked.usage_points)
        named = [(await resources.usage_points.find(caller.account.id, prm)).prm for prm in wanted]
    if not named:
        raise ConsentMissing("This account has no usage point that a JWT could name; POST /v1/consents asks for one.")
    if len(named) > MOST_USAGE_POINTS:
        text = f"A JWT names {MOST_USAGE_POINTS} usage points at most, and this account has more: say which."
        raise ValidationFailed(errors=[FieldError("/usage_points", text)])
    return TokenClaims(resources.settings.public_url, tuple(named))
