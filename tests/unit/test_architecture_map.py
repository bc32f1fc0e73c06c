"""The map in docs/architecture.md names every package, and the walks name existing functions."""

import re
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

ROOT = Path(__file__).parents[2]
TOP = ("api", "workers", "shared", "cli", "simulator", "bench", "findings")
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def packages() -> Iterator[str]:
    for top in TOP:
        yield top
        for init in (ROOT / top).rglob("__init__.py"):
            if init.parent != ROOT / top:
                yield str(init.parent.relative_to(ROOT))


def named_packages(tree: str) -> Iterator[str]:
    parents: list[str] = []
    for line in tree.splitlines():
        if found := re.match(r"( *)(\w+)/ ", line):
            del parents[len(found[1]) // 2 :]
            parents.append(found[2])
            yield "/".join(parents)


def test_the_tree_names_every_package_and_no_other() -> None:
    tree = PAGE.split("## Packages")[1].split("```")[1]

    assert sorted(set(packages())) == sorted(named_packages(tree))


def test_what_a_walk_passes_is_there() -> None:
    walks = PAGE.split("## Code paths")[1].split("\n## ")[0]
    functions = re.findall(r"`((?:api|workers|shared)\.[\w.]+)`", walks)

    assert len(functions) > 20
    for name in functions:
        module, _, path = name.partition(".")
        assert callable(resolve_name(f"{module}.{path}")), name
