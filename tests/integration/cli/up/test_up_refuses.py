"""The checks of `releve up` before it starts a process."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.up.data_directory import DataDirectoryRefused, open_data_directory
from tests.support.patience import PATIENCE_SECONDS

FREE_PORTS = ("--port", "0", "--flower-port", "0", "--simulator-port", "0")


def run_up(data_dir: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "up", "--output", "json", "--data-dir", str(data_dir), *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("setting", ["--port", "--flower-port", "--simulator-port"])
def test_port_in_use_is_named_with_its_setting_and_nothing_starts(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        exit_code, events = run_up(tmp_path / "var", *FREE_PORTS, setting, str(port))

    assert exit_code == 1
    (refused,) = events
    assert refused["event"] == "refused"
    assert f"port {port}" in refused["message"]
    assert setting in refused["message"]
    assert list((tmp_path / "var" / "logs").iterdir()) == []


def test_a_database_whose_secret_key_is_lost_is_not_served_with_another_one(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    data_dir.mkdir()
    (data_dir / "releve.db").write_bytes(b"")

    exit_code, events = run_up(data_dir, *FREE_PORTS)

    assert exit_code == 1
    (refused,) = events
    assert refused["event"] == "refused"
    assert str(data_dir / "secret_key") in refused["message"]
    assert not (data_dir / "secret_key").exists()
    assert list((data_dir / "logs").iterdir()) == []


def test_same_port_for_two_services_is_refused(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])

    exit_code, events = run_up(tmp_path, *FREE_PORTS, "--port", port, "--flower-port", port)

    assert (exit_code, events[0]["event"]) == (1, "refused")
    assert "--flower-port" in events[0]["message"]


def test_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    exit_code, events = run_up(tmp_path, *FREE_PORTS, "--host", "192.0.2.1")

    assert (exit_code, events[0]["event"]) == (1, "refused")
    assert "192.0.2.1" in events[0]["message"]


def test_second_one_on_the_same_data_directory_is_refused(tmp_path: Path) -> None:
    with open_data_directory(tmp_path):
        exit_code, events = run_up(tmp_path, *FREE_PORTS)

    assert (exit_code, events[0]["event"]) == (1, "refused")
    assert f"process {os.getpid()}" in events[0]["message"]
    assert "--data-dir" in events[0]["message"]


def test_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    exit_code, events = run_up(tmp_path / "file" / "var", *FREE_PORTS)

    assert (exit_code, events[0]["event"]) == (1, "refused")
    assert str(tmp_path / "file" / "var") in events[0]["message"]


def test_data_directory_of_a_killed_one_is_taken_over_once_its_guard_has_ended(tmp_path: Path) -> None:
    """A guard holds the lock, and the process id in it is that of an ended process."""
    with open_data_directory(tmp_path):
        pass
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock = tmp_path / "lock"
    lock.write_text(f"{gone.pid}\n")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        guard = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=(held.fileno(),)
        )
    with guard, pytest.raises(DataDirectoryRefused), open_data_directory(tmp_path, take_over_seconds=0.1):
        raise AssertionError("opened while the guard holds the lock")

    with open_data_directory(tmp_path) as directory:
        owner = lock.read_text()

    assert owner == f"{os.getpid()}\n"
    assert directory.path == tmp_path
