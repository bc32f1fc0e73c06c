"""Everything that is held about an account, as one zip that is made while it is sent.

Nothing of it is ever whole in memory or on a disk. Making it is work for a processor, opening and packing, so it is
done on a thread beside the loop; what it needs from the stores, a month at a time, the loop fetches for it. When nobody
takes the next block, the work stops.
"""

from collections.abc import AsyncIterator, Generator, Iterator
from datetime import datetime
from zipfile import ZIP_DEFLATED

from anyio import to_thread
from zipstream import ZipStream

from api.accounts.export_files import export_files
from shared.accounts.store import Caller
from shared.resources import Resources

_BLOCK_BYTES = 65_536


async def stream_export(resources: Resources, caller: Caller, now: datetime) -> AsyncIterator[bytes]:
    """The zip, block by block, opened with the caller's key."""
    archive = ZipStream(compress_type=ZIP_DEFLATED)
    points = await resources.usage_points.list_for_account(caller.account.id)
    for name, content in export_files(resources, caller, points, now):
        archive.add(content, name)
    blocks = _blocks(iter(archive))
    try:
        while block := await to_thread.run_sync(next, blocks, b""):
            yield block
    finally:
        blocks.close()


def _blocks(chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """The same bytes in larger pieces: each costs a way to the thread and back."""
    block = bytearray()
    for chunk in chunks:
        block += chunk
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
