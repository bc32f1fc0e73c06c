"""The requests that get a page, and the texts allowed on it."""

from datetime import UTC, datetime

from api.consents.html_pages import (
    ShownAccount,
    ShownPoint,
    awaiting_page,
    granted_page,
    onward_page,
    prefers_html,
    start_page,
)
from shared.core.datasets import Direction
from tests.support.cases import case


def test_a_browser_gets_a_page_and_everybody_else_json() -> None:
    cases: list[tuple[str, bool]] = [
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
    ]

    for accept, expected in cases:
        with case(accept, expected):
            assert expected == prefers_html(accept)


def test_whatever_is_shown_is_escaped() -> None:
    page = granted_page([ShownPoint("<b>1", [Direction.PRODUCTION])], None)

    assert b"<b>" not in page.body
    assert b"&lt;b&gt;1" in page.body


def test_the_page_before_the_provider_tells_the_account_in_the_time_of_paris() -> None:
    account = ShownAccount("acct_1", datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "releve.example")

    page = bytes(start_page(account, "state=s&token=t", names_point=True).body).decode()

    for told in ("acct_1", "02/07/2026 à 00:30", "2026-07-02 at 00:30", "releve.example", "Un seul compteur"):
        assert told in page
    assert 'action="?state=s&amp;token=t"' in page
    assert "Un seul compteur" not in bytes(start_page(account, "", names_point=False).body).decode()


def test_nothing_gets_out_of_the_page_that_leads_on() -> None:
    page = bytes(onward_page('https://enedis.example/a?b="><script>x</script>&c=d').body).decode()

    assert "<script>" not in page
    assert "b=&quot;&gt;&lt;script&gt;" in page


def test_who_waits_for_a_word_is_told_what_helps() -> None:
    page = awaiting_page()

    assert 409 == page.status_code
    assert "deux informations du contrat" in bytes(page.body).decode()
