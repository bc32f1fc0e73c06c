"""`releve admin`: manual operations for operators. Each command opens the resources, runs and exits."""

import asyncio
from typing import Annotated

import typer

app = typer.Typer(help="For operators.", no_args_is_help=True)

AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id: acct_….")]
ConsentId = Annotated[str, typer.Argument(metavar="CONSENT", help="Its id: cons_….")]


@app.callback()
def admin() -> None:
    """For operators."""


@app.command()
def refresh(
    now: Annotated[bool, typer.Option("--now", help="Plan the nightly refresh at once.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Show the progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable: the status as one JSON object.")] = False,
) -> None:
    """Fetch missing data up to yesterday for every usage point with an active consent; or show the progress."""
    if status:
        from cli.admin.actions import run
        from cli.admin.refresh_status import print_status

        run(lambda resources: print_status(resources, as_json=as_json))
        return
    if not now:
        raise typer.BadParameter(
            "the refresh runs automatically every morning; use --now to run it at once, --status to show its progress"
        )
    typer.echo(f"{asyncio.run(_refresh())} jobs planned; the bulk workers execute them")


@app.command("check-enedis")
def check_enedis(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable: one JSON object.")] = False,
) -> None:
    """Check whether this gateway can connect to Enedis: credentials, token, APIs, addresses. Prints no secret."""
    from cli.admin.enedis_check import run_check

    raise typer.Exit(run_check(as_json=as_json))


@app.command()
def accounts() -> None:
    """List the accounts: ids and figures."""
    from cli.admin.actions import print_accounts, run

    run(print_accounts)


@app.command()
def suspend(account_id: AccountId) -> None:
    """Reject all keys of this account and fetch nothing for it; stored data is kept."""
    from cli.admin import actions as administration

    administration.run(lambda resources: administration.suspend(resources, account_id, suspended=True))


@app.command()
def resume(account_id: AccountId) -> None:
    """End the suspension of an account."""
    from cli.admin import actions as administration

    administration.run(lambda resources: administration.suspend(resources, account_id, suspended=False))


@app.command()
def recover(
    account_id: AccountId,
    yes: Annotated[bool, typer.Option("--yes", help="Delete all stored data of this account.")] = False,
) -> None:
    """Create a new key for an account whose last key is lost: its readings are deleted and fetched again."""
    from cli.admin import actions as administration

    if not yes:
        raise typer.BadParameter("stored data will be deleted: confirm with --yes")
    administration.run(lambda resources: administration.recover(resources, account_id))


@app.command()
def invite(days: Annotated[int, typer.Option(min=1, max=90, help="Days until it expires.")] = 7) -> None:
    """Print a code to create one account where registration is by invitation."""
    from cli.admin import actions as administration

    administration.run(lambda resources: administration.invite(resources, days))


@app.command()
def calls() -> None:
    """List the calls to Enedis that were given up, newest first, with the reason."""
    from cli.admin.actions import print_dead_calls, run

    run(print_dead_calls)


@app.command()
def awaiting() -> None:
    """List the consents that await approval: another account holds their usage point."""
    from cli.admin.actions import print_awaiting, run

    run(print_awaiting)


@app.command()
def approve(consent_id: ConsentId) -> None:
    """Approve a pending consent: its account gets access to the usage point too."""
    from cli.admin import actions as administration

    administration.run(lambda resources: administration.approve(resources, consent_id))


@app.command()
def deny(consent_id: ConsentId) -> None:
    """Deny a pending consent."""
    from cli.admin import actions as administration

    administration.run(lambda resources: administration.deny(resources, consent_id))


@app.command()
def audit(chain: Annotated[str, typer.Argument(help="`admin`, or an account's id.")] = "admin") -> None:
    """Print the audit events, newest first, and verify that none was changed or removed."""
    from cli.admin import actions as administration

    administration.run(lambda resources: administration.print_audit(resources, chain))


@app.command("rotate-secret")
def rotate_secret(
    forget_readings: Annotated[
        bool, typer.Option("--forget-readings", help="Delete readings whose encryption depends on an earlier secret.")
    ] = False,
) -> None:
    """Re-encrypt data of earlier RELEVE_SECRET_KEY values with the current one, while the gateway runs."""
    from cli.admin import actions as administration

    administration.run(lambda resources: administration.rotate_secret(resources, forget_readings=forget_readings))


@app.command("check-secrets")
def check_secrets() -> None:
    """Count how much depends on each current and earlier value of RELEVE_SECRET_KEY."""
    from cli.admin.actions import check_secrets as check
    from cli.admin.actions import run

    run(check)


async def _refresh() -> int:
    from cli.services import settings_or_end
    from shared.resources import open_resources
    from workers.refresh import refresh as plan_refresh

    async with open_resources(settings_or_end()) as resources:
        return await plan_refresh(resources)
