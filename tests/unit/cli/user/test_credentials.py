"""The file of the key, its permissions, and the URLs to which the key is never sent."""

import stat
from pathlib import Path

import pytest

from cli.user.credentials import (
    DEFAULT_URL,
    Credentials,
    credentials_path,
    find_credentials,
    find_url,
    forget_credentials,
    is_unprotected,
    load_credentials,
    parse_key,
    parse_url,
    save_credentials,
)
from cli.user.failures import Failure, NotLoggedIn, WrongUse
from tests.support.cases import case

HERE = Credentials("https://releve.example", "rlv_notAKeyOfAnybody")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"RELEVE_CONFIG_DIR": str(tmp_path / "config")}


def test_only_their_owner_can_read_stored_credentials(environ: dict[str, str]) -> None:
    path = save_credentials(environ, HERE)

    assert (0o700, 0o600) == (stat.S_IMODE(path.parent.stat().st_mode), stat.S_IMODE(path.stat().st_mode))
    assert HERE == load_credentials(environ)
    assert [path] == list(path.parent.iterdir())


def test_credentials_that_can_not_be_written_leave_what_was_there(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_credentials(environ, HERE)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("cli.user.credentials.os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        save_credentials(environ, Credentials("https://other.example", "rlv_theKeyOfSomebodyElse"))

    assert HERE == load_credentials(environ)
    assert [path] == list(path.parent.iterdir())


def test_the_environment_wins(environ: dict[str, str]) -> None:
    save_credentials(environ, HERE)
    named = {"RELEVE_URL": "https://other.example/", "RELEVE_API_KEY": "rlv_theKeyOfSomebodyElse"}

    assert Credentials("https://other.example", "rlv_theKeyOfSomebodyElse") == find_credentials(environ | named)


def test_what_needs_no_key_is_asked_for_where_the_environment_says_or_the_login_was_or_here(
    environ: dict[str, str],
) -> None:
    before = find_url(environ)
    save_credentials(environ, HERE)

    assert DEFAULT_URL == before
    assert HERE.url == find_url(environ)
    assert "https://other.example" == find_url(environ | {"RELEVE_URL": "https://other.example/"})


def test_what_is_no_key_is_not_sent_and_not_repeated(environ: dict[str, str]) -> None:
    with pytest.raises(Failure, match="invalid API key") as told:
        find_credentials(environ | {"RELEVE_API_KEY": "hunter2\r\nX-Header: 1"})

    assert "hunter2" not in str(told.value)


def test_a_stored_key_is_never_sent_to_another_gateway(environ: dict[str, str]) -> None:
    save_credentials(environ, HERE)

    with pytest.raises(NotLoggedIn, match=r"https://releve\.example"):
        find_credentials(environ | {"RELEVE_URL": "https://other.example"})


def test_nobody_is_logged_in_without_a_key_or_after_logging_out(environ: dict[str, str]) -> None:
    save_credentials(environ, HERE)
    forget_credentials(environ)

    with pytest.raises(NotLoggedIn):
        find_credentials(environ)


def test_a_broken_file_is_told_and_left_as_it_is(environ: dict[str, str]) -> None:
    path = save_credentials(environ, HERE)
    path.write_text('{"api_key": "rlv_perhapsTheOnlyCopy"')

    with pytest.raises(Failure, match="is not a file written by") as told:
        load_credentials(environ)

    assert "rlv_" not in str(told.value)
    assert path.exists()


def test_they_are_where_such_things_are() -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({"RELEVE_CONFIG_DIR": "/chosen", "XDG_CONFIG_HOME": "/xdg", "HOME": "/home"}, "/chosen/credentials.json"),
        ({"XDG_CONFIG_HOME": "/xdg", "HOME": "/home"}, "/xdg/releve/credentials.json"),
        ({"HOME": "/home"}, "/home/.config/releve/credentials.json"),
    ]

    for environ, path in cases:
        with case(environ, path):
            assert Path(path) == credentials_path(environ)


def test_a_key_in_the_form_of_a_token_is_one_too() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOlsiOTk5Il19.c3ludGhldGlj-_"

    assert token == parse_key(f" {token}\n")
    with pytest.raises(Failure, match="invalid API key"):
        parse_key(token.rpartition(".")[0])


def test_a_key_is_not_part_of_a_repr() -> None:
    assert HERE.api_key not in repr(HERE)


def test_what_is_no_address_is_refused() -> None:
    cases: list[str] = [
        "releve.example",
        "ftp://releve.example",
        "http://",
        "http://me:word@releve.example",
        "https://releve.example?a=b",
        "http://[::1",
        "http://releve.example:0",
    ]

    for text in cases:
        with case(text), pytest.raises(WrongUse):
            parse_url(text)


def test_it_is_known_where_a_key_could_be_overheard() -> None:
    cases: list[tuple[str, bool]] = [
        ("https://releve.example", False),
        ("http://127.0.0.1:8000", False),
        ("http://localhost:8000", False),
        ("http://[::1]:8000", False),
        ("http://192.168.0.2:8000", True),
        ("http://releve.example", True),
    ]

    for url, unprotected in cases:
        with case(url, unprotected):
            assert unprotected == is_unprotected(url)
