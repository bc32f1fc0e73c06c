"""The consent page, its two redirects, and the answer without a redirect."""

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.support.cases import case

pytestmark = pytest.mark.anyio

PATH = "/dataconnect/v2/oauth2/authorize"
ASKED = {"client_id": "application-under-test", "response_type": "code", "state": "s-1", "duration": "P3Y"}


def _way_back(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 302
    target = urlsplit(answer.headers["location"])
    assert (target.netloc, target.path) == ("gateway.test", "/oauth/callback")
    return dict(parse_qsl(target.query, strict_parsing=True))


class Form(HTMLParser):
    """The fields and outside references of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.points: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = values["action"]
        if tag == "input" and values["type"] == "hidden":
            self.hidden[values["name"]] = values["value"]
        if tag == "input" and values["type"] == "radio":
            self.points.append(values["value"])
        if tag in ("script", "link", "img", "iframe"):
            self.outside.append(tag)


async def test_approval_comes_back_with_an_authorisation_id_and_nothing_else(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get(PATH, params=ASKED | {"auto": "approve"})

    assert _way_back(answer) == {"autorisation_id": "58249", "state": "s-1"}


async def test_each_point_gets_the_next_number(anonymous: httpx.AsyncClient) -> None:
    points = ("99000000000022", "99000000000033")
    answers = [
        await anonymous.get(PATH, params=ASKED | {"auto": "approve", "usage_point_id": point}) for point in points
    ]

    assert [_way_back(answer)["autorisation_id"] for answer in answers] == ["58249", "58250"]


async def test_refusal_comes_back_with_enedis_own_words(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get(PATH, params=ASKED | {"auto": "refuse"})

    assert _way_back(answer) == {
        "error": "invalid_request",
        "error_description": "demande_non_aboutie",
        "state": "s-1",
    }


async def test_a_shared_point_ends_on_a_page_without_any_way_back(anonymous: httpx.AsyncClient) -> None:
    await anonymous.get(PATH, params=ASKED | {"auto": "approve"})
    again = await anonymous.get(PATH, params=ASKED | {"auto": "approve"})

    assert again.status_code == 409
    assert "location" not in again.headers
    assert "Une erreur est survenue lors du partage de vos données" in again.text


async def test_deleting_the_share_and_sharing_again_gives_the_same_id(anonymous: httpx.AsyncClient) -> None:
    first = await anonymous.get(PATH, params=ASKED | {"auto": "approve"})
    await anonymous.get(PATH, params=ASKED | {"auto": "approve", "usage_point_id": "99000000000022"})
    revoked = await anonymous.post("/control/revoke", json={"usage_point_id": "99000000000011"})
    again = await anonymous.get(PATH, params=ASKED | {"auto": "approve"})

    assert (revoked.status_code, revoked.json()["revoked"]) == (200, True)
    assert _way_back(again) == _way_back(first)


async def test_shares_can_be_cleared(anonymous: httpx.AsyncClient) -> None:
    await anonymous.get(PATH, params=ASKED | {"auto": "approve"})
    cleared = await anonymous.delete("/control/consents")
    again = await anonymous.get(PATH, params=ASKED | {"auto": "approve"})

    assert (cleared.json(), again.status_code) == ({"count": 1}, 302)


async def test_a_person_picks_a_household_and_agrees(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get(PATH, params=ASKED)
    form = Form()
    form.feed(page.text)
    answer = await anonymous.post(
        form.action, data=form.hidden | {"usage_point_id": form.points[1], "decision": "approve"}
    )

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "99000000000011" in form.points
    assert _way_back(answer) == {"autorisation_id": "58249", "state": "s-1"}


@pytest.mark.parametrize("ticked", ["", "99000000000011"])
async def test_a_person_types_a_point(anonymous: httpx.AsyncClient, ticked: str) -> None:
    # The default household stays checked when the user only types another one.
    typed = {"usage_point_id": ticked, "other_usage_point_id": " 12345678901234 ", "decision": "approve"}
    answer = await anonymous.post(f"{PATH}/decision", data=ASKED | typed)
    consents = await anonymous.get("/control/consents")

    assert answer.status_code == 302
    assert [consent["usage_point_id"] for consent in consents.json()] == ["12345678901234"]


async def test_a_person_refuses(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post(f"{PATH}/decision", data=ASKED | {"decision": "refuse"})

    assert _way_back(answer)["error_description"] == "demande_non_aboutie"


async def test_a_person_who_types_no_point_is_told(anonymous: httpx.AsyncClient) -> None:
    typed = {"usage_point_id": "", "other_usage_point_id": "123", "decision": "approve"}
    answer = await anonymous.post(f"{PATH}/decision", data=ASKED | typed, headers={"Accept": "text/html"})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_the_page_loads_nothing_and_escapes_what_it_was_given(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get(PATH, params=ASKED | {"state": '"><script>alert(1)</script>'})
    form = Form()
    form.feed(page.text)

    assert form.outside == []
    assert form.hidden["state"] == '"><script>alert(1)</script>'
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_a_wrong_request_is_refused_without_a_way_back(anonymous: httpx.AsyncClient) -> None:
    cases: list[tuple[dict[str, str], int, str]] = [
        ({"client_id": ""}, 400, "missing_parameter"),
        ({"client_id": "somebody-else"}, 403, "access_denied"),
        ({"response_type": "token"}, 400, "Invalid_request"),
        ({"duration": ""}, 400, "missing_parameter"),
        ({"duration": "a while"}, 400, "invalid_duration_format"),
        ({"duration": "P4Y"}, 400, "maximum_duration_exceeded"),
        ({"state": "x" * 101}, 400, "Invalid_request"),
        ({"auto": "maybe"}, 400, "Invalid_request"),
        ({"auto": "approve", "usage_point_id": "123"}, 400, "Invalid_request"),
    ]

    for change, status, error in cases:
        with case(change, status, error):
            answer = await anonymous.get(PATH, params=ASKED | change)

            assert (answer.status_code, answer.json()["error"]) == (status, error)
            assert "location" not in answer.headers


async def test_the_way_back_keeps_the_registered_query(anonymous: httpx.AsyncClient) -> None:
    without_state = {name: value for name, value in ASKED.items() if name != "state"}
    answer = await anonymous.get(PATH, params=without_state | {"auto": "approve"})

    assert _way_back(answer) == {"autorisation_id": "58249"}
