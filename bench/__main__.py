"""`python -m bench`: run every benchmark, print one table; with `--record` also add a line to the history.

`python -m bench logins`: how long it takes to know a key among a thousand accounts, and among a million.
`python -m bench capacity`: how many people one application's quota serves, on a virtual clock.
`python -m bench faults`: no speed, but what becomes of the data when Enedis fails in every way that is known.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from bench.cached_reads import measure_cached_reads
from bench.capacity import measure_capacity
from bench.fault_tables import tables_of
from bench.faults import GENERATIONS, run_faults
from bench.household import Household
from bench.logins import measure_logins
from bench.provider_calls import measure_provider_calls
from bench.sealing import measure_sealing
from cli.demo.gateway import running_gateway
from shared.calendar import day_of

HISTORY = Path(__file__).parent / "history" / "bench.jsonl"
# So wide that what is measured is our own work and not the waiting for slots.
WIDE = {
    "ENEDIS_PER_SECOND": "100",
    "ENEDIS_PER_HOUR": "100000",
    "SIMULATOR_PER_SECOND": "1000",
    "SIMULATOR_PER_HOUR": "1000000",
    "RELEVE_FETCH_QUOTA": "100000",
    "RELEVE_READ_QUOTA": "100000000",
}
# Long published, whatever the time of day.
SETTLED = timedelta(days=10)


def measure() -> dict[str, Any]:
    """Every figure, by name; a load well above 0 before the start says that the machine had other work."""
    load_before, _, _ = os.getloadavg()
    end = day_of(datetime.now(UTC)) - SETTLED
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="releve-bench-") as directory:
        figures = measure_sealing()
        with running_gateway(Path(directory) / "data", WIDE) as gateway, httpx.Client(base_url=gateway.api) as client:
            client.timeout = httpx.Timeout(40)
            household = Household(gateway, client)
            figures |= measure_provider_calls(household, end)
            figures |= measure_cached_reads(gateway, household, end)
    return figures | {"load_before": round(load_before, 2), "seconds": round(time.perf_counter() - begun, 1)}


def record(figures: dict[str, Any], path: Path) -> None:
    """Add one line: the figures, and where and when they were measured."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607  # whichever git there is
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git.stdout.strip() or None,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        **figures,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as history:
        history.write(json.dumps(line) + "\n")


def table_of(figures: dict[str, Any]) -> Table:
    """The figures for people."""
    table = Table("figure", "value", title="Relève, measured")
    table.columns[1].justify = "right"
    for name, value in figures.items():
        table.add_row(name, f"{value:,}")
    return table


def measure_faults() -> bool:
    """Run with every fault, once for each generation, and print what became of the days; whether all went well."""
    console = Console(width=160)
    # Both at once: most of the time of a run is waiting for another attempt.
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(run_faults, GENERATIONS))
    for outcome in outcomes:
        for table in tables_of(outcome):
            console.print(table)
        for line in outcome.unhandled:
            console.print(line, markup=False)
    # A fault that befell nothing proves nothing.
    return not any(any(outcome.violations.values()) or outcome.never_met for outcome in outcomes)


_MEASURES = {"speed": measure, "logins": measure_logins, "capacity": measure_capacity}


def main() -> None:
    """Measure, print, and record when asked to."""
    parser = ArgumentParser(prog="bench", description="Measure how fast Relève is on this machine.")
    what = "speed (unless said otherwise), what becomes of the data when Enedis fails, or logins among many accounts"
    parser.add_argument(
        "what", nargs="?", choices=("speed", "faults", "logins", "capacity"), default="speed", help=what
    )
    parser.add_argument("--record", action="store_true", help=f"add a line to {HISTORY.name} in bench/history")
    options = parser.parse_args()
    if options.what == "faults":
        sys.exit(not measure_faults())
    figures = _MEASURES[options.what]()
    Console().print(table_of(figures))
    if options.record:
        record(figures, HISTORY)


if __name__ == "__main__":
    main()
