"""The children's log files.

Owns their size limit. Must never read their content.
"""

import os
import shutil
from pathlib import Path

LOG_LIMIT_BYTES = 5 * 1024 * 1024


def log_path(directory: Path, name: str) -> Path:
    """The log of a child: `logs/worker-bulk.log`."""
    return directory / f"{name}.log"


def bound_log(log: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> bool:
    """Move a log beyond the limit to `….log.1`, replacing the previous one; return whether it did.

    Copied and then truncated, not renamed: the child keeps writing to its open file, and `tail -F` follows. A line
    written between the two steps is lost.
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
