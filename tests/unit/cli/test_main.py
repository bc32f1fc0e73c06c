"""The command's interface: names, help, imports."""

import json
import secrets
import subprocess
import sys

from typer.testing import CliRunner

from cli.main import app

SETTINGS = {
    "RELEVE_SECRET_KEY": secrets.token_hex(32),
    "REDIS_URL": "redis://redis.example/0",
    "DATABASE_URL": "sqlite+aiosqlite:///:memory:",
}
PROCESS_COMMANDS = ("up", "api", "worker", "beat", "flower", "simulator", "migrate", "openapi")
ACCOUNT_COMMANDS = ("login", "logout", "whoami", "status", "datasets", "tempo", "consent")
DATA_COMMANDS = ("fetch", "cancel", "watch", "show", "export")
COMMANDS = PROCESS_COMMANDS + ACCOUNT_COMMANDS + DATA_COMMANDS


def test_every_command_explains_itself() -> None:
    runner = CliRunner()

    shown = runner.invoke(app, ["--help"]).output
    helps = {name: runner.invoke(app, [name, "--help"]).exit_code for name in COMMANDS}

    assert [name for name in COMMANDS if name not in shown] == []
    assert helps == dict.fromkeys(COMMANDS, 0)


def test_version_is_printed() -> None:
    told = CliRunner().invoke(app, ["--version"])

    assert (told.exit_code, told.output.split()[0]) == (0, "releve")


def test_unknown_lane_is_refused() -> None:
    assert CliRunner().invoke(app, ["worker", "--lane", "fast"]).exit_code == 2


def test_flower_without_a_password_does_not_start() -> None:
    told = CliRunner(env=SETTINGS | {"FLOWER_PASSWORD": "", "FLOWER_PASSWORD_FILE": ""}).invoke(app, ["flower"])

    assert told.exit_code == 1
    assert "FLOWER_PASSWORD" in str(told.exception)


def test_unusable_settings_end_with_their_names_and_no_traceback() -> None:
    told = subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", "migrate"],
        env=SETTINGS | {"RELEVE_SECRET_KEY": "short-secret"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 1
    assert "RELEVE_SECRET_KEY" in told.stderr
    assert "Traceback" not in told.stderr
    assert "short-secret" not in told.stderr


def test_help_loads_none_of_the_services() -> None:
    script = """
import sys
from cli.main import app
try:
    app(["--help"])
except SystemExit:
    pass
heavy = {"fastapi", "celery", "sqlalchemy", "redis", "httpx", "uvicorn", "cryptography", "opentelemetry", "pydantic"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert ended.stderr.strip() == "[]"


def test_command_also_runs_as_a_module() -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", "--version"], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout.split()[0]) == (0, "releve")


def test_no_process_starts_with_a_secret_out_of_an_example() -> None:
    known = "change-me-change-me-change-me-change-me"

    told = CliRunner(env=SETTINGS | {"RELEVE_SECRET_KEY": known}).invoke(app, ["migrate"])

    assert told.exit_code == 1
    assert "RELEVE_SECRET_KEY: it can be guessed" in str(told.exception)
    assert known not in str(told.exception)


def test_the_contract_of_one_other_gateway_is_printed_alone() -> None:
    printed = CliRunner().invoke(app, ["openapi", "--contract", "conso"])

    assert 0 == printed.exit_code
    paths = json.loads(printed.stdout)["paths"]
    assert "/api/daily_consumption" in paths
    assert all(path.startswith("/api/") for path in paths)


def test_an_unknown_contract_is_refused() -> None:
    assert 2 == CliRunner().invoke(app, ["openapi", "--contract", "of-nobody"]).exit_code
