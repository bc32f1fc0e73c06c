"""All stored data of an account, as one zip file that is created while it is sent.

The file is never complete in memory or on disk. Decryption and compression are CPU-bound, so they run on a thread
outside the event loop; the loop loads the data for it, a month at a time. The work stops when the client stops reading.
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
    """The zip file in blocks, decrypted with the caller's key."""
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
    """The same bytes in larger pieces, because each one costs a switch between the loop and the thread."""
    block = bytearray()
    for chunk in chunks:
        block += chunk
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
