"""The resources of a process: opened over the real stores, connected by the settings, and closed with it."""

import subprocess
import sys
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from shared.config.settings import Settings
from shared.consents.models import GrantedPoint
from shared.core.calendar import ONE_DAY, DayRange, day_start
from shared.core.datasets import Series
from shared.crypto.vault import ServerSecret
from shared.jobs.ledger import OK, job_key
from shared.jobs.models import CallTicket, Lane
from shared.jobs.task_queue import Cause
from shared.readings.models import Coverage, Reading
from shared.resources import open_resources
from shared.storage.database import Database
from tests.support.patience import PATIENCE_SECONDS
from tests.support.states import take_state

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PRM = "99999999999991"
DAY = date(2026, 11, 21)


def changed(settings: Settings, **variables: object) -> Settings:
    """The same settings with changes, by the names of their variables."""
    return Settings.model_validate({**settings.model_dump(by_alias=True), **variables})


async def clients_of(redis_url: str) -> set[str]:
    """The ids of all clients of a server except the one that queries it."""
    async with Redis.from_url(redis_url) as watcher:
        own = str(await watcher.client_id())
        return {each["id"] for each in await watcher.client_list()} - {own}


async def test_a_reading_goes_the_whole_way_through_the_parts_of_one_process(settings: Settings) -> None:
    async with open_resources(settings) as resources:
        account, api_key = await resources.accounts.create_account(NOW)
        consent, state = await resources.authorization_states.create(account.id, NOW)
        await take_state(resources.authorization_states, state, NOW, 58_249)
        await resources.grants.grant(consent.id, [GrantedPoint(PRM)], NOW)
        (point_id,) = await resources.usage_points.active_ids(NOW)
        series = Series(account.id, point_id, "consumption_load_curve")
        days = DayRange(DAY, DAY + ONE_DAY)
        job = await resources.jobs.create_job(series, days, Lane.INTERACTIVE, [days], {}, NOW)
        (due,) = await resources.ledger.send_next(NOW)
        await resources.task_queue.enqueue_calls([due])
        await resources.ledger.start_call(due.ticket, NOW, 10)
        readings = [Reading(day_start(DAY), "PT30M", 540)]
        coverage = Coverage(str(DAY), NOW, DAY, DAY + ONE_DAY)
        await resources.readings.save_window(
            job, coverage, readings, await resources.accounts.load_public_key(account.id)
        )
        await resources.ledger.settle(due.ticket, OK, NOW)

    async with open_resources(settings) as others:
        caller = await others.accounts.authenticate(api_key)
        opened = list(await others.readings.open_windows(series, [str(DAY)], caller.private_key))
        ended = await others.jobs.load_job(job.id)
        assert readings == opened
        assert ended is not None
        assert ended.status.ended
        assert 1 == await others.redis.llen(Lane.INTERACTIVE)


async def test_the_settings_reach_the_parts(settings: Settings) -> None:
    chosen = changed(settings, RELEVE_CALLS_IN_FLIGHT=2, RELEVE_QUEUED_LEASE_SECONDS=33.0, RELEVE_JOB_RETENTION_DAYS=3)
    days = [DayRange(DAY + ONE_DAY * n, DAY + ONE_DAY * (n + 1)) for n in range(3)]

    async with open_resources(chosen) as resources:
        series = Series("acct_1", "up_1", "consumption_load_curve")
        job = await resources.jobs.create_job(series, DayRange(DAY, days[-1].end), Lane.BULK, days, {}, NOW)
        sent = await resources.ledger.send_next(NOW)
        overdue = [await resources.ledger.overdue_calls(NOW + timedelta(seconds=each)) for each in (32.9, 33)]
        for number in range(3):
            await resources.ledger.settle(CallTicket(job.id, number), OK, NOW)
        kept_seconds = await resources.redis.ttl(job_key(job.id))

    assert 2 == len(sent)
    assert [0, 2] == [len(each) for each in overdue]
    assert 3 * 86_400 == kept_seconds
    assert chosen == resources.settings


async def test_earlier_secrets_still_open_what_they_closed(settings: Settings) -> None:
    async with open_resources(settings) as before:
        account, _ = await before.accounts.create_account(NOW)
        public_key = await before.accounts.load_public_key(account.id)
    rotated = changed(
        settings,
        RELEVE_SECRET_KEY="another-secret-key-for-tests-0123456789",
        RELEVE_PREVIOUS_SECRET_KEYS=(settings.secret_key,),
    )

    async with open_resources(rotated) as after:
        assert public_key == await after.accounts.load_public_key(account.id)
        assert before.server.key_id != after.server.key_id


async def test_nothing_is_connected_before_its_first_use(settings: Settings, tmp_path: Path) -> None:
    nowhere = changed(
        settings,
        REDIS_URL=f"unix://{tmp_path}/none.sock?db=0",
        DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/none/none.db",
    )

    async with open_resources(nowhere) as resources:
        assert isinstance(resources.server, ServerSecret)

    assert not (tmp_path / "none").exists()


async def test_stores_are_given_back_at_the_end_also_of_a_failure(settings: Settings, redis_url: str) -> None:
    opened: list[Database] = []
    before = await clients_of(redis_url)

    async def fail() -> None:
        async with open_resources(settings) as resources:
            await resources.redis.ping()
            await resources.accounts.create_account(NOW)
            opened.append(resources.database)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()

    assert before == await clients_of(redis_url)
    assert "Connections in pool: 0" in opened[0].engine.pool.status()


async def test_the_queue_is_given_back_at_the_end(settings: Settings, redis_url: str) -> None:
    # Clients left open by earlier tests: the queue's connections are shared by the whole process.
    async with Redis.from_url(redis_url) as other:
        await other.client_kill_filter(_type="normal", skipme=True)

    async with open_resources(settings) as resources:
        await resources.task_queue.enqueue_refresh(Cause.BY_HAND)

    assert set() == await clients_of(redis_url)


async def test_no_repr_of_a_part_shows_a_secret(settings: Settings) -> None:
    async with open_resources(settings) as resources:
        shown = repr(resources) + "".join(repr(getattr(resources, field.name)) for field in fields(resources))

    assert settings.secret_key.get_secret_value() not in shown


def test_importing_every_module_of_shared_connects_to_nothing_and_reads_no_setting() -> None:
    script = """
import importlib, os, pkgutil, socket, threading
class Watched(dict):
    def get(self, name, *rest):
        assert not str(name).startswith(("RELEVE_", "ENEDIS_", "REDIS_", "DATABASE_")), name
        return super().get(name, *rest)
    __getitem__ = get
os.environ = Watched(os.environ)
def refuse(*_, **__):
    raise AssertionError("a connection")
socket.socket.connect = refuse
import shared
for module in pkgutil.walk_packages(shared.__path__, "shared."):
    if not module.ispkg and ".migrations." not in module.name:
        importlib.import_module(module.name)
assert threading.active_count() == 1, threading.enumerate()
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )

    assert (0, "") == (result.returncode, result.stderr)
