"""Another time for whole processes: every Python process that gets these variables lives so many seconds later, or
earlier.

For nights in which the clock is changed, and for days on which something used to fail. Servers that are no Python
(Valkey, PostgreSQL) keep the machine's time; which of the gateway's moments are by whose clock: docs/decisions/0025.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import time_machine

# `sitecustomize` in it sends the process away.
_FOLDER = Path(__file__).parent / "other_clock"
_SHIFT = "CLOCK_SHIFT_SECONDS"


def at(moment: float, environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """The variables for processes for which it is now ``moment``, in seconds since 1970; time passes from there on."""
    hatch = time_machine.escape_hatch
    machine_now = hatch.time.time() if hatch.is_travelling() else time.time()
    return _shifted(moment - machine_now, environ)


def of_here(environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """The variables for a process that gets no others of ``environ``, but lives at its time."""
    return {name: environ[name] for name in ("PYTHONPATH", _SHIFT) if _SHIFT in environ and name in environ}


def later(seconds: float, environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """The variables for processes that live so many seconds later than those of ``environ``."""
    return _shifted(float(environ.get(_SHIFT, "0")) + seconds, environ)


def _shifted(seconds: float, environ: Mapping[str, str]) -> Mapping[str, str]:
    path = [each for each in environ.get("PYTHONPATH", "").split(os.pathsep) if each and each != str(_FOLDER)]
    return {"PYTHONPATH": os.pathsep.join([str(_FOLDER), *path]), _SHIFT: repr(seconds)}
