"""An account holder reads data with the command line tool alone: no curl, no key on the command line."""

import json
import re
import subprocess
from pathlib import Path

import httpx
from typer.testing import CliRunner

from bench import clock
from cli.main import app
from cli.up.child import COMMAND
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import ONE_DAY, Person, Stage, hours_of, settled_days

CURVE = "consumption_load_curve"


class Terminal:
    """A terminal: runs commands, and keeps everything printed."""

    def __init__(self, directory: Path) -> None:
        self.environ = {
            "RELEVE_CONFIG_DIR": str(directory / "config"),
            "RELEVE_URL": "",
            "RELEVE_API_KEY": "",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            **clock.of_here(),
        }
        self.transcript = ""

    def types(self, *arguments: str) -> str:
        """Run a command that succeeds; returns its output."""
        ended = CliRunner(env=self.environ).invoke(app, arguments)
        self.transcript += ended.stdout + ended.stderr
        assert 0 == ended.exit_code, ended.output
        return ended.stdout

    def gives_consent(self, usage_point_id: str, *arguments: str) -> str:
        """Run `releve consent`, and meanwhile give the consent in the browser."""
        with subprocess.Popen(
            [*COMMAND, "consent", *arguments],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stderr is not None
            link = next(found[0] for line in running.stderr if (found := re.search(r"http://\S+", line)))
            with httpx.Client(follow_redirects=True, timeout=PATIENCE_SECONDS) as browser:
                page = browser.post(link).json()["provider_url"]
                browser.get(f"{page}&auto=approve&usage_point_id={usage_point_id}").raise_for_status()
            printed, said = running.communicate(timeout=PATIENCE_SECONDS)
        self.transcript += printed + said
        assert 0 == running.returncode, said
        return printed


def test_a_person_needs_nothing_but_the_command(stage: Stage, tmp_path: Path) -> None:
    usage_point_id, (start, end) = stage.new_household(), settled_days(7)
    days = ("--from", str(start), "--to", str(end))
    terminal = Terminal(tmp_path)

    terminal.types("login", "--register", "--url", stage.gateway.api)
    api_key = json.loads((tmp_path / "config" / "credentials.json").read_text())["api_key"]
    account_id = json.loads(terminal.types("whoami", "--json"))["account_id"]
    person = Person(stage.client, account_id, api_key)
    person.seen.texts += [api_key, usage_point_id]
    stage.people.append(person)
    shared = terminal.gives_consent(usage_point_id, "--label", "Home")
    fetched = terminal.types("fetch", CURVE, *days)
    job = json.loads(terminal.types("fetch", CURVE, *days, "--no-wait", "--json"))
    watched = json.loads(terminal.types("watch", job["id"], "--json"))
    shown = terminal.types("show", CURVE, "--point", "home", *days)
    read = json.loads(terminal.types("show", CURVE, *days, "--json"))
    terminal.types("export", CURVE, *days, "--output", str(tmp_path / "curve.csv"))
    terminal.types("export", "--all", "--output", str(tmp_path / "everything.zip"))
    status = terminal.types("status")

    name = f"Home (…{usage_point_id[-4:]})"
    assert f"✓ {name}: consumption" in shared
    assert f"✓ {CURVE} of {name}: succeeded, with 1 call to Enedis" in fetched
    # Stored data costs no call.
    assert ("succeeded", 0) == (watched["status"], watched["progress"]["calls_total"])
    readings = person.read(usage_point_id, CURVE, start, end).json()["readings"]
    assert readings == read["readings"]
    halves = sum(hours_of(start + index * ONE_DAY) for index in range(7)) * 2
    assert halves == len(readings)
    for index in range(7):
        assert f"{start + index * ONE_DAY:%a %Y-%m-%d} " in shown
    assert f"total {sum(each['value'] for each in readings) / 2 / 1000:,.2f} kWh" in shown
    assert halves + 1 == len((tmp_path / "curve.csv").read_text().splitlines())
    assert b"PK" == (tmp_path / "everything.zip").read_bytes()[:2]
    assert name in status
    assert CURVE in status
    assert api_key not in terminal.transcript
    assert usage_point_id not in terminal.transcript
