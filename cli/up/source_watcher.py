"""Detects source file changes, for `releve up --reload`.

Owns which folders are watched. Must never run without `--reload`: it is for development.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import cli

SOURCE_ROOT = Path(cli.__file__).parent.parent
WATCHED_FOLDERS = ("api", "workers", "shared", "simulator")


async def watch_folders(
    root: Path = SOURCE_ROOT, folders: tuple[str, ...] = WATCHED_FOLDERS
) -> AsyncGenerator[frozenset[str], None]:
    """Yield, after every change, the top-level folders in which files changed."""
    from watchfiles import awatch

    async for changes in awatch(*(root / folder for folder in folders)):
        yield frozenset(Path(changed).relative_to(root).parts[0] for _, changed in changes)
