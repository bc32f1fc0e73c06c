"""Announcing readiness over an inherited pipe."""

import os

import pytest

from cli.up.ready_pipe import READY_FD_VARIABLE, READY_LINE, announce_ready


def test_one_line_is_written_and_the_pipe_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv(READY_FD_VARIABLE, str(writing))

    announce_ready()

    with open(reading, "rb") as pipe:
        assert pipe.read() == READY_LINE
    assert READY_FD_VARIABLE not in os.environ


def test_second_announcement_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv(READY_FD_VARIABLE, str(writing))

    announce_ready()
    announce_ready()

    with open(reading, "rb") as pipe:
        assert pipe.read() == READY_LINE


def test_process_without_a_supervisor_announces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(READY_FD_VARIABLE, raising=False)

    announce_ready()


def test_supervisor_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setenv(READY_FD_VARIABLE, str(writing))

    announce_ready()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(writing)
