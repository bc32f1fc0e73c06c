"""`releve admin check-enedis` as an operator runs it, against a running simulator."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from cli.main import app
from simulator.app import create_app
from simulator.config import SimulatorSettings
from tests.support.loopback import served
from tests.support.patience import PATIENCE_SECONDS, PROVIDER_PATIENCE_SECONDS

ROOT = Path(__file__).parents[4]
CLIENT_ID, CLIENT_SECRET = "application-under-test", "not-a-secret-of-anybody"


@pytest.fixture(scope="module")
def enedis() -> Iterator[str]:
    """Serve a simulator; yields its URL."""
    settings = SimulatorSettings(
        client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET), redirect_uri="http://gateway.test/oauth/callback"
    )
    with served(create_app(settings)) as address:
        yield address


@dataclass(frozen=True)
class Told:
    """The command's exit status and output."""

    status: int
    stdout: str
    stderr: str


def environment_of(address: str, changes: dict[str, str]) -> dict[str, str]:
    """An environment with only Enedis's settings."""
    return {
        "PATH": os.environ["PATH"],
        "ENEDIS_BASE_URL": address,
        "ENEDIS_AUTHORIZE_URL": f"{address}/dataconnect/v2/oauth2/authorize",
        "ENEDIS_CLIENT_ID": CLIENT_ID,
        "ENEDIS_CLIENT_SECRET": CLIENT_SECRET,
        # Long enough for a slow machine.
        "ENEDIS_TIMEOUT_SECONDS": f"{PROVIDER_PATIENCE_SECONDS:g}",
        **changes,
    }


def tells_no_secret(told: Told) -> Told:
    for secret in (CLIENT_ID, CLIENT_SECRET, "eyJ", "Traceback"):
        assert secret not in told.stdout + told.stderr
    return told


def check_as_typed(address: str, **changes: str) -> Told:
    """Run the command in a separate process."""
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "admin", "check-enedis"],
        cwd=ROOT,
        env=environment_of(address, changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return tells_no_secret(Told(ended.returncode, ended.stdout, ended.stderr))


def check(address: str, *options: str, **changes: str) -> Told:
    """Run the command in this process, which takes a tenth of the time."""
    unset: dict[str, str | None] = dict.fromkeys(os.environ)
    runner = CliRunner(env=unset | environment_of(address, changes))
    ended = runner.invoke(app, ["admin", "check-enedis", *options])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return tells_no_secret(Told(ended.exit_code, ended.stdout, ended.stderr))


def test_an_operator_sees_that_all_is_well(enedis: str) -> None:
    ended = check_as_typed(enedis)

    assert 0 == ended.status, ended.stderr
    assert "✓" in ended.stdout
    assert "✗" not in ended.stdout
    assert "http://127.0.0.1:8000/oauth/callback" in ended.stdout


def test_an_operator_sees_what_to_mend(enedis: str) -> None:
    ended = check(enedis, ENEDIS_CLIENT_SECRET="wrong-and-not-shown")

    assert 1 == ended.status
    assert "✗" in ended.stdout
    assert "ENEDIS_CLIENT_SECRET" in ended.stdout
    assert "wrong-and-not-shown" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(("secret", "ok"), [(CLIENT_SECRET, True), ("wrong-and-not-shown", False)])
def test_a_program_reads_the_same_as_one_object(enedis: str, secret: str, ok: bool) -> None:
    ended = check(enedis, "--json", ENEDIS_CLIENT_SECRET=secret, RELEVE_PUBLIC_URL=f"https://{'long-' * 30}name.test")

    document = json.loads(ended.stdout)
    assert (ok, int(not ok)) == (document["ok"], ended.status)
    assert {"name", "outcome", "detail", "action"} == set(document["findings"][0])
    assert (not ok) is any(each["outcome"] == "failed" for each in document["findings"])


def test_settings_that_can_not_be_used_are_named_without_their_value() -> None:
    ended = check_as_typed("http://127.0.0.1:9", ENEDIS_API="neither-nor")

    assert 1 == ended.status
    assert "ENEDIS_API" in ended.stderr
    assert "neither-nor" not in ended.stderr


def test_where_nobody_listens_it_ends_all_the_same() -> None:
    ended = check("http://127.0.0.1:9")

    assert 1 == ended.status
    assert "does not respond" in ended.stdout
