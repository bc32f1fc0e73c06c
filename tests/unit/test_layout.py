"""Rules for a readable layout: short files, few entries in `shared`, and no long chains of classes."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("api", "workers", "shared", "cli", "simulator")
MOST_LINES, MOST_ENTRIES, MOST_CLASSES = 300, 16, 2
# Two lists, and one concept that reads worse in two files.
LONG = {"shared/config/settings.py", "shared/core/errors.py", "shared/readings/planning.py"}
# They are caught by their bases, and documented by them.
DEEPER = ("errors.py", "schemas.py")


def modules() -> Iterator[Path]:
    for top in PRODUCT:
        yield from (ROOT / top).rglob("*.py")


def test_no_file_is_long_but_those_that_are_named() -> None:
    long = {str(path.relative_to(ROOT)) for path in modules() if len(path.read_text().splitlines()) > MOST_LINES}

    assert long == LONG


def test_shared_has_few_entries() -> None:
    entries = [path.name for path in (ROOT / "shared").iterdir() if not path.name.startswith("__")]

    assert len(entries) <= MOST_ENTRIES


def test_no_chain_of_classes_is_long() -> None:
    bases: dict[str, list[str]] = {}
    judged = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
                if not path.name.endswith(DEEPER):
                    judged.add(node.name)

    def length(name: str) -> int:
        return 1 + max(map(length, bases[name]), default=0) if name in bases else 0

    assert len(judged) > 100
    assert [] == [name for name in sorted(judged) if length(name) > MOST_CLASSES]
