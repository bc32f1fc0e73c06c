"""A real PostgreSQL stops while calls are due: none is given up because of it, and all are run afterwards."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from redis import Redis

from shared.config.settings import Settings
from shared.jobs.models import CallTicket, JobStatus
from shared.storage.database import migrate
from tests.support.household import household
from tests.support.postgresql import PostgresqlServer, running_postgresql

pytestmark = pytest.mark.anyio

NAME = "releve"


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """A server used by this test only, with a migrated database."""
    with running_postgresql() as server:
        server.create_database(NAME)
        asyncio.run(migrate(server.url(NAME)))
        yield server


async def test_a_call_outlives_any_outage_of_the_database(
    server: PostgresqlServer, settings: Settings, redis_url: str
) -> None:
    here = settings.model_copy(update={"database_url": type(settings.database_url)(server.url(NAME))})
    async with household(here) as home:
        home.provider.answers["contract"] = {"segment": "C5"}
        ticket = CallTicket((await home.create_job("contract")).id, 0)
        await asyncio.to_thread(server.stop)
        begun = datetime.now(UTC).timestamp()

        for _ in range(here.call_attempts + 3):
            await home.do_again(ticket)
        during = await home.load_job(ticket.job_id)
        with Redis.from_url(redis_url) as redis:
            lease = redis.zscore("leases", f"{ticket.job_id}/{ticket.number}")
        await asyncio.to_thread(server.start)
        await home.do_again(ticket)

        assert JobStatus.RUNNING is during.status
        assert isinstance(lease, float)
        assert begun + 5 <= lease <= datetime.now(UTC).timestamp() + 6.25
        assert JobStatus.SUCCEEDED is (await home.load_job(ticket.job_id)).status
        assert 1 == len(home.provider.asked)
