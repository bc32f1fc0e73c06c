"""Output of figures: a table, and one line per run in the history."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

HISTORY = Path(__file__).parent / "history" / "bench.jsonl"


def record(figures: dict[str, Any], path: Path) -> None:
    """Add one line: the figures, and the machine and time of the measurement."""
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
    """The figures as a table."""
    table = Table("figure", "value", title="Relève, measured")
    table.columns[1].justify = "right"
    for name, value in figures.items():
        table.add_row(name, f"{value:,}")
    return table
