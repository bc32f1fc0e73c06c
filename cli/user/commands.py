"""The commands for people: names, options, help. Each loads what it needs when it is called.

Owns how a command ends: a failure is one line on standard error and its status, never a traceback.
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

_PANEL = "For people"

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Its name; `releve datasets` lists them.")]
PointName = Annotated[
    str | None, typer.Option("--point", help="Of several usage points, the one of that label or last digits.")
]
From = Annotated[str | None, typer.Option("--from", "--since", metavar="DAY", help="First day: 2026-10-25.")]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Day after the last one; today if left out.")]
Last = Annotated[str | None, typer.Option(metavar="SPAN", help="Up to yesterday: 30d, 4w, 6m, 2y.")]
On = Annotated[str | None, typer.Option(metavar="WHEN", help="A day, a month or a year: 2026-10-25, 2026-10, 2026.")]
Resolution = Annotated[
    Literal["hour", "day", "week", "month"] | None, typer.Option(help="Add up; what fits the screen if left out.")
]
ExportResolution = Annotated[Literal["hour", "day", "week", "month"] | None, typer.Option(help="Add up.")]
Unit = Annotated[Literal["Wh", "kWh", "W"] | None, typer.Option(help="In this unit.")]
Full = Annotated[bool, typer.Option("--full", help="Show all digits of usage points, not the last four.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Job = Annotated[str, typer.Argument(metavar="JOB", help="Its id: job_….")]


@app.command(rich_help_panel=_PANEL)
def login(
    url: Annotated[
        str | None, typer.Option(help="Address of the gateway.", show_default="http://127.0.0.1:8000")
    ] = None,
    register: Annotated[bool, typer.Option("--register", help="Make a new account there.")] = False,
    key_stdin: Annotated[bool, typer.Option("--key-stdin", help="Read the key from standard input.")] = False,
    invitation_stdin: Annotated[
        bool, typer.Option("--invitation-stdin", help="With --register: read the invitation's code from there.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Forget the key that is stored here now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Log in to a gateway with an API key, or make an account there."""
    from cli.user.login import LoginWish, log_in

    wish = LoginWish(url, register, key_stdin, invitation_stdin, replace)
    _run(lambda screen: log_in(screen, os.environ, wish), as_json=as_json)


@app.command(rich_help_panel=_PANEL)
def logout(yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False) -> None:
    """Forget the key on this machine."""
    from cli.user.login import log_out

    _run(lambda screen: log_out(screen, os.environ, is_sure=yes))


@app.command(rich_help_panel=_PANEL)
def whoami(as_json: AsJson = False) -> None:
    """Say which account this is, and where."""
    from cli.user.account import print_identity

    _run(print_identity, as_json=as_json)


@app.command(rich_help_panel=_PANEL)
def status(full: Full = False, as_json: AsJson = False) -> None:
    """Show account, quotas, usage points, consents, and how fresh everything is."""
    from cli.user.account import print_status

    _run(print_status, as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def datasets(as_json: AsJson = False) -> None:
    """List what can be asked for."""
    from cli.user.account import print_datasets

    _run(print_datasets, as_json=as_json)


@app.command(rich_help_panel=_PANEL)
def tempo(as_json: AsJson = False) -> None:
    """Show the Tempo colours of today and tomorrow, and what is left of the season."""
    from cli.user.tempo import print_tempo

    _run(print_tempo, as_json=as_json)


@app.command(rich_help_panel=_PANEL)
def consent(
    usage_point: Annotated[
        str | None, typer.Option(metavar="DIGITS", help="Expect this meter (14 digits), and refuse another.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="What you call it.")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Though there is an active consent.")] = False,
    prove: Annotated[
        bool, typer.Option("--prove", help="Somebody else here holds it too: asks for facts of your bill.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Let the holder of a meter say yes on Enedis's page, and wait for it."""
    from cli.user.consent import ConsentWish, ask_consent

    wish = ConsentWish(usage_point, renew, prove, label, browser)
    _run(lambda screen: ask_consent(screen, wish), as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def fetch(
    dataset: Dataset,
    point: PointName = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    on: On = None,
    wait: Annotated[bool, typer.Option(help="Stay until it is done.")] = True,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Have what is missing fetched from Enedis; 30 days if none are named."""
    from cli.user.fetch import fetch as fetch_data

    words = _words(start, end, last, on)
    _run(lambda screen: fetch_data(screen, dataset, point, words, waits=wait), as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def cancel(job: Job, full: Full = False, as_json: AsJson = False) -> None:
    """End a job; what it has stored stays."""
    from cli.user.fetch import cancel as cancel_job

    _run(lambda screen: cancel_job(screen, job), as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def watch(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="Only this one, until it ends.")] = None,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Follow jobs and everything else that happens, until Ctrl-C."""
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
    """Draw what is stored: days as bars, a load curve hour by hour."""
    from cli.user.show import View
    from cli.user.show import show as show_data

    words, view = _words(start, end, last, on), View(resolution, unit, table)
    _run(lambda screen: show_data(screen, dataset, point, words, view), as_json=as_json, is_full=full)


@app.command(rich_help_panel=_PANEL)
def export(
    dataset: Annotated[str | None, typer.Argument(metavar="[DATASET]", help="Its name.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is held about the account, as a zip.")] = False,
    point: PointName = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    on: On = None,
    form: Annotated[
        Literal["csv", "json", "ndjson", "parquet"] | None,
        typer.Option("--format", help="As the file's name ends, or csv."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file, or - for standard output.")] = None,
    resolution: ExportResolution = None,
    unit: Unit = None,
) -> None:
    """Write stored readings into a file; all days if none are named."""
    from cli.user.export import ExportWish
    from cli.user.export import export as export_data

    wish = ExportWish(dataset, point, _words(start, end, last, on), form, output, resolution, unit, everything)
    _run(lambda screen: export_data(screen, wish))


def _words(start: str | None, end: str | None, last: str | None, on: str | None) -> "PeriodWords":
    from cli.user.periods import PeriodWords

    return PeriodWords(start, end, last, on)


def _run(work: "Callable[[Screen], int | None]", *, as_json: bool = False, is_full: bool = False) -> None:
    """Do a command's work and end with its status."""
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
