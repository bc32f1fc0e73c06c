"""Every link of the documentation to a file of this repository, or to a heading in one, has an existing target."""

import re
from pathlib import Path

from tests.support.cases import case

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def prose(page: Path) -> str:
    return CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The headings in link form: lowercase, no punctuation, hyphens for spaces."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(page))}


def leads_nowhere(page: Path, link: str) -> bool:
    place, _, anchor = link.partition("#")
    target = (page.parent / place).resolve() if place else page
    return not target.exists() or (bool(anchor) and target.suffix == ".md" and anchor not in anchors(target))


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        with case(page):
            links = [link for link in LINK.findall(prose(page)) if not re.match(r"[a-z]+:", link)]

            assert [] == [link for link in links if leads_nowhere(page, link)]


def test_it_is_noticed_when_a_link_leads_nowhere() -> None:
    assert not leads_nowhere(ROOT / "README.md", "docs/architecture.md#the-pacer")
    assert leads_nowhere(ROOT / "README.md", "docs/architecture.md#no-such-heading")
    assert leads_nowhere(ROOT / "README.md", "docs/no-such-page.md")
