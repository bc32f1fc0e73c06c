"""`releve admin check-enedis` as an operator types it, against a simulator that runs beside it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.ports import WantedPort, claim_ports

ROOT = Path(__file__).parents[3]
CLIENT_ID, CLIENT_SECRET = "application-under-test", "not-a-secret-of-anybody"
START_SECONDS = 30.0


@pytest.fixture(scope="module")
def enedis() -> Iterator[str]:
    """A simulator in a process of its own; its address."""
    (port,) = claim_ports([WantedPort("--simulator-port", "127.0.0.1", 0)])
    address = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "SIMULATOR_CLIENT_ID": CLIENT_ID,
        "SIMULATOR_CLIENT_SECRET": CLIENT_SECRET,
        "SIMULATOR_REDIRECT_URI": "http://gateway.test/oauth/callback",
    }
    command = [sys.executable, "-m", "cli.main", "simulator", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as simulator:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(address):
                assert simulator.poll() is None, "the simulator ended"
                assert time.monotonic() < deadline, "the simulator does not answer"
                time.sleep(0.05)
            yield address
        finally:
            simulator.terminate()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/control/households").is_success
    except httpx.TransportError:
        return False


def check(address: str, *options: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    """What an operator types, with nothing set but what concerns Enedis."""
    environment = {
        "PATH": os.environ["PATH"],
        "ENEDIS_BASE_URL": address,
        "ENEDIS_AUTHORIZE_URL": f"{address}/dataconnect/v2/oauth2/authorize",
        "ENEDIS_CLIENT_ID": CLIENT_ID,
        "ENEDIS_CLIENT_SECRET": CLIENT_SECRET,
        **changes,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "admin", "check-enedis", *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    for secret in (CLIENT_ID, CLIENT_SECRET, "eyJ", "Traceback"):
        assert secret not in ended.stdout + ended.stderr
    return ended


def test_an_operator_sees_that_all_is_well(enedis: str) -> None:
    ended = check(enedis)

    assert 0 == ended.returncode, ended.stderr
    assert "✓" in ended.stdout
    assert "✗" not in ended.stdout
    assert "http://127.0.0.1:8000/oauth/callback" in ended.stdout


def test_an_operator_sees_what_to_mend(enedis: str) -> None:
    ended = check(enedis, ENEDIS_CLIENT_SECRET="wrong-and-not-shown")

    assert 1 == ended.returncode
    assert "✗" in ended.stdout
    assert "ENEDIS_CLIENT_SECRET" in ended.stdout
    assert "wrong-and-not-shown" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(("secret", "ok"), [(CLIENT_SECRET, True), ("wrong-and-not-shown", False)])
def test_a_program_reads_the_same_as_one_object(enedis: str, secret: str, ok: bool) -> None:
    ended = check(enedis, "--json", ENEDIS_CLIENT_SECRET=secret, RELEVE_PUBLIC_URL=f"https://{'long-' * 30}name.test")

    document = json.loads(ended.stdout)
    assert (ok, int(not ok)) == (document["ok"], ended.returncode)
    assert {"name", "outcome", "detail", "action"} == set(document["findings"][0])
    assert (not ok) is any(each["outcome"] == "failed" for each in document["findings"])


def test_settings_that_can_not_be_used_are_named_without_their_value() -> None:
    ended = check("http://127.0.0.1:9", ENEDIS_API="neither-nor")

    assert 1 == ended.returncode
    assert "ENEDIS_API" in ended.stderr
    assert "neither-nor" not in ended.stderr


def test_where_nobody_listens_it_ends_all_the_same() -> None:
    ended = check("http://127.0.0.1:9")

    assert 1 == ended.returncode
    assert "does not answer" in ended.stdout
