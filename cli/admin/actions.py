"""The `releve admin` commands: the operations of `/v1/admin`, for operators with a shell on the gateway.

Each opens the resources, performs one operation and closes them. Must never print a reading or a usage point number.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import orjson
import typer

from cli.services import settings_or_end
from shared.core.errors import AppError
from shared.resources import Resources, open_resources
from shared.storage.audit_log import ADMIN

Result = TypeVar("Result")
_PAGE = 500


def run(work: Callable[[Resources], Awaitable[Result]]) -> Result:
    """Run ``work`` with open resources; ends with a message and status 1 when it is refused."""

    async def done() -> Result:
        async with open_resources(settings_or_end()) as resources:
            return await work(resources)

    try:
        return asyncio.run(done())
    except AppError as error:
        raise SystemExit(f"releve: {error.detail}") from None


async def invite(resources: Resources, days: int) -> None:
    """Print a new invitation."""
    invitation, code = await resources.invitations.create_invitation(_now(), timedelta(days=days))
    typer.echo(f"{code}\n{invitation.id}, valid for one account until {_text(invitation.expires_at)}; not shown again")


async def print_accounts(resources: Resources) -> None:
    """Print every account, one per line."""
    after = ""
    while page := await resources.administration.list_accounts(after, _PAGE):
        for each in page:
            state = f"suspended since {_text(each.suspended_at)}" if each.suspended_at else "active"
            figures = f"{each.usage_point_count} usage points, {each.key_count} keys"
            typer.echo(f"{each.id}  since {_text(each.created_at)}  {figures}  {state}")
        after = page[-1].id


async def suspend(resources: Resources, account_id: str, *, suspended: bool) -> None:
    """Suspend or resume an account."""
    await resources.administration.change_account(account_id, _now(), suspended=suspended, quotas={})


async def recover(resources: Resources, account_id: str) -> None:
    """Print a new key for an account whose keys are lost."""
    key, api_key = await resources.recovery.recover(account_id, _now())
    typer.echo(f"{api_key}\n{key.id}, the only key of {account_id}; not shown again")


async def print_awaiting(resources: Resources) -> None:
    """Print the consents that await approval, one per line."""
    after = ""
    while page := await resources.consents.list_awaiting(after, _PAGE):
        for each in page:
            typer.echo(f"{each.id}  of {each.account_id}  since {_text(each.taken_at or each.created_at)}")
        after = page[-1].id


async def print_dead_calls(resources: Resources) -> None:
    """Print the calls that were given up, newest first, one per line."""
    after = None
    while page := await resources.dead_letters.list_calls(after, _PAGE, _now()):
        for each in page:
            why = f"{each.code} ({each.upstream_code})" if each.upstream_code else each.code
            asked = f"{each.dataset} {each.days.start} to {each.days.end}"
            typer.echo(f"{_text(each.at)}  {each.job_id} of {each.account_id}  {asked}  {why}, attempt {each.attempts}")
        after = page[-1].id


async def approve(resources: Resources, consent_id: str) -> None:
    """Approve a consent for exchange."""
    await resources.consents.approve(consent_id, ADMIN, _now())
    await resources.task_queue.enqueue_consent(consent_id)


async def deny(resources: Resources, consent_id: str) -> None:
    """Deny a consent."""
    await resources.consents.deny(consent_id, ADMIN, _now())


async def print_audit(resources: Resources, chain: str) -> None:
    """Print an audit chain, newest first, and the position of a break, if any."""
    before = None
    while page := await resources.audit.load_events(chain, before, _PAGE):
        for each in page:
            details = orjson.dumps(dict(each.details)).decode()
            typer.echo(f"{each.number}  {_text(each.at)}  {each.actor}  {each.action}  {details}")
        before = page[-1].number
    broken_at = await resources.audit.find_break(chain)
    typer.echo("the chain is intact" if broken_at is None else f"the chain is broken at event {broken_at}")


async def rotate_secret(resources: Resources, *, forget_readings: bool) -> None:
    """Re-encrypt everything in SQL with the current secret; print what still needs another one."""
    from cli.admin.secret_report import describe
    from shared.lifecycle.secret_rotation import SecretRotation

    rotation = SecretRotation(resources.database, resources.server, resources.readings)
    typer.echo(f"{await rotation.rotate(_now())} rows re-encrypted with the current secret {resources.server.key_id}")
    if forget_readings:
        typer.echo(f"{await rotation.forget_readings()} windows deleted; they are fetched again")
    _print(describe(await rotation.count_use()))


async def check_secrets(resources: Resources) -> None:
    """Print how much depends on each server secret."""
    from cli.admin.secret_report import describe
    from shared.lifecycle.secret_rotation import SecretRotation

    _print(describe(await SecretRotation(resources.database, resources.server, resources.readings).count_use()))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="minutes").replace("+00:00", "Z")


def _now() -> datetime:
    return datetime.now(UTC)
