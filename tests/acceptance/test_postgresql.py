"""The whole gateway over a real PostgreSQL instead of the SQLite file: the same guarantees hold."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateways import FAST, running_stage
from tests.support.postgresql import PostgresqlServer
from tests.support.running_gateway import Stage, settled_days

NAME = "gateway"


@pytest.fixture
def stage(postgresql: PostgresqlServer, tmp_path: Path) -> Iterator[Stage]:
    """A gateway whose settings name a database without tables; `up` migrates it."""
    postgresql.create_database(NAME)
    with running_stage(tmp_path / "gateway", {**FAST, "DATABASE_URL": postgresql.url(NAME)}) as stage:
        yield stage
    postgresql.drop_database(NAME)


def test_from_account_to_readings_and_on_after_the_databases_restart(
    stage: Stage, postgresql: PostgresqlServer
) -> None:
    person, stranger = stage.new_person(), stage.new_person()
    usage_point_id = stage.new_household()
    start, end = settled_days(7)
    granted = person.give_consent(usage_point_id)

    job = person.fetch(usage_point_id, "daily_consumption", start, end)
    readings = person.read(usage_point_id, "daily_consumption", start, end).json()["readings"]
    # API and workers have open connections to the server that stops now.
    postgresql.stop()
    postgresql.start()
    again = person.read(usage_point_id, "daily_consumption", start, end).json()["readings"]
    later_job = person.fetch(usage_point_id, "daily_consumption_max_power", start, end)

    assert "granted" == granted["status"]
    assert ("succeeded", "succeeded") == (job["status"], later_job["status"])
    assert 7 == len(readings)
    assert readings == again
    stranger.get(f"/v1/usage-points/{usage_point_id}", 404)
    assert not (stage.gateway.data_dir / "releve.db").exists()
    stored = postgresql.stored_bytes(NAME)
    assert person.account_id.encode() in stored
    for secret in (usage_point_id, person.api_key):
        assert secret.encode() not in stored
