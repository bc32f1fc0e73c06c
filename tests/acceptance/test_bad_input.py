"""The running gateway responds to any invalid input with a problem document that names the error; never a 500."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

import httpx
import pytest

from simulator.known_points import Profile
from tests.support.running_gateway import PARIS, Person, Stage, settled_days

NEVER_HELD = "99999999999999"
SOME_JOB = "job_0123456789abcdef01234567"

INVALID = (422, "validation_failed")
MALFORMED = (400, "malformed_request")
UNKNOWN = (404, "not_found")


@pytest.fixture(scope="module")
def owner(session_stage: Stage) -> tuple[Person, str]:
    """An account with a usage point that only consumes."""
    person, usage_point_id = session_stage.new_person(), session_stage.new_household()
    person.give_consent(usage_point_id)
    return person, usage_point_id


@pytest.fixture(scope="module")
def foreign(session_stage: Stage) -> str:
    """A usage point of another account."""
    usage_point_id = session_stage.new_household(Profile.SOLAR)
    session_stage.new_person().give_consent(usage_point_id)
    return usage_point_id


def check_problem(case: str, answer: httpx.Response, expected: tuple[int, str], *never_repeated: str) -> dict[str, Any]:
    """Check for a complete problem document of that type that repeats nothing that was sent."""
    problem: dict[str, Any] = answer.json()
    assert (*expected, "application/problem+json") == (
        answer.status_code,
        problem["code"],
        answer.headers["Content-Type"],
    ), case
    assert (answer.status_code, f"/problems/{problem['code']}") == (problem["status"], problem["type"]), case
    assert {"title", "detail", "instance", "retryable", "errors"} <= problem.keys(), case
    assert problem["title"], case
    assert problem["detail"], case
    for text in never_repeated:
        assert text not in answer.text, case
    return problem


Change = dict[str, Any]

BODIES: dict[str, tuple[Change, tuple[int, str], str]] = {
    "usage point too short": ({"usage_point_id": "9900001000000"}, INVALID, "/usage_point_id"),
    "usage point too long": ({"usage_point_id": "990000100000001"}, INVALID, "/usage_point_id"),
    "usage point with a letter": ({"usage_point_id": "9900001000000O"}, INVALID, "/usage_point_id"),
    "usage point with blanks": ({"usage_point_id": " 99000010000000 "}, INVALID, "/usage_point_id"),
    "usage point with a line end": ({"usage_point_id": "99000010000000\n"}, INVALID, "/usage_point_id"),
    "usage point in other digits": ({"usage_point_id": "٩٩٠٠٠٠١٠٠٠٠٠٠٠"}, INVALID, "/usage_point_id"),
    "usage point as a number": ({"usage_point_id": 99000010000000}, INVALID, "/usage_point_id"),
    "usage point null": ({"usage_point_id": None}, INVALID, "/usage_point_id"),
    "usage point of nobody": ({"usage_point_id": NEVER_HELD}, UNKNOWN, ""),
    "unknown dataset": ({"dataset": "gas"}, INVALID, "/dataset"),
    "dataset of another type": ({"dataset": ["daily_consumption"]}, INVALID, "/dataset"),
    "direction that the point does not have": ({"dataset": "daily_production"}, (422, "wrong_direction"), "/dataset"),
    "no such month": ({"start": "2026-13-01"}, INVALID, "/start"),
    "no such day": ({"start": "2026-02-30"}, INVALID, "/start"),
    "date in another order": ({"start": "01/09/2026"}, INVALID, "/start"),
    "date with a time": ({"start": "2026-09-01T00:00:00Z"}, INVALID, "/start"),
    "date as a number": ({"start": 20260901}, INVALID, "/start"),
    "date of the week": ({"start": "2026-W36-2"}, INVALID, "/start"),
    "empty date": ({"end": ""}, INVALID, "/end"),
    "year of five digits": ({"end": "12026-09-01"}, INVALID, "/end"),
    "year nought": ({"start": "0000-01-01"}, INVALID, "/start"),
    "all in the future": ({"start": "2190-01-01", "end": "2190-02-01"}, INVALID, "/end"),
    "field that does not exist": ({"priority": "high"}, INVALID, ""),
}


def cases_of(today: date) -> dict[str, tuple[Change, tuple[int, str], str]]:
    """The cases of every day, and those that depend on today's date."""
    yesterday, long_ago = today - timedelta(days=1), today.replace(year=today.year - 4, day=1)
    return BODIES | {
        "end before start": ({"start": str(yesterday), "end": str(yesterday - timedelta(days=3))}, INVALID, "/end"),
        "end on start": ({"start": str(yesterday), "end": str(yesterday)}, INVALID, "/end"),
        # In the future even if midnight passes meanwhile.
        "end in the future": ({"end": str(today + timedelta(days=3))}, INVALID, "/end"),
        "beyond what Enedis keeps": ({"start": str(long_ago)}, (422, "out_of_history"), "/start"),
    }


