"""The outcomes of chaos runs as tables."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from rich.console import Console
from rich.table import Table

from bench.chaos import run_scenario
from bench.chaos_judge import Outcome
from bench.chaos_scenarios import SCENARIOS


def measure_chaos(names: Sequence[str], times: int | None, seed: int) -> bool:
    """Run chaos scenarios and print the results; returns whether all passed. ``times``: number of injections per
    scenario, if not the default."""
    console = Console(width=200)
    # Two at once: a scenario spends much of its time waiting for a process to start or an outage to end.
    with ThreadPoolExecutor(2) as pool:
        played = {name: pool.submit(run_scenario, SCENARIOS[name], times, seed) for name in names}
        for each in as_completed(played.values()):
            if each.exception() is None:
                console.print(f"played to its end: {each.result().scenario}, {each.result().seconds:.0f} s")
    failures = {name: failure for name, each in played.items() if (failure := each.exception())}
    outcomes = [each.result() for name, each in played.items() if name not in failures]
    for table in chaos_tables_of(outcomes):
        console.print(table)
    for outcome in outcomes:
        for line in outcome.notes[:20]:
            console.print(f"{outcome.scenario}: {line}", markup=False)
    for name, failure in failures.items():
        console.print(f"{name} could not be played to its end: {failure}", markup=False)
    return not failures and not any(any(outcome.violations.values()) for outcome in outcomes)


def chaos_tables_of(outcomes: Sequence[Outcome]) -> Iterator[Table]:
    """The injections of each scenario, and the counters that must be zero; empty without scenarios."""
    if not outcomes:
        return
    yield _figures(outcomes)
    yield _recoveries(outcomes)
    yield _violations(outcomes)


def _figures(outcomes: Sequence[Outcome]) -> Table:
    columns = (
        "befallen",
        "calls in flight",
        "jobs",
        "days",
        "calls planned",
        "calls made",
        "repeated",
        "at most",
        "stuck",
        "lost",
        "settled twice",
        "most a second",
        "longest recovery, s",
        "seconds",
    )
    table = Table("scenario", *columns, title="chaos: what happened, and what became of the work")
    for column in table.columns[1:]:
        column.justify = "right"
    for each in outcomes:
        table.add_row(
            each.scenario,
            f"{each.injections:,}",
            f"{each.in_air:,}",
            f"{each.jobs:,}",
            f"{each.days:,}",
            f"{each.calls_planned:,}",
            f"{each.calls_made:,}",
            f"{each.repeated:,}",
            f"{each.repeats_allowed:,}",
            f"{each.stuck:,}",
            f"{each.days_lost:,}",
            f"{each.settled_twice:,}",
            f"{each.most_in_a_second:,}",
            f"{each.longest_recovery_seconds:.1f}",
            f"{each.seconds:.0f}",
        )
    return table


def _recoveries(outcomes: Sequence[Outcome]) -> Table:
    """From the end of the outage (immediately, for a worker) until all calls in progress are completed."""
    table = Table("scenario", "what happened", "longest recovery, s", title="chaos: until what was in hand was done")
    table.columns[2].justify = "right"
    for each in outcomes:
        for what, seconds in each.recoveries.items():
            table.add_row(each.scenario, what, f"{seconds:.1f}")
    return table


def _violations(outcomes: Sequence[Outcome]) -> Table:
    table = Table("must be zero", *(each.scenario for each in outcomes), title="chaos: promises")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in outcomes[0].violations:
        table.add_row(name.replace("_", " "), *(f"{each.violations[name]:,}" for each in outcomes))
    return table
