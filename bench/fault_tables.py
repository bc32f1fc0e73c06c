"""The outcome of a run with faults as tables."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from rich.console import Console
from rich.table import Table

from bench.fault_orders import SHARE
from bench.faults import GENERATIONS, Group, Outcome, run_faults
from bench.truth import Verdict


def measure_faults() -> bool:
    """Run with every fault, once per generation, and print the outcome of the days; returns whether all passed."""
    console = Console(width=160)
    # Both at once: a run spends most of its time waiting for the next attempt.
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(run_faults, GENERATIONS))
    for outcome in outcomes:
        for table in tables_of(outcome):
            console.print(table)
        for line in outcome.unhandled:
            console.print(line, markup=False)
    # A fault that hit no call proves nothing.
    return not any(any(outcome.violations.values()) or outcome.never_met for outcome in outcomes)


def tables_of(outcome: Outcome) -> Iterator[Table]:
    """The faults of the calls, and the outcome of the days."""
    yield _faults(outcome)
    yield _days(outcome)
    yield _totals(outcome)


def _faults(outcome: Outcome) -> Table:
    title = f"{outcome.generation}: faults, each meant for {SHARE:.0%} of its group's calls"
    table = _table(title, "group", "fault", "calls of the group", "met by it", "share")
    for number, group in enumerate(outcome.groups, 1):
        for fault in group.faults:
            hits = group.hits[fault.name]
            share = f"{hits / group.calls:.1%}" if group.calls else "-"
            table.add_row(str(number), fault.name, f"{group.calls:,}", f"{hits:,}", share)
    return table


def _days(outcome: Outcome) -> Table:
    """One row per figure: there are more reasons than groups."""
    groups = outcome.groups
    columns = [f"group {number}" if group.faults else "spared" for number, group in enumerate(groups, 1)]
    table = _table(f"{outcome.generation}: days requested, of each dataset", "days", *columns, "all")

    def add(name: str, count: Callable[[Group], int]) -> None:
        counts = [count(group) for group in groups]
        table.add_row(name, *(f"{each:,}" for each in [*counts, sum(counts)]))

    add("requested", lambda group: group.verdicts.total())
    add("  of load curves", lambda group: group.curve_days)
    for verdict in Verdict:
        add(verdict.value, partial(_days_with, verdict))
    for reason in sorted({reason for group in groups for reason in group.reasons}):
        add(f"  missing: {reason}", partial(_days_missing_for, reason))
    return table


def _days_with(verdict: Verdict, group: Group) -> int:
    return group.verdicts[verdict]


def _days_missing_for(reason: str, group: Group) -> int:
    return group.reasons[reason]


def _totals(outcome: Outcome) -> Table:
    table = _table(f"{outcome.generation}: must be zero, and what it took", "figure", "value")
    figures = outcome.violations | {
        "faults_never_met": len(outcome.never_met),
        "days_worth_asking_again_later": outcome.worth_asking_later,
        "calls": outcome.calls,
        "calls_of_asking_again_at_once": outcome.calls_again,
        "seconds": outcome.seconds,
    }
    for name, value in figures.items():
        table.add_row(name, f"{value:,}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(*columns, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    return table
