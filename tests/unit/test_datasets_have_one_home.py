"""A dataset is declared in the catalogue and in adapters; routes, tasks and stores handle any, and name none."""

import re
from pathlib import Path

from shared.core.datasets import DATASETS
from shared.core.public_datasets import PUBLIC_DATASETS
from tests.support.cases import case

ROOT = Path(__file__).parents[2]
CARRIERS = sorted(
    [
        *(path for path in (ROOT / "api").rglob("*routes.py") if "compat" not in path.parts),
        *(path for path in (ROOT / "shared").rglob("*.py") if path.name not in ("datasets.py", "public_datasets.py")),
        *(
            ROOT / "workers" / f"{name}.py"
            for name in (
                "tasks",
                "fetching/fetcher",
                "fetching/absences",
                "refresh",
                "public_data",
                "sweeper",
                "registry",
            )
        ),
    ]
)
# As a separate word in quotes: `contract` and `address` are ordinary words too.
NAMED = re.compile("|".join(f"[\"']{name}[\"']" for name in (*DATASETS, *PUBLIC_DATASETS)))


def test_who_carries_datasets_names_none() -> None:
    for path in CARRIERS:
        with case(path):
            found = [line for line in path.read_text().splitlines() if NAMED.search(line) and "examples" not in line]

            assert [] == found


def test_it_is_noticed_where_one_is_named() -> None:
    assert NAMED.search((ROOT / "shared" / "core" / "datasets.py").read_text())
