"""Contract, address, holder and registers, from the consent to the response; no other account can read them."""

from collections.abc import Mapping
from typing import Any

import pytest

from cli.demo.plaintext import count_file_hits, count_hits, files_to_search
from simulator.known_points import Profile
from tests.support.running_gateway import ONE_DAY, Document, Person, Stage, settled_days

RECORDS = ("contract", "address", "identity", "contact")
# The fields that identify a person; a segment or a town identifies no one.
TELLING = ("street", "last_name", "email", "phone")


def fetch_record(person: Person, usage_point_id: str, dataset: str) -> Document:
    """Fetch a record and read it."""
    body = {"usage_point_id": usage_point_id, "dataset": dataset}
    answer = person.client.post("/v1/jobs", json=body, headers=person.headers)
    assert 202 == answer.status_code, answer.text
    job = person.wait_for(answer.json())
    assert ("succeeded", [], None) == (job["status"], job["missing"], job["start"]), job
    return person.get(job["links"]["readings"])


def test_every_record_is_fetched_and_read_and_nobody_else_can_read_it(stage: Stage, person: Person) -> None:
    usage_point_id = stage.new_household(Profile.SOLAR)
    person.give_consent(usage_point_id)

    found = {dataset: fetch_record(person, usage_point_id, dataset) for dataset in RECORDS}

    records: dict[str, Mapping[str, Any]] = {dataset: document["record"] for dataset, document in found.items()}
    assert "C5" == records["contract"]["segment"]
    assert {"value": int, "unit": str} == {
        name: type(value) for name, value in records["contract"]["subscribed_power"].items()
    }
    assert all(document["fetched_at"] and not document["missing"] for document in found.values())
    telling = [text for record in records.values() for name in TELLING if (text := record.get(name))]
    assert len(TELLING) == len(telling)
    # The final search of this gateway's spans, after its last test, includes these values.
    person.seen.texts += telling
    assert count_hits(person.seen.secrets, str(found).encode()) >= len(telling)
    assert 0 == count_file_hits(person.seen.secrets, files_to_search(stage.gateway.data_dir))


@pytest.mark.parametrize("dataset", ["consumption_index", "production_index"])
def test_the_registers_of_each_day_go_up_and_make_the_total(stage: Stage, person: Person, dataset: str) -> None:
    usage_point_id = stage.new_household(Profile.SOLAR)
    person.give_consent(usage_point_id)
    start, end = settled_days(35)

    job = person.fetch(usage_point_id, dataset, start, end)
    readings = person.read(usage_point_id, dataset, start, end).json()["readings"]

    assert ("succeeded", [], 1) == (job["status"], job["missing"], job["progress"]["calls_total"])
    assert [str(start + number * ONE_DAY) for number in range(35)] == [reading["start"][:10] for reading in readings]
    totals = [reading["value"] for reading in readings]
    assert sorted(totals) == totals
    assert all(reading["registers"] for reading in readings)
    assert totals == [sum(reading["registers"].values()) for reading in readings]
