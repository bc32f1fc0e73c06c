"""The user commands: names, options, help. Each imports what it needs when it is called.

Owns the exit of a command: a failure is one line on standard error and a status, never a traceback.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from cli.user.periods import PeriodWords
    from cli.user.screen import Screen

app = typer.Typer()

_PANEL = "Electricity data"

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Its name; `releve datasets` lists them.")]
PointName = Annotated[
    str | None, typer.Option("--point", help="Which of several usage points: its label or last digits.")
]
From = Annotated[str | None, typer.Option("--from", "--since", metavar="DAY", help="First day: 2026-10-25.")]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Day after the last one; default: today.")]
Last = Annotated[str | None, typer.Option(metavar="SPAN", help="Up to yesterday: 30d, 4w, 6m, 2y.")]
On = Annotated[str | None, typer.Option(metavar="WHEN", help="A day, a month or a year: 2026-10-25, 2026-10, 2026.")]
Resolution = Annotated[
    Literal["hour", "day", "week", "month"] | None, typer.Option(help="Aggregate; default: what fits the screen.")
]
ExportResolution = Annotated[Literal["hour", "day", "week", "month"] | None, typer.Option(help="Aggregate.")]
Unit = Annotated[Literal["Wh", "kWh", "W"] | None, typer.Option(help="In this unit.")]
Full = Annotated[bool, typer.Option("--full", help="Show all digits of usage points, not the last four.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Job = Annotated[str, typer.Argument(metavar="JOB", help="Its id: job_….")]


@app.command(rich_help_panel=_PANEL)
def login(
    url: Annotated[
        str | None, typer.Option(help="Address of the gateway.", show_default="http://127.0.0.1:8000")
    ] = None,
    register: Annotated[bool, typer.Option("--register", help="Create a new account.")] = False,
    key_stdin: Annotated[bool, typer.Option("--key-stdin", help="Read the key from standard input.")] = False,
    invitation_stdin: Annotated[
        bool, typer.Option("--invitation-stdin", help="With --register: read the invitation code from standard input.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite the key stored on this machine.")] = False,
    as_json: AsJson = False,
) -> None:
    """Log in to a gateway with an API key, or create an account."""
    from cli.user.login import LoginOptions, log_in

    options = LoginOptions(url, register, key_stdin, invitation_stdin, replace)
    _run(lambda screen: log_in(screen, os.environ, options), as_json=as_json)


@app.command(rich_help_panel=_PANEL)
def logout(yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False) -> None:
    """Delete the key from this machine."""
    from cli.user.login import log_out

    _run(lambda screen: log_out(screen, os.environ, is_sure=yes))


@app.command(rich_help_panel=_PANEL)
def whoami(as_json: AsJson = False) -> None:
    """Show the current account and its gateway."""
    from cli.user.account import print_identity

    _run(print_identity, as_json=as_json)


@app.command(rich_help_panel=_PANEL)
def status(full: Full = False, as_json: AsJson = False) -> None:
    """Show the account, its quotas, usage points and consents, and the freshness of its data."""
    from cli.user.account import print_status

    _run(print_status, as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def datasets(as_json: AsJson = False) -> None:
    """List the available datasets."""
    from cli.user.account import print_datasets

    _run(print_datasets, as_json=as_json)


@app.command(rich_help_panel=_PANEL)
def tempo(as_json: AsJson = False) -> None:
    """Show the Tempo colours of today and tomorrow, and the remaining days of the season."""
    from cli.user.tempo import print_tempo

    _run(print_tempo, as_json=as_json)


@app.command(rich_help_panel=_PANEL)
def consent(
    usage_point: Annotated[
        str | None, typer.Option(metavar="DIGITS", help="Accept only this usage point (14 digits).")
    ] = None,
    label: Annotated[str | None, typer.Option(help="A name for it.")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Even if there is an active consent.")] = False,
    prove: Annotated[
        bool, typer.Option("--prove", help="If another account holds the usage point: asks for facts from your bill.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Request the consent of a meter's holder on Enedis's page, and wait for it."""
    from cli.user.consent import ConsentOptions, ask_consent

    options = ConsentOptions(usage_point, renew, prove, label, browser)
    _run(lambda screen: ask_consent(screen, options), as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def fetch(
    dataset: Dataset,
    point: PointName = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    on: On = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is done.")] = True,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Fetch missing data from Enedis; default: 30 days."""
    from cli.user.fetch import fetch as fetch_data

    words = _words(start, end, last, on)
    _run(lambda screen: fetch_data(screen, dataset, point, words, waits=wait), as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def cancel(job: Job, full: Full = False, as_json: AsJson = False) -> None:
    """Cancel a job; data that it has stored is kept."""
    from cli.user.fetch import cancel as cancel_job

    _run(lambda screen: cancel_job(screen, job), as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def watch(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="Only this job, until it ends.")] = None,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Follow jobs and all other events, until Ctrl-C."""
    from cli.user.watch import watch as watch_events

    _run(lambda screen: watch_events(screen, job), as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def show(
    dataset: Dataset,
    point: PointName = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    on: On = None,
    resolution: Resolution = None,
    unit: Unit = None,
    table: Annotated[bool, typer.Option("--table", help="Numbers instead of a chart.")] = False,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Show stored data as a chart: days as bars, a load curve hour by hour."""
    from cli.user.show import View
    from cli.user.show import show as show_data

    words, view = _words(start, end, last, on), View(resolution, unit, table)
    _run(lambda screen: show_data(screen, dataset, point, words, view), as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def export(
    dataset: Annotated[str | None, typer.Argument(metavar="[DATASET]", help="Its name.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All data of the account, as a zip.")] = False,
    point: PointName = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    on: On = None,
    form: Annotated[
        Literal["csv", "json", "ndjson", "parquet"] | None,
        typer.Option("--format", help="Default: from the file's extension, else csv."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file, or - for standard output.")] = None,
    resolution: ExportResolution = None,
    unit: Unit = None,
) -> None:
    """Write stored readings to a file; default: all days."""
    from cli.user.export import ExportOptions
    from cli.user.export import export as export_data

    options = ExportOptions(dataset, point, _words(start, end, last, on), form, output, resolution, unit, everything)
    _run(lambda screen: export_data(screen, options))


def _words(start: str | None, end: str | None, last: str | None, on: str | None) -> "PeriodWords":
    from cli.user.periods import PeriodWords

    return PeriodWords(start, end, last, on)


def _run(work: "Callable[[Screen], int | None]", *, as_json: bool = False, is_full: bool = False) -> None:
    """Run a command and exit with its status."""
    from cli.user.failures import Failure
    from cli.user.screen import Screen

    screen = Screen(as_json, is_full)
    try:
        raise typer.Exit(work(screen) or 0)
    except Failure as failure:
        screen.err.print(f"releve: {failure}", soft_wrap=True)
        raise typer.Exit(failure.status) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
