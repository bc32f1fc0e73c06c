"""The user commands against a gateway with rare behaviour: it disconnects, never ends a job, has no events, refuses a
key. `tests/acceptance/test_cli_person.py` covers the responses of a real one."""

import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import case
from tests.support.patience import PATIENCE_SECONDS
from tests.support.scripted_gateway import JOB, KEY, PRM, Gateway, Person, serving


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def person(gateway: Gateway, tmp_path: Path) -> Iterator[Person]:
    with serving(gateway) as url:
        yield Person(url, tmp_path)


@pytest.fixture
def stranger(person: Person) -> Person:
    """A user who is not logged in."""
    person.environ |= {"RELEVE_URL": "", "RELEVE_API_KEY": ""}
    return person


def interrupted(running: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Send Ctrl-C to a command; returns its exit status and outputs."""
    running.send_signal(signal.SIGINT)
    printed, said = running.communicate(timeout=PATIENCE_SECONDS)
    return running.returncode, printed, said


def test_a_key_comes_in_by_standard_input_and_is_never_printed(stranger: Person) -> None:
    status, printed, said = stranger.types("login", "--url", stranger.url, "--key-stdin", says=f"{KEY}\n")

    stored = stranger.directory / "config" / "credentials.json"
    assert (0, {"url": stranger.url, "api_key": KEY}) == (status, json.loads(stored.read_text()))
    assert 0o600 == stat.S_IMODE(stored.stat().st_mode)
    assert KEY not in printed + said
    assert (0, f"acct_0123 at {stranger.url} (read)\n") == stranger.types("whoami")[:2]


def test_a_key_that_is_asked_for_is_not_echoed(stranger: Person) -> None:
    status, printed, said = stranger.types("login", "--url", stranger.url, says=f"{KEY}\n")

    assert 0 == status
    assert KEY not in printed + said


def test_what_is_no_key_is_neither_sent_nor_stored(stranger: Person, gateway: Gateway) -> None:
    for key in ["", "hunter2", KEY + "é"]:
        with case(key):
            status, _, said = stranger.types("login", "--url", stranger.url, "--key-stdin", says=f"{key}\n")

            assert (1, []) == (status, gateway.asked)
            assert not key or key not in said
            assert not (stranger.directory / "config").exists()


def test_a_key_that_is_refused_is_not_stored(stranger: Person, gateway: Gateway) -> None:
    gateway.answer("GET /v1/account", {"code": "unauthenticated", "title": "A key is needed.", "status": 401}, 401)

    status, _, said = stranger.types("login", "--url", stranger.url, "--key-stdin", says=f"{KEY}\n")

    assert 1 == status
    assert "releve: A key is needed. (`releve login` stores another key) [unauthenticated]" in said
    assert not (stranger.directory / "config").exists()


def test_a_stored_key_is_not_overwritten_or_forgotten_unasked(stranger: Person) -> None:
    login = ("login", "--url", stranger.url, "--key-stdin")
    stranger.types(*login, says=f"{KEY}\n")

    again = stranger.types(*login, says=f"{KEY[:-1]}X\n")
    hesitating = stranger.types("logout", says="n\n")
    kept = json.loads((stranger.directory / "config" / "credentials.json").read_text())
    replaced = stranger.types(*login, "--replace", says=f"{KEY[:-1]}X\n")
    out = stranger.types("logout", "--yes")

    assert (1, 1, KEY) == (again[0], hesitating[0], kept["api_key"])
    assert "may hold the only copy" in again[2]
    assert (0, 0) == (replaced[0], out[0])
    assert not (stranger.directory / "config" / "credentials.json").exists()


def test_who_is_not_logged_in_is_told_how(stranger: Person) -> None:
    assert (1, "", "releve: you are not logged in: `releve login` first\n") == stranger.types("status")


def test_a_download_that_breaks_off_leaves_the_file_that_was_there(person: Person, gateway: Gateway) -> None:
    kept = person.directory / "everything.zip"
    kept.write_text("of last week")
    gateway.answers["GET /v1/account/export"] = lambda: (200, "application/zip", b"PK and then BREAK")

    status, _, said = person.types("export", "--all", "--output", str(kept))

    assert 1 == status
    assert f"no response from {person.url}" in said
    assert "of last week" == kept.read_text()
    assert [kept] == list(person.directory.iterdir())


def test_a_download_is_for_its_owner_alone(person: Person, gateway: Gateway) -> None:
    whole = person.directory / "everything.zip"
    gateway.answers["GET /v1/account/export"] = lambda: (200, "application/zip", b"PK")

    assert 0 == person.types("export", "--all", "--output", str(whole))[0]
    assert (b"PK", 0o600) == (whole.read_bytes(), stat.S_IMODE(whole.stat().st_mode))


def test_a_form_that_the_gateway_does_not_know_is_not_passed_off_as_another(person: Person, gateway: Gateway) -> None:
    gateway.answer(f"GET /v1/usage-points/{PRM}/readings/daily_consumption", {"readings": []})
    wanted = person.directory / "days.parquet"

    status, _, said = person.types("export", "daily_consumption", "--last", "3d", "--output", str(wanted))

    assert (1, False) == (status, wanted.exists())
    assert "does not support parquet" in said


def test_after_ctrl_c_the_job_goes_on_and_one_is_told_how_to_come_back(person: Person, gateway: Gateway) -> None:
    running = person.starts("fetch", "daily_consumption", "--last", "3d")
    gateway.wait_for("GET /v1/jobs/job_0123")

    status, printed, said = interrupted(running)

    assert (130, "") == (status, printed)
    assert "`releve watch job_0123`" in said
    assert "`releve cancel job_0123`" in said
    assert not any(each.startswith("DELETE") for each in gateway.asked)
    assert PRM not in said


def test_usage_points_are_masked_for_programs_too_unless_they_want_all_of_it(person: Person, gateway: Gateway) -> None:
    gateway.answer("DELETE /v1/jobs/job_0123", JOB | {"status": "cancelled"})

    _, masked, _ = person.types("cancel", "job_0123", "--json")
    _, full, _ = person.types("cancel", "job_0123", "--json", "--full")

    assert ("…0011", PRM) == (json.loads(masked)["usage_point_id"], json.loads(full)["usage_point_id"])


def test_without_events_what_happens_is_seen_by_looking(person: Person, gateway: Gateway) -> None:
    gateway.answer("GET /v1/jobs", {"jobs": [JOB]})
    running = person.starts("watch", "--json")
    gateway.wait_for("GET /v1/jobs", 2)
    gateway.answer("GET /v1/jobs/job_0123", JOB | {"status": "failed"})
    gateway.answer("GET /v1/jobs", {"jobs": [JOB | {"status": "failed"}]})

    assert running.stdout is not None
    events = [json.loads(running.stdout.readline()) for _ in range(2)]
    status, _, _ = interrupted(running)

    # The running jobs; then the changes.
    assert [
        ("account.snapshot", {"jobs": [{"job_id": "job_0123"}]}),
        ("job.failed", {"job_id": "job_0123"}),
    ] == [(each["type"], each["data"]) for each in events]
    assert 0 == status


def test_what_happens_is_told_as_it_happens(person: Person, gateway: Gateway) -> None:
    told = [
        ("account.snapshot", {"jobs": [{"job_id": "job_0123"}]}),
        ("consent.granted", {"consent_id": "cons_0123", "usage_point_id": PRM, "links": {}}),
        ("job.progress", {"job_id": "job_0123"}),
        # An event of a job that was erased meanwhile.
        ("job.cancelled", {"job_id": "job_9999"}),
        ("something.new", {"thing_id": "thing_0123"}),
    ]
    stream = "".join(
        f"id: {number}-0\nevent: {name}\ndata: {json.dumps({'timestamp': '2026-11-23T10:00:00Z', 'data': data})}\n\n"
        for number, (name, data) in enumerate(told)
    )
    gateway.answers["GET /v1/events"] = lambda: (200, "text/event-stream", stream.encode())
    running = person.starts("watch")

    assert running.stdout is not None
    lines = [running.stdout.readline() for _ in range(3)]
    interrupted(running)

    assert [
        "11:00:00 daily_consumption of Home (…0011): 3 calls, job_0123\n",
        "11:00:00 consent.granted cons_0123 …0011\n",
        "11:00:00 something.new thing_0123\n",
    ] == lines


TODAY: dict[str, Any] = {
    "day": "2026-11-23",
    "colour": "RED",
    "now": {
        "colour": "RED",
        "reason": None,
        "hours": "off_peak",
        "until": "2026-11-24T06:00:00+01:00",
        "price": "0.1600",
    },
}
LEFT = {"blue": (300, 220), "white": (43, 43), "red": (22, 18)}
REMAINING: dict[str, Any] = {
    "season": {"start": "2026-09-01", "end": "2027-09-01"},
    "counted_through": "2026-11-23",
    "unknown_days": 0,
    **{name: {"allowed": allowed, "used": allowed - left, "remaining": left} for name, (allowed, left) in LEFT.items()},
}


def test_tempo_is_told_in_words_and_whole_to_programs(person: Person, gateway: Gateway) -> None:
    tomorrow = {"day": "2026-11-24", "colour": None, "reason": "not_published_yet"}
    told = {"today": TODAY, "tomorrow": tomorrow, "remaining": REMAINING}
    for name, document in told.items():
        gateway.answer(f"GET /v1/tempo/{name}", document)

    status, printed, _ = person.types("tempo")
    _, as_json, _ = person.types("tempo", "--json")

    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert 0 == status
    assert [
        "Today Mon 2026-11-23 red",
        "Tomorrow Tue 2026-11-24 not published yet",
        "Now until 06:00 red off-peak, 0.1600 €/kWh",
    ] == lines[:3]
    assert ["blue 220 300", "white 43 43", "red 18 22"] == [line.rstrip("█ ") for line in lines[5:8]]
    assert "counted from 2026-09-01 to 2026-11-23" == lines[8]
    assert told == json.loads(as_json)


def test_a_gateway_that_knows_nothing_of_tempo_says_so(person: Person, gateway: Gateway) -> None:
    unknown = {"day": "2026-11-23", "colour": None, "reason": "not_offered"}
    now = {**TODAY["now"], "colour": None, "reason": "not_offered", "price": None}
    gateway.answer("GET /v1/tempo/today", {**unknown, "now": now})
    gateway.answer("GET /v1/tempo/tomorrow", unknown)
    gateway.answer("GET /v1/tempo/remaining", {**REMAINING, "counted_through": None})

    status, printed, _ = person.types("tempo")

    assert 0 == status
    assert 3 == printed.count("this gateway has no access to RTE")
    assert "no data for this season yet" in printed


def test_wrong_use_is_told_with_status_2(person: Person) -> None:
    cases: list[tuple[tuple[str, ...], str]] = [
        (("fetch", "daily_consumtion"), "did you mean daily_consumption?"),
        (("show", "daily_consumption", "--point", "22"), "Home (…0011)"),
        (("show", "daily_consumption", "--last", "3d", "--on", "2026"), "either --from and --to"),
        (("show", "contract", "--last", "3d"), "takes no period"),
        (("fetch", "contract", "--on", "2026"), "takes no period"),
        (("export", "contract", "--last", "3d"), "takes no period"),
        (("export",), "--all for everything"),
        (("export", "daily_consumption", "--all"), "--all for everything"),
        (("login", "--register", "--key-stdin"), "mutually exclusive"),
        (("login", "--url", "releve.example", "--key-stdin"), "looks like https://"),
        (("consent", "--prove"), "--usage-point"),
    ]

    for arguments, words in cases:
        with case(arguments, words):
            status, printed, said = person.types(*arguments)

            assert (2, "") == (status, printed)
            assert words in said
            assert 1 == said.count("\n")
