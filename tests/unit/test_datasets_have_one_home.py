"""A dataset is declared in the catalogue and known to adapters; routes, tasks and stores carry any, and name none."""

import re
from pathlib import Path

from shared.catalog import DATASETS, PUBLIC_DATASETS
from tests.support.cases import case

ROOT = Path(__file__).parents[2]
CARRIERS = sorted(
    [
        *(ROOT / "api" / "routes").glob("*.py"),
        *(path for path in (ROOT / "shared").glob("*.py") if path.name != "catalog.py"),
        *(
            ROOT / "workers" / f"{name}.py"
            for name in ("tasks", "fetch", "refresh", "public_data", "absences", "sweeper", "registry")
        ),
    ]
)
# As a word of its own in quotes: `contract` and `address` are words of the language too.
NAMED = re.compile("|".join(f"[\"']{name}[\"']" for name in (*DATASETS, *PUBLIC_DATASETS)))


def test_who_carries_datasets_names_none() -> None:
    for path in CARRIERS:
        with case(path):
            found = [line for line in path.read_text().splitlines() if NAMED.search(line) and "examples" not in line]

            assert [] == found


def test_it_is_noticed_where_one_is_named() -> None:
    assert NAMED.search((ROOT / "shared" / "catalog.py").read_text())
