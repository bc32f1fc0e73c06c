"""The commands that a new user tries first."""

import json
import os
import subprocess
from datetime import date
from pathlib import Path

from cli.demo.gateway import FOREIGN_PREFIXES
from cli.up.child import COMMAND
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import ONE_DAY, hours_of, today_in_paris


def processes_with(setting: str) -> list[str]:
    """The running processes that were started with this setting in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and setting.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # It has just ended, or belongs to another user.
    return found


def least_readings(today: date) -> int:
    """The minimum of three years of days and sixty days of half-hours: without yesterday, published at eight."""
    return 1095 - 1 + sum(2 * hours_of(today - number * ONE_DAY) for number in range(2, 61))


def test_the_demo_holds_writes_its_figures_and_leaves_nothing_running(tmp_path: Path) -> None:
    figures_path = tmp_path / "figures.json"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
    begun_on = today_in_paris()
    environ |= {"DEMO_JSON": str(figures_path), "TMPDIR": str(tmp_path)}

    ended = subprocess.run(
        [*COMMAND, "demo"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
        cwd=tmp_path,
    )

    assert 0 == ended.returncode, ended.stdout + ended.stderr
    figures = json.loads(figures_path.read_text())
    assert {"ok", "calls_first", "calls_again", "readings", "trace_spans", "plaintext_hits", "seconds"} == set(figures)
    assert (True, 0, 0) == (figures["ok"], figures["calls_again"], figures["plaintext_hits"])
    # Three years of days and sixty days of half-hours; midnight may have passed meanwhile.
    assert figures["calls_first"] >= 4 + 9
    assert figures["readings"] >= min(map(least_readings, (begun_on, today_in_paris())))
    assert figures["trace_spans"] > 10
    assert [] == processes_with(f"DEMO_JSON={figures_path}")
    assert [figures_path] == list(tmp_path.iterdir())


def test_the_openapi_document_is_printed_without_any_setting(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*COMMAND, "openapi"],
        env={},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        cwd=tmp_path,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    document = json.loads(ended.stdout)
    assert document["openapi"].startswith("3.")
    assert {"/v1/accounts", "/v1/consents", "/v1/jobs", "/v1/jobs/{job_id}", "/oauth/callback"} <= set(
        document["paths"]
    )
    assert [] == list(tmp_path.iterdir())
