"""The directory for the persistent data of `releve up`.

Owns its layout, its lock and the secrets generated in it. Must never print a secret, and must never let two supervisors
use one directory.

    lock              held by the one `releve up` that uses the directory, and by its guard
    secret_key        RELEVE_SECRET_KEY, when the environment does not set it
    flower_password   FLOWER_PASSWORD, likewise
    releve.db         the SQL database, when DATABASE_URL is not set
    valkey/           the embedded server's append-only file
    simulator.json    the simulator's consents
    logs/             one log for each child
"""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.up.guard import is_alive

SECRET_BYTES = 48
# An earlier supervisor was killed and its guard is still ending its processes.
TAKE_OVER_SECONDS = 15.0
TAKE_OVER_POLL_SECONDS = 0.05


KEY_FILE = "secret_key"


class DataDirectoryRefused(Exception):
    """The data directory cannot be used; the message states why."""


@dataclass(frozen=True)
class DataDirectory:
    """A data directory that this process has locked."""

    path: Path
    lock: int
    """The open file that holds the lock; a process that inherits it holds the lock too."""

    @property
    def logs(self) -> Path:
        """The directory of the children's logs."""
        return self.path / "logs"

    @property
    def valkey(self) -> Path:
        """The directory of the embedded server's data."""
        return self.path / "valkey"

    @property
    def database_url(self) -> str:
        """The SQL database in this directory."""
        return f"sqlite+aiosqlite:///{self.path / 'releve.db'}"

    def kept_secret_key(self, *, keeps_database: bool) -> tuple[Path, bool]:
        """The file with the secret key, created when missing; and whether it was created now. ``keeps_database``: the
        database is the one in this directory.

        Raises:
            DataDirectoryRefused: the database exists without its key. A new key would decrypt nothing of it, and new
                rows would be encrypted with another key than the old ones.
        """
        database = self.path / "releve.db"
        if keeps_database and database.exists() and not (self.path / KEY_FILE).exists():
            raise DataDirectoryRefused(
                f"{database} exists, but the secret key it was written with is missing: restore "
                f"{self.path / KEY_FILE} from your copy, or set RELEVE_SECRET_KEY as before; "
                "without the key its data cannot be decrypted: choose another --data-dir to start again without it"
            )
        return self.kept_secret(KEY_FILE)

    def kept_secret(self, name: str) -> tuple[Path, bool]:
        """The file `name` with a secret in it, created when missing; and whether it was created now."""
        path = self.path / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path, False
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(SECRET_BYTES) + "\n")
        return path, True


@contextlib.contextmanager
def open_data_directory(path: Path, take_over_seconds: float = TAKE_OVER_SECONDS) -> Iterator[DataDirectory]:
    """Create the directory when it is missing, and hold its lock.

    Raises:
        DataDirectoryRefused: another `releve up` uses it, or it cannot be written.
    """
    path = path.absolute()
    try:
        for part in (path, path / "logs", path / "valkey"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Must not be truncated by opening: it may contain the other supervisor's pid.
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirectoryRefused(f"cannot use the data directory {path}: {error.strerror}") from error
    try:
        _take(lock, path, take_over_seconds)
        yield DataDirectory(path, lock)
    finally:
        os.close(lock)


def _take(lock: int, path: Path, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 32, 0).strip()
            if not owner.isdigit() or is_alive(int(owner)) or time.monotonic() > deadline:
                whose = f" (process {owner.decode()})" if owner.isdigit() else ""
                raise DataDirectoryRefused(
                    f"another `releve up`{whose} uses {path}; stop it or choose another --data-dir"
                ) from None
            time.sleep(TAKE_OVER_POLL_SECONDS)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            return
