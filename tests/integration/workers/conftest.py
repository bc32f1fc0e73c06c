"""A worker's resources with real stores and a served Enedis."""

import logging
from collections.abc import AsyncIterator, Iterator
from io import StringIO

import pytest
import structlog
from redis import Redis

from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.observability.logging import start_logging
from shared.resources import Resources, open_resources
from tests.support.loopback import one_authority
from tests.support.patience import PATIENCE_SECONDS, PROVIDER_PATIENCE_SECONDS
from tests.support.simulated_enedis import HEATED_HOUSE, SimulatedEnedis, simulated_enedis
from tests.support.worker import Person, Stage
from workers.registry import build_providers
from workers.upstream.http_client import open_http


@pytest.fixture(scope="session", autouse=True)
def quick_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """HTTP clients that are fast to create."""
    with one_authority(tmp_path_factory.mktemp("tls")):
        yield


@pytest.fixture(scope="session")
def served_enedis() -> Iterator[SimulatedEnedis]:
    """The simulator of this test process; tests use `enedis`, which is reset for each test."""
    with simulated_enedis("application-under-test", "not-a-secret") as enedis:
        yield enedis


@pytest.fixture
def enedis(served_enedis: SimulatedEnedis) -> SimulatedEnedis:
    """A reset simulator."""
    served_enedis.start_again()
    return served_enedis


@pytest.fixture
def worker_settings(settings: Settings, enedis: SimulatedEnedis) -> Settings:
    """Settings of a worker that calls the simulator without a rate limit."""
    return settings.model_copy(
        update={
            "enedis_base_url": enedis.base_url,
            "enedis_per_second": 1000,
            "enedis_per_hour": 100_000,
            "enedis_timeout_seconds": PROVIDER_PATIENCE_SECONDS,
        }
    )


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client to inspect the store."""
    with Redis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.fixture
async def resources(worker_settings: Settings) -> AsyncIterator[Resources]:
    """A worker's stores."""
    async with open_resources(worker_settings) as opened:
        yield opened


@pytest.fixture
async def stage(resources: Resources, enedis: SimulatedEnedis, redis: Redis) -> AsyncIterator[Stage]:
    """A worker's resources."""
    async with open_http(resources.settings.enedis_timeout_seconds) as http:
        yield Stage(resources, build_providers(resources, http), enedis, http, redis)


@pytest.fixture
async def person(stage: Stage) -> Person:
    """An empty account."""
    return await stage.create_person()


@pytest.fixture
async def house(stage: Stage, person: Person) -> UsagePoint:
    """The account's house, which consumes and has consent."""
    return await stage.grant(person, HEATED_HOUSE)


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """Every log line written from here on. The logging of the test process is restored."""
    root, written = logging.getLogger(), StringIO()
    before = root.handlers, root.level
    monkeypatch.setattr("sys.stderr", written)
    start_logging("debug")
    monkeypatch.undo()
    # The API starts logging too, as the worker does; once is enough.
    monkeypatch.setattr("api.app.start_logging", lambda _level: None)
    yield written
    root.handlers, root.level = before
    structlog.reset_defaults()