def test_a_request_for_data_that_cannot_be_is_refused_with_the_place_of_the_mistake(
    stage: Stage, owner: tuple[Person, str]
) -> None:
    person, usage_point_id = owner
    start, end = settled_days(7)
    good = {"usage_point_id": usage_point_id, "dataset": "daily_consumption", "start": str(start), "end": str(end)}
    cases = cases_of(datetime.now(PARIS).date())
    calls = len(stage.enedis.calls(usage_point_id))

    found = {}
    for case, (change, expected, _) in cases.items():
        answer = stage.client.post("/v1/jobs", json=good | change, headers=person.headers)
        sent = [text for text in change.values() if isinstance(text, str) and len(text) > 10]
        # The response repeats a valid day.
        problem = check_problem(case, answer, expected, *(text for text in sent if case != "beyond what Enedis keeps"))
        found[case] = [error["pointer"] for error in problem["errors"]]

    # An unknown resource has no pointer.
    assert {name: [] if expected == UNKNOWN else [pointer] for name, (_, expected, pointer) in cases.items()} == found
    assert calls == len(stage.enedis.calls(usage_point_id))


def test_a_field_that_is_missing_is_named(stage: Stage, owner: tuple[Person, str]) -> None:
    person, usage_point_id = owner
    start, end = settled_days(7)
    body = {"usage_point_id": usage_point_id, "dataset": "daily_consumption", "start": str(start), "end": str(end)}

    for field in ("usage_point_id", "dataset"):
        lacking = {name: value for name, value in body.items() if name != field}
        answer = stage.client.post("/v1/jobs", json=lacking, headers=person.headers)
        problem = check_problem(field, answer, INVALID)
        assert [f"/{field}"] == [error["pointer"] for error in problem["errors"]]


def test_somebody_elses_usage_point_is_as_unknown_as_nobodys(
    stage: Stage, owner: tuple[Person, str], foreign: str
) -> None:
    person, _ = owner
    start, end = settled_days(7)
    answers: dict[str, list[httpx.Response]] = {}
    for point in (foreign, NEVER_HELD):
        body = {"usage_point_id": point, "dataset": "daily_consumption", "start": str(start), "end": str(end)}
        query = {"start": str(start), "end": str(end)}
        answers[point] = [
            stage.client.post("/v1/jobs", json=body, headers=person.headers),
            stage.client.get(f"/v1/usage-points/{point}", headers=person.headers),
            stage.client.get(
                f"/v1/usage-points/{point}/readings/daily_consumption", params=query, headers=person.headers
            ),
        ]

    problems = {
        point: [check_problem(point, answer, UNKNOWN, point) | {"trace_id": None} for answer in each]
        for point, each in answers.items()
    }

    assert problems[NEVER_HELD] == problems[foreign]


def chunks() -> Iterator[bytes]:
    """A body without a stated length."""
    for _ in range(1024):
        yield b" " * 1024


