"""`Idempotency-Key`: a client that does not know whether its request arrived sends it again, and it is done once.

Only what was done is remembered, and of it only its id: a request that is refused leaves its key free. Where an answer
holds a secret that is shown once, it can't be given twice, and such a key is refused.
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
# A string of structured fields, as the draft has it, or the same without its quotes, as most clients send it.
_FORM = r'^("[A-Za-z0-9_.:~+/=@-]{1,128}"|[A-Za-z0-9_.:~+/=@-]{1,128})$'

REPLAYED = "Idempotency-Replayed"
REPLAYED_HEADER = {
    REPLAYED: {
        "description": "`true`: a request with this `Idempotency-Key` did it before; nothing was done or counted now.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}


async def shown_idempotency_key(
    request: Request,
    key: Annotated[
        Annotated[str, StringConstraints(pattern=_FORM)] | None,
        Header(
            alias=_NAME,
            description="Up to 128 letters, digits and `.:~+/=@_-`, in quotes or not; made anew for each request. "
            "Repeated with the same request within 24 hours, it gives the outcome of the first.",
            examples=['"5a7ecb1d-7f2c-4a8e-9d54-1f0f9b6d2c11"'],
        ),
    ] = None,
) -> str | None:
    """The key that a request shows, without its quotes. Raises `ValidationFailed` for more than one."""
    if len(request.headers.getlist(_NAME)) > 1:
        raise ValidationFailed(errors=[FieldError(_NAME, "There is more than one.")])
    return key and key.strip('"')


IdempotencyKey = Annotated[str | None, Depends(shown_idempotency_key)]


async def refuse_idempotency_key(request: Request) -> None:
    """Raises `IdempotencyNotOffered` for a request with such a key."""
    if _NAME in request.headers:
        raise IdempotencyNotOffered


NO_IDEMPOTENCY = [Depends(refuse_idempotency_key)]
"""What a route depends on whose answer holds a secret."""


@dataclass
class IdempotentOperation:
    """What a request does. ``outcome``: the id of what it made; when it is there from the start, it was made before."""

    outcome: str | None = None


@asynccontextmanager
async def once(
    resources: Resources, account_id: str, key: str | None, operation: str, body: BaseModel, now: datetime
) -> AsyncIterator[IdempotentOperation]:
    """Do something at most once for each ``key`` of an account; without a key, do it.

    Raises `IdempotencyKeyReused` and `IdempotencyInProgress`. Whoever is killed inside frees the key a minute later.
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
