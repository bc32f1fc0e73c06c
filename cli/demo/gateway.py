"""A private `releve up`, on free ports and in its own directory: started, awaited, used, stopped.

Owns the process and reads its events. The process must never outlive this one: it ends when its standard input closes.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.up.child import COMMAND

STOP_SECONDS = 120.0
# Settings that would replace the embedded defaults with a real gateway's.
FOREIGN_PREFIXES = ("RELEVE_", "REDIS_", "DATABASE_", "ENEDIS_", "SIMULATOR_", "FLOWER_", "OTEL_", "ADMIN_")


class GatewayFailed(Exception):
    """`releve up` failed to start or to stop; the message states how."""


@dataclass(frozen=True)
class Gateway:
    """A running gateway: the addresses of its parts, and their process ids."""

    api: str
    docs: str
    flower: str
    simulator: str
    data_dir: Path
    pids: Mapping[str, int]
    process: "subprocess.Popen[str]"


@contextmanager
def running_gateway(
    data_dir: Path, extra: Mapping[str, str], command: Sequence[str] = (*COMMAND, "up")
) -> Iterator[Gateway]:
    """Start `releve up` in ``data_dir`` with ``extra`` settings; all processes have ended when the block exits.

    ``command``: another program with the same options. Raises `GatewayFailed`.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
    argv = [*command, "--data-dir", str(data_dir), "--output", "json", "--while-stdin-open"]
    for option in ("--port", "--flower-port", "--simulator-port"):
        argv += [option, "0"]
    process = subprocess.Popen(
        argv, env=environ | dict(extra), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield _await_ready(process, data_dir)
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise GatewayFailed(f"the gateway did not stop within {STOP_SECONDS:.0f} s") from None
        finally:
            if process.stdout:
                process.stdout.close()
    if status != 0:
        raise GatewayFailed(f"the gateway ended with status {status}")


def _await_ready(process: "subprocess.Popen[str]", data_dir: Path) -> Gateway:
    told = []
    # The supervisor sets a deadline for every start: this loop ends, with or without a ready event.
    for line in process.stdout or ():
        event = json.loads(line)
        if event["event"] == "ready":
            addresses = {name: str(event[name]) for name in ("api", "docs", "flower", "simulator")}
            return Gateway(**addresses, data_dir=data_dir, pids=event["pids"], process=process)
        told.append(event.get("message", ""))
    raise GatewayFailed("\n".join(["the gateway did not start", *filter(None, told)]))
