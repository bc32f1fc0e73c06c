"""The nightly refresh, run manually next to the running gateway: it fetches missing data for accounts that opted in."""

import os
import sqlite3
import subprocess
import time
from datetime import date, datetime

import pytest
from redis import Redis

from cli.demo.gateway import FOREIGN_PREFIXES
from cli.up.child import COMMAND
from cli.up.embedded_valkey import place_socket
from tests.support.gateways import SECRET_KEY
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import ONE_DAY, PARIS, Person, Stage, settled_days


@pytest.fixture
def stage(everyday_stage: Stage) -> Stage:
    """A gateway with few accounts: a refresh runs for all of them."""
    return everyday_stage


def published_until() -> date:
    """The first day that is not published yet: a day is published on the next one, at eight."""
    now = datetime.now(PARIS)
    return now.date() if now.hour >= 8 else now.date() - ONE_DAY


def redis_url(stage: Stage) -> str:
    """The URL of the gateway's embedded Valkey."""
    return place_socket(stage.gateway.data_dir / "valkey").redis_url


def refresh_now(stage: Stage) -> str:
    """Run `releve admin refresh --now` with the gateway's settings, and wait until its jobs have ended."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
    environ |= {
        "RELEVE_SECRET_KEY": SECRET_KEY,
        "REDIS_URL": redis_url(stage),
        "DATABASE_URL": f"sqlite+aiosqlite:///{stage.gateway.data_dir / 'releve.db'}",
    }
    argv = [*COMMAND, "admin", "refresh", "--now"]
    ended = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (0, "") == (ended.returncode, ended.stderr)
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Redis.from_url(redis_url(stage)) as redis:
        # The jobs belong to all accounts; no response reports that none of their calls is left.
        while redis.zcard("leases"):
            assert time.monotonic() < deadline, "the refresh does not end"
            time.sleep(0.05)
    return ended.stdout


def let_consent_expire(stage: Stage, person: Person) -> None:
    """Change the end of the consent for this account's usage point to today."""
    (point,) = person.get("/v1/usage-points")["usage_points"]
    connection = sqlite3.connect(stage.gateway.data_dir / "releve.db")
    with connection:
        today = datetime.now(PARIS).date().isoformat()
        connection.execute("UPDATE consents SET expires_on = ? WHERE id = ?", (today, point["consent"]["id"]))
    connection.close()
    (point,) = person.get("/v1/usage-points")["usage_points"]
    assert not point["consent"]["active"]


def test_the_refresh_brings_what_is_missing_up_to_the_last_published_day_and_a_second_one_costs_nothing(
    stage: Stage, person: Person, household: str
) -> None:
    start, known_until = settled_days(30)
    person.fetch(household, "daily_consumption", start, known_until)

    def refresh_twice() -> tuple[str, int, str, int]:
        told = refresh_now(stage)
        calls = stage.enedis.count()
        return told, calls, refresh_now(stage), stage.enedis.count()

    published = published_until()
    told, calls, told_again, calls_again = refresh_twice()
    if published != published_until():
        # Another day was published meanwhile.
        published = published_until()
        told, calls, told_again, calls_again = refresh_twice()

    assert "jobs planned" in told
    for dataset, first in {
        "daily_consumption": start,
        # Datasets that were never requested: the last week.
        "daily_consumption_max_power": published - 7 * ONE_DAY,
        "consumption_load_curve": published - 7 * ONE_DAY,
    }.items():
        answer = person.read(household, dataset, first, published)
        days = {reading["start"][:10] for reading in answer.json()["readings"]}
        assert [] == answer.json()["missing"]
        assert {str(first + number * ONE_DAY) for number in range((published - first).days)} == days
    assert told_again.splitlines()[-1].startswith("0 jobs planned")
    assert calls == calls_again


def test_the_refresh_asks_nothing_for_a_consent_that_has_expired(stage: Stage, person: Person, household: str) -> None:
    start, end = settled_days(7)
    person.fetch(household, "daily_consumption", start, end)
    calls = len(stage.enedis.calls(household))
    let_consent_expire(stage, person)

    refresh_now(stage)

    assert (1, calls) == (calls, len(stage.enedis.calls(household)))
    assert {"hit"} == {person.read(household, "daily_consumption", start, end).headers["X-Cache-Status"]}
