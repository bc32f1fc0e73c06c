"""Who gets a page, and what may stand on it."""

import pytest

from api.pages import ShownPoint, granted_page, prefers_html
from shared.catalog import Direction


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("TEXT/HTML", True),
        ("text/html;q=0.9,application/json;q=0.8", True),
        ("application/json", False),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
        ("*/*", False),
        ("", False),
        (";;,,;q=", False),
        ("," * 100_000, False),
    ],
)
def test_a_browser_gets_a_page_and_everybody_else_json(accept: str, expected: bool) -> None:
    assert expected == prefers_html(accept)


def test_whatever_is_shown_is_escaped() -> None:
    page = granted_page([ShownPoint("<b>1", [Direction.PRODUCTION])], None)

    assert b"<b>" not in page.body
    assert b"&lt;b&gt;1" in page.body
