"""`releve admin`: what an operator does by hand. Each command composes the parts and ends."""

import asyncio
from typing import Annotated

import typer

app = typer.Typer(help="For operators.", no_args_is_help=True)


@app.callback()
def admin() -> None:
    """For operators."""


@app.command()
def refresh(now: Annotated[bool, typer.Option("--now", help="Plan the nightly refresh at once.")] = False) -> None:
    """Fetch what is missing up to yesterday, for every usage point with an active consent."""
    if not now:
        raise typer.BadParameter("the refresh runs by itself every morning; say --now to run it at once")
    typer.echo(f"{asyncio.run(_refresh())} jobs planned; the bulk workers do them")


@app.command("check-enedis")
def check_enedis(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Try whether this gateway can speak to Enedis: credentials, token, APIs, addresses. Prints no secret."""
    from cli.enedis_check import run_check

    raise typer.Exit(run_check(as_json=as_json))


async def _refresh() -> int:
    from cli.services import settings_or_end
    from shared.resources import open_resources
    from workers.refresh import refresh as plan_refresh

    async with open_resources(settings_or_end()) as resources:
        return await plan_refresh(resources)
