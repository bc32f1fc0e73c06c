"""`python -m bench`: Relève's benchmarks. Each command starts its own real gateway if it needs one.

Owns the names and options of the benchmarks. Each one's code is imported when it is called.
"""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

app = typer.Typer(
    help="Measure Relève on this machine.", no_args_is_help=False, add_completion=False, pretty_exceptions_enable=False
)
Record = Annotated[bool, typer.Option("--record", help="Add a line to bench/history.")]


@app.callback(invoke_without_command=True)
def everyday(context: typer.Context) -> None:
    """Without a command: run `speed`."""
    if context.invoked_subcommand is None:
        speed()


@app.command()
def speed(record: Record = False) -> None:
    """Speed of encryption, fetching and reading."""
    from bench.speed import measure_speed

    _show(measure_speed(), record)


@app.command()
def logins(record: Record = False) -> None:
    """Time to authenticate a key among a thousand accounts, and among a million."""
    from bench.logins import measure_logins

    _show(measure_logins(), record)


@app.command()
def listeners(record: Record = False) -> None:
    """Cost of a thousand event listeners for one API process."""
    from bench.listeners import measure_listeners

    _show(measure_listeners(), record)


@app.command()
def sharing(record: Record = False) -> None:
    """Provider calls of concurrent clients that request overlapping data."""
    from bench.sharing import measure_sharing
    from bench.speed import WIDE, settled_end

    _show(measure_sharing(WIDE, settled_end()), record)


@app.command()
def formats(record: Record = False) -> None:
    """Time and memory to read a year and ten years in each format."""
    from bench.reading_formats import measure_formats

    _show(measure_formats(), record)


@app.command()
def exports(record: Record = False) -> None:
    """Time and memory to export a whole account of one year and of ten."""
    from bench.export import measure_exports

    _show(measure_exports(), record)


@app.command()
def capacity(
    active: Annotated[list[float] | None, typer.Option(help="A mix, as the share of points read every day.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a plot (SVG) to this file.")] = None,
    record: Record = False,
) -> None:
    """The number of usage points that one application's quota serves, on a virtual clock."""
    from bench.capacity import MIXES, figures_of, measure
    from bench.capacity_report import tables_of, write_plot

    found = measure()
    for table in tables_of(found, active or MIXES):
        Console().print(table)
    if plot:
        write_plot(found, plot)
    _show(figures_of(found), record)


@app.command()
def pacing(
    seconds: Annotated[float | None, typer.Option(help="Duration of each run.")] = None,
    hour: Annotated[bool, typer.Option("--hour", help="Run for more than an hour, with the real limits.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the table to this file.")] = None,
) -> None:
    """The used share of Enedis's quota, and that it is never exceeded."""
    from bench.pacing import measure_pacing

    _judge(measure_pacing(seconds, is_hour=hour, out=out))


@app.command()
def webhooks() -> None:
    """That failing webhook receivers do not delay others, and how their deliveries end."""
    from bench.webhooks import measure_webhooks

    _judge(measure_webhooks())


@app.command()
def faults() -> None:
    """Data integrity under every known failure of Enedis."""
    from bench.fault_tables import measure_faults

    _judge(measure_faults())


@app.command()
def chaos(
    scenario: Annotated[list[str] | None, typer.Option(help="Only this scenario.")] = None,
    times: Annotated[int | None, typer.Option(help="Number of injections per scenario.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed for times and amounts.")] = None,
) -> None:
    """Job integrity when processes are killed and the broker is unavailable."""
    from bench.chaos import SEED
    from bench.chaos_scenarios import SCENARIOS
    from bench.chaos_tables import measure_chaos

    names = scenario or list(SCENARIOS)
    if unknown := set(names) - set(SCENARIOS):
        raise typer.BadParameter(f"unknown: {', '.join(sorted(unknown))}; available: {', '.join(SCENARIOS)}")
    _judge(measure_chaos(names, times, SEED if seed is None else seed))


@app.command()
def fuzz(
    examples: Annotated[int, typer.Option(min=1, help="Generated cases per route.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed for the generated cases.")] = 1,
) -> None:
    """Whether every route's responses to arbitrary requests match its OpenAPI description."""
    from bench.fuzz import Fuzzed, fuzz_own_gateway

    with tempfile.TemporaryDirectory(prefix="releve-fuzz-") as directory:
        found: Fuzzed = fuzz_own_gateway(Path(directory), examples=examples, seed=seed)
    if found.failures:
        Console(width=160).print(found.failures, markup=False)
    _show(
        {
            "operations": found.operations,
            "cases": found.cases,
            "server errors": found.server_errors,
            "undocumented answers": found.undocumented,
            **{f"answers {status}": times for status, times in found.statuses.items()},
        },
        is_recorded=False,
    )
    _judge(not found.failures)


def _show(figures: dict[str, Any], is_recorded: bool) -> None:
    from bench.figures import HISTORY, record, table_of

    Console().print(table_of(figures))
    if is_recorded:
        record(figures, HISTORY)


def _judge(is_well: bool) -> None:
    raise typer.Exit(0 if is_well else 1)


if __name__ == "__main__":
    app()
