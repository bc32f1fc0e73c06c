"""`Idempotency-Key`: a client that does not know whether its request arrived can repeat it; it is executed once.

Only the id of the created object is stored: a rejected request leaves its key free. Operations that return a secret
once cannot repeat their response, and reject the header.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel, StringConstraints

from shared.core.errors import FieldError, IdempotencyNotOffered, ValidationFailed
from shared.resources import Resources

_NAME = "Idempotency-Key"
# A structured-field string, as in the draft, or the same without quotes, as most clients send it.
_FORM = r'^("[A-Za-z0-9_.:~+/=@-]{1,128}"|[A-Za-z0-9_.:~+/=@-]{1,128})$'

REPLAYED = "Idempotency-Replayed"
REPLAYED_HEADER = {
    REPLAYED: {
        "description": "`true`: an earlier request with this `Idempotency-Key` was executed; this one was neither "
        "executed nor counted.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}


async def shown_idempotency_key(
    request: Request,
    key: Annotated[
        Annotated[str, StringConstraints(pattern=_FORM)] | None,
        Header(
            alias=_NAME,
            description="Up to 128 letters, digits and `.:~+/=@_-`, with or without quotes; a new key for each "
            "request. Repeating a request with its key within 24 hours returns the outcome of the first.",
            examples=['"5a7ecb1d-7f2c-4a8e-9d54-1f0f9b6d2c11"'],
        ),
    ] = None,
) -> str | None:
    """The idempotency key of a request, without quotes. Raises `ValidationFailed` for more than one."""
    if len(request.headers.getlist(_NAME)) > 1:
        raise ValidationFailed(errors=[FieldError(_NAME, "The header is sent more than once.")])
    return key and key.strip('"')


IdempotencyKey = Annotated[str | None, Depends(shown_idempotency_key)]


async def refuse_idempotency_key(request: Request) -> None:
    """Reject an idempotency key. Raises `IdempotencyNotOffered`."""
    if _NAME in request.headers:
        raise IdempotencyNotOffered


NO_IDEMPOTENCY = [Depends(refuse_idempotency_key)]
"""The dependencies of routes that return a secret."""


@dataclass
class IdempotentOperation:
    """One execution. ``outcome``: the id of the created object; set from the start if it was created earlier."""

    outcome: str | None = None


@asynccontextmanager
async def once(
    resources: Resources, account_id: str, key: str | None, operation: str, body: BaseModel, now: datetime
) -> AsyncIterator[IdempotentOperation]:
    """Execute an operation at most once per ``key`` of an account; without a key, execute it.

    Raises `IdempotencyKeyReused` and `IdempotencyInProgress`. If the process dies, the key is released a minute later.
    """
    if key is None:
        yield IdempotentOperation()
        return
    attempt = await resources.idempotency.begin(account_id, key, (operation, body.model_dump_json()), now)
    deed = IdempotentOperation(attempt.outcome)
    try:
        yield deed
    except Exception:
        if attempt.outcome is None:
            await resources.idempotency.release(attempt)
        raise
    if attempt.outcome is None:
        await (
            resources.idempotency.keep(attempt, deed.outcome)
            if deed.outcome
            else resources.idempotency.release(attempt)
        )
