"""The children's log files.

Owns how large they may grow. Must never read what is in them.
"""

import os
import shutil
from pathlib import Path

LOG_LIMIT_BYTES = 5 * 1024 * 1024


def log_path(directory: Path, name: str) -> Path:
    """The log of a child: `logs/worker-bulk.log`."""
    return directory / f"{name}.log"


def bound_log(log: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> bool:
    """Move a log that has grown beyond the limit to `….log.1`, in place of the one before; say whether it did.

    Copied and then emptied, not renamed: the child keeps writing to the file that it has open, and `tail -F` follows.
    A line that is written between the two is lost.
    """
    try:
        size = log.stat().st_size
    except FileNotFoundError:
        return False
    if size <= limit_bytes:
        return False
    shutil.copyfile(log, log.with_name(log.name + ".1"))
    os.truncate(log, 0)
    return True
