"""The data directory: its files and their permissions."""

import os
import stat
from pathlib import Path

import pytest

from cli.up.data_directory import DataDirectoryRefused, open_data_directory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    with open_data_directory(tmp_path / "deep" / "var") as directory:
        modes = [mode(path) for path in (directory.path, directory.logs, directory.valkey)]

    assert modes == [0o700] * 3


def test_secret_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    with open_data_directory(tmp_path) as directory:
        path, first_is_new = directory.kept_secret("secret_key")
        first = path.read_text()
    with open_data_directory(tmp_path) as directory:
        path, second_is_new = directory.kept_secret("secret_key")
        second = path.read_text()

    assert (first, first_is_new, second_is_new) == (second, True, False)
    assert len(first.strip()) >= 43, "fewer than 32 bytes"
    assert mode(tmp_path / "secret_key") == 0o600


def test_a_database_without_its_secret_key_gets_no_other_one(tmp_path: Path) -> None:
    with open_data_directory(tmp_path) as directory:
        first = directory.kept_secret_key(keeps_database=True)[0].read_text()
        (tmp_path / "releve.db").write_bytes(b"SQLite format 3")
        assert (tmp_path / "secret_key", False) == directory.kept_secret_key(keeps_database=True)
        (tmp_path / "secret_key").rename(tmp_path / "a-copy")

        with pytest.raises(DataDirectoryRefused, match="restore") as refused:
            directory.kept_secret_key(keeps_database=True)

        assert not (tmp_path / "secret_key").exists()
        assert directory.kept_secret_key(keeps_database=False)[1], "a database elsewhere"
        assert first.strip() not in str(refused.value)
        (tmp_path / "a-copy").replace(tmp_path / "secret_key")
        assert first == directory.kept_secret_key(keeps_database=True)[0].read_text()


def test_two_secrets_are_not_alike(tmp_path: Path) -> None:
    with open_data_directory(tmp_path) as directory:
        one, two = (directory.kept_secret(name)[0].read_text() for name in ("secret_key", "flower_password"))

    assert one != two


def test_directory_in_use_is_refused_and_free_again_afterwards(tmp_path: Path) -> None:
    with (
        open_data_directory(tmp_path),
        pytest.raises(DataDirectoryRefused, match=f"process {os.getpid()}"),
        open_data_directory(tmp_path),
    ):
        raise AssertionError("opened twice")

    with open_data_directory(tmp_path) as directory:
        assert directory.path == tmp_path


def test_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with open_data_directory(Path("var")) as directory:
        assert directory.path == tmp_path / "var"
        assert directory.database_url == f"sqlite+aiosqlite:///{tmp_path}/var/releve.db"
