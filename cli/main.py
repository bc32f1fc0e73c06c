"""The `releve` command.

Owns the names, options and help of the commands. Must never implement a command, and must never import its code before
the command is called: `releve --help` is immediate.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.admin import commands as admin
from cli.user import commands

app = typer.Typer(
    name="releve",
    help="Relève: the gateway through which people in France reach their own electricity data.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would show secrets.
    pretty_exceptions_enable=False,
)

_RUNNING = "Running a gateway"

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 for any free one.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"releve {version('releve')}")
        raise typer.Exit


@app.callback()
def releve(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options of the command itself."""


@app.command(rich_help_panel=_RUNNING)
def up(
    data_dir: Annotated[Path, typer.Option(help="Directory for all persistent data.")] = Path("var"),
    host: Host = "127.0.0.1",
    port: Port = 8000,
    flower_port: Port = 5555,
    simulator_port: Port = 8001,
    output: Annotated[Literal["people", "json"], typer.Option(help="json: one event per line.")] = "people",
    reload: Annotated[bool, typer.Option(help="Restart API and workers when a source file changes.")] = False,
    while_stdin_open: Annotated[bool, typer.Option(help="Stop when standard input, a pipe, is closed.")] = False,
) -> None:
    """Run everything on this machine until Ctrl-C."""
    from cli.up.command import UpOptions, run_up

    options = UpOptions(data_dir, host, port, flower_port, simulator_port, output, reload, while_stdin_open)
    raise typer.Exit(run_up(options, os.environ))


@app.command(rich_help_panel=_RUNNING)
def api(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the HTTP API."""
    from cli.services import serve_api

    serve_api(host, port)


@app.command(rich_help_panel=_RUNNING)
def worker(
    lane: Annotated[Literal["interactive", "bulk", "webhooks"], typer.Option(help="The queue to work on.")],
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls, or deliveries, at the same time.")] = None,
) -> None:
    """Work on the calls of one lane, or deliver webhooks."""
    from cli.services import run_worker

    run_worker(lane, concurrency)


@app.command(rich_help_panel=_RUNNING)
def beat() -> None:
    """Send the scheduled tasks: the nightly refresh, the sweeper."""
    from cli.services import run_beat

    run_beat()


@app.command(rich_help_panel=_RUNNING)
def flower(host: Host = "127.0.0.1", port: Port = 5555) -> None:
    """Serve the dashboard of the queue, with the login FLOWER_USER and FLOWER_PASSWORD."""
    from cli.services import run_flower

    run_flower(host, port)


@app.command(rich_help_panel=_RUNNING)
def simulator(host: Host = "127.0.0.1", port: Port = 8001) -> None:
    """Serve a simulated Enedis, configured by the SIMULATOR_… variables."""
    from cli.services import serve_simulator

    serve_simulator(host, port)


@app.command(rich_help_panel=_RUNNING)
def migrate() -> None:
    """Upgrade the database to the newest schema."""
    from cli.services import migrate as migrate_database

    migrate_database()


@app.command(rich_help_panel=_RUNNING)
def openapi(
    contract: Annotated[
        Literal["myelectricaldata", "conso"] | None,
        typer.Option(help="Only the endpoints for clients of that other gateway."),
    ] = None,
) -> None:
    """Print the API's OpenAPI document."""
    from cli.services import print_openapi

    print_openapi(contract)


@app.command(rich_help_panel=_RUNNING)
def demo() -> None:
    """Run a complete Relève on this machine as a demonstration; leaves nothing behind."""
    from cli.demo.run import run_demo

    raise typer.Exit(run_demo())


app.add_typer(admin.app, name="admin", rich_help_panel=_RUNNING)
# No group name: the user commands are on the same level as `up`.
app.add_typer(commands.app)


def main() -> None:
    """The entry point of the console command."""
    app()


if __name__ == "__main__":
    main()
