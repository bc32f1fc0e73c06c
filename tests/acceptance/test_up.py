"""`releve up` on one machine: the configurations it rejects."""

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx

from cli.demo.gateway import FOREIGN_PREFIXES
from cli.up.child import COMMAND
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import Stage


def run_up(data_dir: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run `releve up` as users start it, when it is expected to exit by itself."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
    argv: Sequence[str] = [*COMMAND, "up", "--data-dir", str(data_dir), *options]
    return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def test_a_port_in_use_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        ended = run_up(tmp_path / "data", "--port", port, "--flower-port", "0", "--simulator-port", "0")

    assert 1 == ended.returncode
    assert f"port {port}" in ended.stdout
    assert "--port" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert [] == list((tmp_path / "data" / "logs").iterdir())


def test_a_second_one_on_the_same_data_directory_is_refused_and_harms_nothing(stage: Stage) -> None:
    ended = run_up(stage.gateway.data_dir, "--port", "0", "--flower-port", "0", "--simulator-port", "0")

    assert 1 == ended.returncode
    assert f"process {stage.gateway.process.pid}" in ended.stdout
    assert "--data-dir" in ended.stdout
    assert {"status": "ready"} == httpx.get(f"{stage.gateway.api}/health/ready").json()
