"""A gateway with responses that a test sets, for behaviour that a real one rarely shows, and a command-line user."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.main import app
from cli.up.child import COMMAND
from tests.support.patience import PATIENCE_SECONDS

KEY = "rlv_" + "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
PRM = "99000000000011"
DATASETS = [
    {
        "name": "daily_consumption",
        "title": "…",
        "available": True,
        "unit": "Wh",
        "step": "P1D",
        "oldest_day": "2024-01-01",
    },
    {"name": "contract", "title": "…", "available": True, "unit": None, "step": None, "oldest_day": None},
]
POINT = {"usage_point_id": PRM, "label": "Home", "directions": ["consumption"]}
JOB: dict[str, Any] = {
    "id": "job_0123",
    "status": "running",
    "usage_point_id": PRM,
    "dataset": "daily_consumption",
    "start": "2026-11-01",
    "end": "2026-11-04",
    "progress": {"calls_done": 1, "calls_total": 3, "calls_failed": 0},
    "missing": [],
    "error": None,
    "links": {"self": "/v1/jobs/job_0123"},
}
Answer = tuple[int, str, bytes]


class Gateway:
    """Responds by path; 404 for requests without a configured response."""

    def __init__(self) -> None:
        """Set the usual responses."""
        self.asked: list[str] = []
        self.heard = threading.Condition()
        self.answers: dict[str, Callable[[], Answer]] = {}
        self.answer("GET /v1/datasets", {"datasets": DATASETS})
        self.answer("GET /v1/usage-points", {"usage_points": [POINT]})
        self.answer("GET /v1/account", {"id": "acct_0123", "key": {"scopes": ["read"]}})
        self.answer("POST /v1/jobs", JOB, 202)
        self.answer("GET /v1/jobs/job_0123", JOB)

    def answer(self, request: str, document: Any, status: int = 200) -> None:
        """Set the response to a request."""
        kind = "application/json" if status < 400 else "application/problem+json"
        self.answers[request] = lambda: (status, kind, json.dumps(document).encode())

    def wait_for(self, request: str, times: int = 1) -> None:
        """Wait until that request was received ``times`` times."""
        with self.heard:
            assert self.heard.wait_for(lambda: self.asked.count(request) >= times, PATIENCE_SECONDS), self.asked


@contextmanager
def serving(gateway: Gateway) -> Iterator[str]:
    """Serve the gateway; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            request = f"{self.command} {self.path.partition('?')[0]}"
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            missing: Answer = (404, "application/problem+json", b'{"code": "not_found", "title": "No.", "status": 404}')
            status, kind, body = gateway.answers.get(request, lambda: missing)()
            with gateway.heard:
                gateway.asked.append(request)
                gateway.heard.notify_all()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            # A cut-off response declares more bytes than it sends.
            self.send_header("Content-Length", str(len(body) + (1000 if body.endswith(b"BREAK") else 0)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # the names that the base class looks for

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Person:
    """A user of the command line, connected by pipes."""

    def __init__(self, url: str, directory: Path) -> None:
        """A user of the gateway at ``url``, with a configuration in ``directory``."""
        self.url = url
        self.directory = directory
        self.environ = {"RELEVE_CONFIG_DIR": str(directory / "config"), "RELEVE_URL": url, "RELEVE_API_KEY": KEY}

    def types(self, *arguments: str, says: str = "") -> tuple[int, str, str]:
        """Run a command; returns its exit status, standard output and standard error."""
        ended = CliRunner(env=self.environ).invoke(app, arguments, input=says)
        return ended.exit_code, ended.stdout, ended.stderr

    def starts(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command that does not exit by itself."""
        # A background process of a shell ignores Ctrl-C, and so would its children.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                [*COMMAND, *arguments],
                env={"PATH": os.environ["PATH"], **self.environ},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)
