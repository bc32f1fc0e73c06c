"""The guarantees in `docs/features-spec/` name existing tests."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.support.cases import case

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "features-spec").rglob("*.md"))
THEMES = ("account", "gateway", "cache", "jobs-and-refresh", "compatibility")
NAMED = re.compile(r"`(tests/[\w./*-]*)(?:::(\w+))?`")
ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)


@cache
def functions_in(path: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def is_there(place: str, test: str) -> bool:
    files = list(ROOT.glob(place.rstrip("/")))
    return bool(files) if not test else any(path.is_file() and test in functions_in(path) for path in files)


def proofs(page: Path) -> list[str]:
    """The rows of the page's tables of guarantees, without headings and separators."""
    tables = page.read_text(encoding="utf-8").split("| Promise | Test |\n")[1:]
    rows = (ROW.findall(table.split("\n\n")[0]) for table in tables)
    return [row for table in rows for row in table if not set(row) <= set("-| ")]


def test_every_test_that_a_page_names_exists() -> None:
    for page in PAGES:
        with case(page):
            named = NAMED.findall(page.read_text(encoding="utf-8"))

            assert [] == [f"{place}::{test}" for place, test in named if not is_there(place, test)]


def test_every_promise_of_a_theme_names_a_test() -> None:
    for theme in THEMES:
        with case(theme):
            promises = proofs(ROOT / "docs" / "features-spec" / f"{theme}.md")

            assert promises
            assert [] == [promise for promise in promises if "::test_" not in promise]


def test_it_is_noticed_when_a_test_is_not_there() -> None:
    assert is_there("tests/unit/test_features_spec.py", "test_it_is_noticed_when_a_test_is_not_there")
    assert not is_there("tests/unit/test_features_spec.py", "test_that_nobody_wrote")
    assert not is_there("tests/unit/test_that_nobody_wrote.py", "")
