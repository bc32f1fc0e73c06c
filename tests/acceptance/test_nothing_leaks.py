"""The files that the gateway writes contain no readable secrets."""

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from cli.demo.plaintext import Secrets, count_file_hits, count_hits, files_to_search
from simulator.known_points import Profile
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import RESOURCES, Person, Stage, settled_days

RECORDS = ("contract", "address", "identity", "contact")
EMAIL, KEY_NAME, LABEL = "distinctive-address@example.org", "distinctive-name-of-a-key", "distinctive-label"
# For records: short texts and Enedis's own words occur everywhere.
_SHORTEST_TELLING = 6
_MESSAGE_BODY = re.compile(rb'"body": ?"([A-Za-z0-9+/]+=*)"')
# A refresh task receives its reason.
_ID = re.compile(r"job_[0-9a-f]{36}|cons_[0-9a-f]{24}|schedule|by_hand|resume")


@pytest.fixture(scope="module")
def full_run(session_stage: Stage) -> tuple[Person, list[bytes]]:
    """An account that has fetched and read all datasets, one through a failure, and set names; and the responses that
    it received."""
    stage = session_stage
    person, usage_point_id = stage.new_person(email=EMAIL), stage.new_household(Profile.SOLAR)
    person.seen.texts += [EMAIL, KEY_NAME, LABEL]
    person.give_consent(usage_point_id)
    token = person.post("/v1/account/keys", {"name": KEY_NAME, "scopes": ["read"], "format": "jwt"}, 201)["api_key"]
    # The header is the same in every token; the rest is specific to this one.
    person.seen.texts += token.split(".")[1:]
    person.patch(f"/v1/usage-points/{usage_point_id}", {"label": LABEL})
    stage.enedis.fail(usage_point_id, kind="cut")
    answers = []
    for dataset in RESOURCES:
        start, end = settled_days(35)
        assert "succeeded" == person.fetch(usage_point_id, dataset, start, end)["status"]
        answers.append(person.read(usage_point_id, dataset, start, end).content)
    # A usage point in a query, and the other key format.
    days = {"start": str(settled_days(35)[0]), "end": str(settled_days(35)[1])}
    bearer = {"Authorization": f"Bearer {token}"}
    stage.client.get(
        "/api/daily_consumption", params={"prm": usage_point_id, **days}, headers=bearer
    ).raise_for_status()
    for dataset in RECORDS:
        job = person.post("/v1/jobs", {"usage_point_id": usage_point_id, "dataset": dataset}, 202)
        assert "succeeded" == person.wait_for(job)["status"]
        record = person.get(f"/v1/usage-points/{usage_point_id}/readings/{dataset}")["record"]
        if dataset != "contract":
            person.seen.texts += list(telling_texts(record))
    return person, answers


def telling_texts(fact: Any) -> Iterator[str]:
    """The texts in a record that are recognisable."""
    if isinstance(fact, dict):
        for each in fact.values():
            yield from telling_texts(each)
    elif isinstance(fact, str) and len(fact) >= _SHORTEST_TELLING and not fact.islower():
        yield fact


def test_no_file_of_redis_sql_or_the_logs_holds_what_only_one_person_may_know(
    stage: Stage, full_run: tuple[Person, list[bytes]]
) -> None:
    person, answers = full_run
    secrets = person.seen.secrets

    files = files_to_search(stage.gateway.data_dir)

    assert 2 * 35 * 48 <= secrets.readings
    assert len(secrets.texts) >= 12
    assert {".aof", ".db", ".log"} <= {path.suffix for path in files}
    assert {path.stem for path in files} >= {"api", "worker-interactive", "worker-bulk", "beat", "valkey"}
    # A search that never finds anything proves nothing: it must find the secrets where they are.
    assert all(count_hits(secrets, answer) > 35 for answer in answers)
    assert 0 == count_file_hits(secrets, files)


@pytest.mark.usefixtures("full_run")
def test_messages_in_the_queue_hold_nothing_but_ids(stage: Stage) -> None:
    """Every message ever sent is in the append-only file."""
    messages = sent_messages(stage.gateway.data_dir / "valkey")

    calls = [arguments for arguments, _ in messages if arguments]
    assert len(calls) >= 1 + len(RESOURCES)
    for arguments, keywords in messages:
        assert {} == keywords
        assert [] == [each for each in arguments if not isinstance(each, int) and not _ID.fullmatch(each)]


def sent_messages(directory: Path) -> list[tuple[list[Any], dict[str, Any]]]:
    """Arguments and keywords of each task in the server's append-only files."""
    written = b"".join(path.read_bytes() for path in directory.rglob("*.aof"))
    bodies = [json.loads(base64.b64decode(body)) for body in _MESSAGE_BODY.findall(written)]
    return [(body[0], body[1]) for body in bodies if isinstance(body, list)]


def test_errors_repeat_nothing_of_what_they_are_about(stage: Stage, full_run: tuple[Person, list[bytes]]) -> None:
    """Another account sends all secrets of one account, in every field of a request."""
    person, _ = full_run
    other = stage.new_person()
    bodies = []
    for text in person.seen.texts:
        quoted = quote(text, safe="")
        bodies += [
            stage.client.get(f"/v1/{quoted}", headers=other.headers),
            stage.client.get(f"/v1/usage-points/{quoted}", headers=other.headers),
            stage.client.get(f"/v1/usage-points/{quoted}/readings/{quoted}", headers=other.headers),
            stage.client.get("/v1/account", headers={"X-API-Key": quoted}),
            stage.client.get("/oauth/callback", params={"state": text, "autorisation_id": text, "error": ""}),
            stage.client.post("/v1/jobs", json={"usage_point_id": text, "dataset": text}, headers=other.headers),
            stage.client.post("/v1/jobs", json={text: text}, headers=other.headers),
            stage.client.post("/v1/consents", json={"usage_point_id": text}, headers=other.headers),
        ]

    # An account's own key is no error; a consent for a known usage point starts, as for any other.
    refused = [answer for answer in bodies if answer.status_code >= 400]
    assert len(refused) > 6 * len(person.seen.texts)
    assert {"application/problem+json"} == {answer.headers["Content-Type"] for answer in refused}
    secrets = person.seen.secrets
    assert 0 == sum(count_hits(secrets, answer.content) for answer in refused)
    # The attempts themselves are in no log either.
    assert 0 == count_file_hits(secrets, files_to_search(stage.gateway.data_dir))


@pytest.mark.usefixtures("full_run")
def test_the_administrators_dashboard_shows_tasks_by_ids_alone(stage: Stage) -> None:
    password = (stage.gateway.data_dir / "flower_password").read_text().strip()
    with httpx.Client(base_url=stage.gateway.flower, auth=("admin", password), timeout=PATIENCE_SECONDS) as flower:
        tasks = flower.get("/api/tasks").raise_for_status()
        # Flower receives each task's event a little later.
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(tasks.json()) < len(RESOURCES) + len(RECORDS) and time.monotonic() < deadline:
            time.sleep(0.1)
            tasks = flower.get("/api/tasks").raise_for_status()
        page = flower.get("/tasks").raise_for_status()
        nobody = httpx.get(f"{stage.gateway.flower}/api/tasks", timeout=PATIENCE_SECONDS)

    assert len(tasks.json()) >= len(RESOURCES) + len(RECORDS)
    assert 401 == nobody.status_code
    for person in stage.people:
        assert 0 == count_hits(person.seen.secrets, tasks.content)
        # The page's forms contain their own values: numbers are not searched for.
        assert 0 == count_hits(Secrets(person.seen.texts, []), page.content)
