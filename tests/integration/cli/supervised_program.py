"""A supervisor as a separate process, for the tests that signal or kill it.

Argument: JSON, `{"logs": path, "directory": path or null, "stop_seconds": [seconds, …],
"ready_seconds": seconds, "children": [[name, script, stop_stage], …]}`.
Writes its events to standard output, one per line.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from cli.up.child import Announces, Child
from cli.up.report import report_json
from cli.up.spawn import Guard
from cli.up.supervisor import Limits, Supervisor


async def supervise(asked: dict[str, Any]) -> int:
    """Supervise the requested children."""
    children = [
        Child(
            name,
            (sys.executable, "-c", script),
            Announces(),
            env=dict(os.environ),
            stop_stage=stage,
            ready_seconds=asked["ready_seconds"],
        )
        for name, script, stage in asked["children"]
    ]
    async with await Guard.start() as guard:
        if asked["directory"] is not None:
            guard.watch_directory(Path(asked["directory"]))
        addresses = {"guard": str(guard.pid)}
        limits = Limits(stop_seconds=tuple(asked["stop_seconds"]))
        supervisor = Supervisor(children, report_json, guard, Path(asked["logs"]), addresses=addresses, limits=limits)
        return await supervisor.run()


if __name__ == "__main__":
    sys.exit(asyncio.run(supervise(json.loads(sys.argv[1]))))
