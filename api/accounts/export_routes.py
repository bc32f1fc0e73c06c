"""The export: all stored data of the account in one zip file."""

from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.accounts.export import stream_export
from api.http.dependencies import Manager, Now, ResourcesDep, refuse_too_many
from api.http.headers import file_name
from api.http.problems import KEY_REFUSALS, documented
from shared.accounts.api_keys import Scope
from shared.accounts.rate_limiter import Rate
from shared.core.errors import Forbidden, NotFound, ServiceUnavailable, TooManyRequests, Unauthenticated

router = APIRouter(tags=["accounts"])

# An export of ten years takes minutes of CPU time.
_RATE = Rate(6, timedelta(hours=1))


@router.get(
    "/v1/account/export",
    operation_id="export_account",
    summary="Export all data of the account as a zip file",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The zip file.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            "headers": file_name("Suggested file name.", "releve-export-2026-10-01.zip"),
        },
        **documented(*KEY_REFUSALS, Forbidden, TooManyRequests, ServiceUnavailable),
    },
)
async def export_account(resources: ResourcesDep, caller: Manager, now: Now) -> StreamingResponse:
    """Requires a key with the scopes `read` and `manage`, which decrypts the readings. The zip file is streamed and is
    not encrypted. Its README describes each file."""
    caller.require(Scope.READ)
    await refuse_too_many(resources, "export", caller.account.id, _RATE, now)
    try:
        await resources.audit.note(caller.account.id, now, caller.key.id, "export.made")
    except NotFound:
        # Deleted by a concurrent request.
        raise Unauthenticated from None
    headers = {
        "Content-Disposition": f'attachment; filename="releve-export-{now:%Y-%m-%d}.zip"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(stream_export(resources, caller, now), headers=headers, media_type="application/zip")
