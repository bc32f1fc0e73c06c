"""Noticing changed files, on a real file system."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from cli.up.source_watcher import watch_folders
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio


async def test_change_is_told_with_its_top_level_folder(tmp_path: Path) -> None:
    source = tmp_path / "workers" / "providers" / "one.py"
    source.parent.mkdir(parents=True)
    (tmp_path / "api").mkdir()
    changes = watch_folders(tmp_path, ("api", "workers"))

    told = asyncio.ensure_future(anext(changes))
    async with asyncio.timeout(PATIENCE_SECONDS):
        # The watcher does not report when it starts to watch: change the file until it reports a change.
        for number in itertools.count():
            source.write_text(f"number = {number}")
            await asyncio.wait({told}, timeout=0.05)
            if told.done():
                break

    assert told.result() == frozenset({"workers"})
    await changes.aclose()
