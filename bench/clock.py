"""A shifted clock for whole processes: Python processes with these variables run some seconds ahead or behind.

For nights of a clock change, and for dates that used to cause failures. Non-Python servers (Valkey, PostgreSQL) keep
the machine's time; docs/decisions/0025 lists which of the gateway's times come from which clock.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import time_machine

# Its `sitecustomize` shifts the process's clock.
_FOLDER = Path(__file__).parent / "other_clock"
_SHIFT = "CLOCK_SHIFT_SECONDS"


def at(moment: float, environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """The variables for processes whose current time is ``moment``, in seconds since 1970; time advances from there."""
    hatch = time_machine.escape_hatch
    machine_now = hatch.time.time() if hatch.is_travelling() else time.time()
    return _shifted(moment - machine_now, environ)


def of_here(environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """The variables for a process that gets no others of ``environ``, but shares its time."""
    return {name: environ[name] for name in ("PYTHONPATH", _SHIFT) if _SHIFT in environ and name in environ}


def later(seconds: float, environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """The variables for processes that run ``seconds`` ahead of those of ``environ``."""
    return _shifted(float(environ.get(_SHIFT, "0")) + seconds, environ)


def _shifted(seconds: float, environ: Mapping[str, str]) -> Mapping[str, str]:
    path = [each for each in environ.get("PYTHONPATH", "").split(os.pathsep) if each and each != str(_FOLDER)]
    return {"PYTHONPATH": os.pathsep.join([str(_FOLDER), *path]), _SHIFT: repr(seconds)}
