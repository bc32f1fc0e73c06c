"""The running API, an account, and its meter."""

import asyncio
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import make_url

from api.app import create_app
from api.http import long_polling as waiting
from api.http.dependencies import current_time
from shared.config.settings import Settings, load_settings
from shared.consents.models import UsagePoint
from shared.observability.logging import start_logging
from shared.resources import open_resources
from tests.support.api_gateway import Clock, Person, Stage
from tests.support.patience import PATIENCE_SECONDS

# Nothing listens there: tests that use it need no store.
NO_STORES = {"REDIS_URL": "redis://127.0.0.1:9", "DATABASE_URL": "sqlite+aiosqlite://"}


@dataclass(frozen=True)
class Beginning:
    """The initial state of most tests, created once, as it takes longer than most of them. A test gets a copy."""

    secret_key: str = field(repr=False)
    person: Person
    usage_point: UsagePoint
    with_person: Path
    with_usage_point: Path


@pytest.fixture(scope="session")
def built_api() -> FastAPI:
    """The application, built once: its routes take longer to build than most tests to run. Tests use `stage`."""
    return create_app(load_settings({"RELEVE_SECRET_KEY": secrets.token_hex(32), **NO_STORES}))


@pytest.fixture(scope="session")
def beginning(built_api: FastAPI, migrated_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Beginning:
    """An SQLite database with an account, and one that also has its meter; tests use `person` and `usage_point`."""
    directory = tmp_path_factory.mktemp("beginning")
    with_person, with_usage_point = directory / "person.db", directory / "usage-point.db"
    secret_key = secrets.token_hex(32)

    def over(path: Path) -> Settings:
        url = f"sqlite+aiosqlite:///{path}"
        return load_settings({**NO_STORES, "RELEVE_SECRET_KEY": secret_key, "DATABASE_URL": url})

    async def begin() -> tuple[Person, UsagePoint]:
        async with httpx.AsyncClient() as client:
            shutil.copyfile(migrated_database, with_person)
            async with open_resources(over(with_person)) as resources:
                person = await Stage(built_api, client, resources, Clock()).create_person()
            _gather(with_person)
            shutil.copyfile(with_person, with_usage_point)
            async with open_resources(over(with_usage_point)) as resources:
                usage_point = await Stage(built_api, client, resources, Clock()).grant(person)
            _gather(with_usage_point)
        return person, usage_point

    person, usage_point = asyncio.run(begin())
    return Beginning(secret_key, person, usage_point, with_person, with_usage_point)


def _gather(database: Path) -> None:
    """Checkpoint everything into the single file that is copied."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.fixture
def settings(settings: Settings, beginning: Beginning) -> Settings:
    """The same settings, with the secret that encrypts the copy."""
    return settings.model_copy(update={"secret_key": SecretStr(beginning.secret_key)})


@pytest.fixture
def is_copied(settings: Settings) -> bool:
    """Whether the database can be a copy of the initial state: a PostgreSQL database can't."""
    return settings.database_url.get_secret_value().startswith("sqlite")


@pytest.fixture
def their_meter() -> None:
    """Requested only by the `usage_point` that is copied, not by a file's own `usage_point`."""


@pytest.fixture
async def stage(
    request: pytest.FixtureRequest, built_api: FastAPI, settings: Settings, beginning: Beginning, is_copied: bool
) -> AsyncIterator[Stage]:
    """The running API, over the stores of this test."""
    clock = Clock()
    # As the API does when it starts: a logged failure must not show the values of its variables.
    start_logging(settings.log_level)
    database = make_url(settings.database_url.get_secret_value()).database
    has_point = is_copied and "their_meter" in request.fixturenames
    if is_copied and "person" in request.fixturenames:
        shutil.copyfile(beginning.with_usage_point if has_point else beginning.with_person, str(database))

    async def now() -> datetime:
        return clock.now

    built_api.dependency_overrides = {current_time: now}
    async with (
        open_resources(settings) as resources,
        httpx.AsyncClient(transport=httpx.ASGITransport(built_api), base_url="http://gateway.test") as client,
    ):
        built_api.state.resources = resources
        # The first consent is the one of the meter.
        yield Stage(built_api, client, resources, clock, count(2 if has_point else 1))


@pytest.fixture
def patient(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the wait limits, so that waits for concurrent steps of a test do not end early on a slow machine."""
    monkeypatch.setattr(waiting, "LONGEST_WAIT_SECONDS", int(PATIENCE_SECONDS))
    settings = stage.resources.settings.model_copy(update={"compat_wait_seconds": PATIENCE_SECONDS})
    stage.resources = stage.app.state.resources = replace(stage.resources, settings=settings)


@pytest.fixture
async def person(stage: Stage, beginning: Beginning, is_copied: bool) -> Person:
    """An empty account."""
    return beginning.person if is_copied else await stage.create_person()


@pytest.fixture
async def usage_point(
    stage: Stage, person: Person, beginning: Beginning, is_copied: bool, their_meter: None
) -> UsagePoint:
    """The account's meter: `PRM`, consumption only."""
    return beginning.usage_point if is_copied else await stage.grant(person)