CONTENTS: dict[str, tuple[Any, str, tuple[int, str]]] = {
    "nothing": (b"", "application/json", INVALID),
    "no JSON": (b"usage_point_id=1", "application/json", MALFORMED),
    "half of it": (b'{"usage_point_id": "990', "application/json", MALFORMED),
    "no text": (b'{"usage_point_id": "\xff\xfe"}', "application/json", MALFORMED),
    "a list": (b"[]", "application/json", INVALID),
    "a word": (b"null", "application/json", INVALID),
    "a form": (b"usage_point_id=99000010000000", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
    "XML": (b"<job/>", "application/xml", (415, "unsupported_media_type")),
    "deeply nested": (b"[" * 20_000 + b"]" * 20_000, "application/json", MALFORMED),
    "a number without end": (b'{"usage_point_id": ' + b"9" * 5_000 + b"}", "application/json", MALFORMED),
    "too long, and it says so": (b" " * 1024 * 1024, "application/json", (413, "body_too_large")),
    "too long, without saying so": (chunks, "application/json", (413, "body_too_large")),
}


def test_a_body_that_cannot_be_read_is_refused(stage: Stage, owner: tuple[Person, str]) -> None:
    person, _ = owner

    for case, (content, media_type, expected) in CONTENTS.items():
        answer = stage.client.post(
            "/v1/jobs",
            content=content() if callable(content) else content,
            headers=person.headers | {"Content-Type": media_type},
        )
        check_problem(case, answer, expected)


def mistyped(api_key: str) -> str:
    """The key with one changed character in the middle."""
    return api_key[:20] + ("A" if api_key[20] != "A" else "B") + api_key[21:]


HEADERS: dict[str, dict[str, Any]] = {
    "none": {},
    "empty": {"Authorization": ""},
    "no key": {"Authorization": "Bearer"},
    "a prefix": {"Authorization": "Bearer rlv_"},
    "a wrong checksum": {"Authorization": "Bearer rlv_" + "0" * 49},
    "a long one": {"Authorization": "Bearer " + "x" * 5_000},
    "no ASCII": {"Authorization": "Bearer clé".encode("latin-1")},
    "another scheme": {"Authorization": "Basic dXNlcjpwYXNz"},
    "other": {"X-API-Key": "rlv_" + "z" * 49},
}
GUARDED = (
    ("GET", "/v1/account"),
    ("POST", "/v1/jobs"),
    ("GET", f"/v1/usage-points/{NEVER_HELD}"),
    ("POST", "/v1/consents"),
)


def test_without_a_key_nothing_is_told(stage: Stage) -> None:
    for (method, path), (name, header) in product(GUARDED, HEADERS.items()):
        case = f"{method} {path} with {name}"
        answer = stage.client.request(method, path, headers=header)

        problem = check_problem(case, answer, (401, "unauthenticated"), NEVER_HELD)
        assert ("Bearer", []) == (answer.headers["WWW-Authenticate"], problem["errors"]), case


def test_a_mistyped_key_and_one_of_no_account_are_refused_alike(stage: Stage, owner: tuple[Person, str]) -> None:
    person, _ = owner

    keys = {
        "mistyped": mistyped(person.api_key),
        "shorter": person.api_key[:-1],
        "longer": person.api_key + "0",
        "in lower case": person.api_key.lower(),
    }
    answers = {
        name: stage.client.get("/v1/account", headers={"Authorization": f"Bearer {key}"}) for name, key in keys.items()
    }

    problems = [
        check_problem(name, answer, (401, "unauthenticated"), person.api_key[4:20]) for name, answer in answers.items()
    ]
    assert 1 == len({problem["detail"] for problem in problems})


PATHS: dict[str, tuple[str, str, tuple[int, str]]] = {
    "no such page": ("GET", "/v2/jobs", UNKNOWN),
    "no such method": ("PUT", "/v1/jobs", (405, "method_not_allowed")),
    "a job's id of another form": ("GET", "/v1/jobs/1", INVALID),
    "a job of nobody": ("GET", f"/v1/jobs/{SOME_JOB}", UNKNOWN),
    "a consent of nobody": ("GET", "/v1/consents/cons_0123456789abcdef01234567", UNKNOWN),
    "a usage point of another form": ("GET", "/v1/usage-points/1234", INVALID),
    "an unknown kind of problem": ("GET", "/problems/boredom", UNKNOWN),
    "a path out of here": ("GET", "/v1/usage-points/..%2F..%2Fetc%2Fpasswd", UNKNOWN),
    "a return without a state": ("GET", "/oauth/callback?autorisation_id=1", INVALID),
    "a return of another form": ("GET", "/oauth/callback?state=%00%27&autorisation_id=one", INVALID),
    "a return that nobody waits for": ("GET", "/oauth/callback?state=abc&autorisation_id=1", (400, "state_refused")),
    "a number too large": ("GET", f"/oauth/callback?state=abc&autorisation_id={2**63}", INVALID),
}


def test_an_address_that_leads_nowhere_says_so(stage: Stage, owner: tuple[Person, str]) -> None:
    person, _ = owner

    for case, (method, path, expected) in PATHS.items():
        check_problem(case, stage.client.request(method, path, headers=person.headers), expected)


QUERIES: dict[str, tuple[str, str]] = {
    "no days": ("daily_consumption", ""),
    "no such day": ("daily_consumption", "start=2026-02-30&end=2026-03-02"),
    "end before start": ("daily_consumption", "start=2026-03-02&end=2026-03-01"),
    "more days than there can be": ("daily_consumption", "start=2000-01-01&end=2026-01-01"),
    "unknown dataset": ("gas", "start=2026-03-01&end=2026-03-02"),
}


def test_readings_that_cannot_be_are_refused(stage: Stage, owner: tuple[Person, str]) -> None:
    person, usage_point_id = owner

    for case, (dataset, query) in QUERIES.items():
        path = f"/v1/usage-points/{usage_point_id}/readings/{dataset}?{query}"
        answer = stage.client.get(path, headers=person.headers)
        assert check_problem(case, answer, INVALID, usage_point_id)["errors"], case
