"""The output for users and for programs."""

import inspect
import json
import os
import subprocess
import sys

import pytest

from cli.up import events
from cli.up.events import ChildExited, Event, Failed, Notice, Ready, Refused, Stopped
from cli.up.report import event_line, people_lines, report_json, report_people
from tests.support.cases import case

READY = Ready(
    addresses={
        "api": "http://127.0.0.1:8000",
        "docs": "http://127.0.0.1:8000/docs",
        "flower": "http://127.0.0.1:5555",
        "flower_user": "admin",
        "flower_password_file": "/var/flower_password",
        "simulator": None,
        "data_dir": "/var",
    },
    pids={"api": 41},
    seconds=3.0,
)


def test_ready_line_holds_the_addresses_and_pids() -> None:
    told = json.loads(event_line(READY))

    assert (told["event"], told["api"], told["simulator"], told["pids"]) == (
        *("ready", "http://127.0.0.1:8000", None),
        {"api": 41},
    )


def test_every_event_has_a_name_of_its_own() -> None:
    kinds = [
        kind for _, kind in inspect.getmembers(events, inspect.isclass) if issubclass(kind, Event) and kind is not Event
    ]

    assert len({kind.event for kind in kinds}) == len(kinds) > 10


def test_json_is_one_line_an_event_also_with_line_ends_inside(capsys: pytest.CaptureFixture[str]) -> None:
    report_json(Notice("one\ntwo"))
    report_json(Stopped(0))

    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["notice", "stopped"]


def test_people_see_the_addresses_and_where_the_password_is(capsys: pytest.CaptureFixture[str]) -> None:
    report_people(READY)

    shown = capsys.readouterr().out
    for expected in ("http://127.0.0.1:8000/docs", "http://127.0.0.1:5555", "user admin", "/var/flower_password"):
        assert expected in shown
    assert "simulator" not in shown


def test_no_colour_codes_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report_people(READY)

    assert "\x1b" not in capsys.readouterr().out


def test_restart_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    report_people(ChildExited("worker-interactive", 7, "ended (signal 9)", -9))

    assert capsys.readouterr().out == "worker interactive ended (signal 9), restarted\n"


def test_square_brackets_of_a_log_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    report_people(Failed("api", "ended (status 1)", "/var/[x]/api.log", log_tail=("[bold]not markup[/nonsense]",)))

    shown = capsys.readouterr().out
    assert "[bold]not markup[/nonsense]" in shown
    assert "/var/[x]/api.log" in shown


def test_refusal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    report_people(Refused("port 8000 is in use"))

    assert "port 8000 is in use" in capsys.readouterr().out


def test_every_event_has_words_for_people() -> None:
    for event in (READY, Stopped(0), Refused("no"), Notice("yes")):
        assert not people_lines(event)[0].startswith("{")


def test_reader_that_went_away_ends_nothing() -> None:
    """As after `releve up | head -1`."""
    for reporter in ["report_json", "report_people"]:
        with case(reporter):
            reading, writing = os.pipe()
            os.close(reading)
            script = f"from cli.up import events, report\nfor n in range(3): report.{reporter}(events.Stopped(n))"

            ended = subprocess.run(
                [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
            )
            os.close(writing)

            assert (ended.returncode, ended.stderr) == (0, "")
