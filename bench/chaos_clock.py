"""Another time of day for a whole gateway: every Python process of it believes that it is so many seconds later.

For nights in which the clock is changed. Valkey keeps the machine's time, which nothing but the pacer asks it for.
"""

import os
from collections.abc import Mapping
from pathlib import Path

_SHIFT_VARIABLE = "CHAOS_SHIFT_SECONDS"
# Python imports it at its start, before anything that could look at a clock.
_PROGRAM = f"""
import os, time
import time_machine
time_machine.travel(time.time() + float(os.environ["{_SHIFT_VARIABLE}"]), tick=True).start()
"""


def shifted(directory: Path, shift_seconds: float) -> Mapping[str, str]:
    """The settings for processes that shall live so many seconds later; what they need is put into ``directory``."""
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(_PROGRAM, encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(directory), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, _SHIFT_VARIABLE: str(shift_seconds)}
