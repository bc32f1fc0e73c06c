"""The embedded server: really started, really killed."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from cli.up.embedded_valkey import SocketPlace, place_socket, valkey_child
from cli.up.events import ChildRestarted, Ready

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Supervise

pytestmark = pytest.mark.anyio


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "valkey"
    directory.mkdir()
    return directory


@pytest.fixture
def place(directory: Path) -> SocketPlace:
    return place_socket(directory)


async def test_it_answers_on_its_socket_only_to_its_owner(
    supervise: Supervise, directory: Path, place: SocketPlace
) -> None:
    async with supervise([valkey_child(directory, place.path, 0)]) as supervised:
        await supervised.told.wait_for(Ready)
        async with Redis.from_url(place.redis_url, decode_responses=True) as client:
            chosen = {name: (await client.config_get(name))[name] for name in ("port", "maxmemory-policy")}
        mode = stat.S_IMODE(place.path.stat().st_mode)
        exit_code = await supervised.stop()

    assert chosen == {"port": "0", "maxmemory-policy": "noeviction"}
    assert (mode, exit_code) == (0o700, 0)


async def test_data_outlives_a_stop(supervise: Supervise, directory: Path, place: SocketPlace) -> None:
    for expected in (None, b"kept"):
        async with supervise([valkey_child(directory, place.path, 0)]) as supervised:
            await supervised.told.wait_for(Ready)
            async with Redis.from_url(place.redis_url) as client:
                found = await client.get("key")
                await client.set("key", "kept")
        assert expected == found


async def test_data_outlives_a_kill_and_the_server_is_started_again(
    supervise: Supervise, directory: Path, place: SocketPlace
) -> None:
    async with supervise([valkey_child(directory, place.path, 0)]) as supervised:
        ready = await supervised.told.wait_for(Ready)
        async with Redis.from_url(place.redis_url) as client:
            await client.set("key", "kept")
        os.kill(ready.pids["valkey"], signal.SIGKILL)
        await supervised.told.wait_for(ChildRestarted)
        async with Redis.from_url(place.redis_url) as client:
            assert await client.get("key") == b"kept"


async def test_socket_of_a_deep_directory_is_in_a_private_one(supervise: Supervise, tmp_path: Path) -> None:
    directory = tmp_path / ("deep" * 25) / "with a space"
    directory.mkdir(parents=True)
    place = place_socket(directory)
    assert place.private_directory is not None

    async with supervise([valkey_child(directory, place.path, 0)]) as supervised:
        supervised.guard.watch_directory(place.private_directory)
        await supervised.told.wait_for(Ready)
        mode = stat.S_IMODE(place.private_directory.stat().st_mode)
        async with Redis.from_url(place.redis_url) as client:
            assert await client.ping()

    assert mode == 0o700
    assert not place.private_directory.exists()
    assert (directory / "appendonlydir").is_dir()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit of 108 bytes is Linux's")
def test_chosen_socket_path_fits_in_a_socket_address(tmp_path: Path) -> None:
    for depth in range(0, 120, 7):
        place = place_socket(tmp_path / ("d" * depth))
        if place.private_directory is not None:
            place.private_directory.rmdir()
        assert len(os.fsencode(place.path)) < 108
