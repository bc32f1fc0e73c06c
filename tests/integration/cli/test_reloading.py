"""Noticing changed files, on a real file system."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cli.reloading import watch_folders

pytestmark = pytest.mark.anyio


async def test_change_is_told_with_its_top_level_folder(tmp_path: Path) -> None:
    source = tmp_path / "workers" / "providers" / "one.py"
    source.parent.mkdir(parents=True)
    (tmp_path / "api").mkdir()
    changes = watch_folders(tmp_path, ("api", "workers"))

    told = asyncio.ensure_future(anext(changes))
    for number in range(1_000):
        # The watcher does not say from when on it watches: change the file until it tells.
        source.write_text(f"number = {number}")
        done, _ = await asyncio.wait({told}, timeout=0.05)
        if done:
            break

    assert told.result() == frozenset({"workers"})
    await changes.aclose()
