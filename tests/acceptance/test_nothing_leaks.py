"""What the gateway writes down: nothing in it can be read by who finds it."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli.demo.plaintext import count_file_hits, count_hits, files_to_search
from simulator.known_points import Profile
from tests.acceptance.stage import RESOURCES, Person, Stage, settled_days

pytestmark = pytest.mark.timeout(100)

_MESSAGE_BODY = re.compile(rb'"body": ?"([A-Za-z0-9+/]+=*)"')
_ID = re.compile(r"(job|cons)_[0-9a-f]{24}")


@pytest.fixture
def full_run(stage: Stage) -> tuple[Person, list[bytes]]:
    """Somebody who has had every series fetched, also through a failure, and read them; and what they were answered."""
    person, usage_point_id = stage.new_person(), stage.new_household(Profile.SOLAR)
    person.give_consent(usage_point_id)
    stage.enedis.fail(kind="cut", usage_point_id=usage_point_id)
    answers = []
    for dataset in RESOURCES:
        start, end = settled_days(35)
        assert "succeeded" == person.fetch(usage_point_id, dataset, start, end)["status"]
        answers.append(person.read(usage_point_id, dataset, start, end).content)
    return person, answers


def test_no_file_of_redis_sql_or_the_logs_holds_a_key_a_usage_point_or_a_reading(
    stage: Stage, full_run: tuple[Person, list[bytes]]
) -> None:
    person, answers = full_run
    secrets = person.seen.secrets

    files = files_to_search(stage.gateway.data_dir)

    assert 2 * 35 * 48 <= secrets.readings
    assert {".aof", ".db", ".log"} <= {path.suffix for path in files}
    assert {path.stem for path in files} >= {"api", "worker-interactive", "worker-bulk", "beat", "valkey"}
    # A search that finds nothing anywhere proves nothing: it finds them where they are.
    assert all(count_hits(secrets, answer) > 35 for answer in answers)
    assert 0 == count_file_hits(secrets, files)


@pytest.mark.usefixtures("full_run")
def test_messages_in_the_queue_hold_nothing_but_ids(stage: Stage) -> None:
    """Every message that was ever sent is in the append-only file."""
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
