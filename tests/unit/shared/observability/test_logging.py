"""Log lines: one JSON object each, from any logger, without secrets in values of any type."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from shared.observability.logging import get_logger, start_logging
from shared.observability.tracing import continued_trace

PRM, OTHER_PRM = "99999999999991", "88888888888882"
# A key of no account, the same in every process: it occurs in the names of tests.
KEY = "rlv_GgT409yz8b7ihOu5UustLAHe0E7pAfbmiGe2YQmGQ1U3AO9jL"
STATE = "synthetic-State_0123456789"


@dataclass(frozen=True)
class Shown:
    """A value that a log line writes by its repr."""

    prm: str


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Leave the logging of the test process as it was."""
    root = logging.getLogger()
    chatty = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    before = root.handlers, root.level, [each.level for each in chatty]
    yield
    root.handlers, root.level = before[0], before[1]
    for logger, level in zip(chatty, before[2], strict=True):
        logger.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log lines written so far, each of them one object of JSON, none with a secret."""
    written = capsys.readouterr().err
    assert [] == [secret for secret in (PRM, OTHER_PRM, KEY, STATE) if secret in written]
    return [json.loads(line) for line in written.splitlines()]


@pytest.mark.usefixtures("logging_restored")
def test_a_log_line_is_masked_json_whoever_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info")

    get_logger("releve.synthetic").warning("point %s", PRM, path=Path(f"/x/{PRM}"), count=3, nothing=None)
    logging.getLogger("some.library").error("GET %s", f"https://x.example/?state={STATE}")

    ours, theirs = lines(capsys)
    assert ("warning", "releve.synthetic", 3, None) == tuple(
        ours[name] for name in ("level", "logger", "count", "nothing")
    )
    assert ("GET https://x.example/?state=***", "error", "some.library") == tuple(
        theirs[name] for name in ("event", "level", "logger")
    )
    assert ours["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "value",
    [
        PRM,
        int(PRM),
        [PRM, (KEY,)],
        {PRM},
        {"prm": PRM, "deep": [{"key": KEY}]},
        {PRM: "as a name"},
        Shown(PRM),
        PRM.encode(),
        RuntimeError(f"no right to {PRM}"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("logging_restored")
def test_a_value_of_any_kind_is_masked(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info")

    get_logger("releve").info("told", value=value)

    assert "***" in json.dumps(lines(capsys)[0]["value"])


@pytest.mark.usefixtures("logging_restored")
def test_an_exception_is_logged_in_one_masked_line(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info")

    try:
        try:
            raise KeyError(f"inner\n{PRM}")
        except KeyError as inner:
            raise RuntimeError(f"{PRM} {KEY}\n{OTHER_PRM}") from inner
    except RuntimeError:
        get_logger("releve").exception("failed")
        logging.getLogger("some.library").exception("failed")

    for line in lines(capsys):
        assert "RuntimeError: *** ***\n***" in line["exception"]
        assert Path(__file__).name in line["exception"]


@pytest.mark.usefixtures("logging_restored")
def test_a_line_within_a_trace_names_it_and_what_was_bound(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging("info")

    carrier = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    with continued_trace(carrier), structlog.contextvars.bound_contextvars(job_id="job_1", prm=PRM):
        get_logger("releve").info("within")
    get_logger("releve").info("without")

    within, without = lines(capsys)
    assert ("ab" * 16, "job_1", "***") == (within["trace_id"], within["job_id"], within["prm"])
    assert not {"trace_id", "job_id"} & set(without)


@pytest.mark.usefixtures("logging_restored")
def test_what_is_less_important_than_the_level_and_what_clients_chat_is_not_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start_logging("warning")
    get_logger("releve").info("unimportant")
    start_logging("debug")
    logging.getLogger("httpx").info("HTTP Request: GET %s", f"https://x.example/{PRM}")
    get_logger("releve").debug("important enough")

    assert ["important enough"] == [line["event"] for line in lines(capsys)]
