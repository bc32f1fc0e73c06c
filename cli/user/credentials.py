"""The gateway's address and the user's API key, in one file that only its owner can read.

The environment takes precedence. A stored key is only ever sent to the address that it was stored with. Must never
print a key.
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cli.user.failures import Failure, NotLoggedIn, WrongUse

DEFAULT_URL = "http://127.0.0.1:8000"
_KEY_FORM = re.compile(r"rlv_[0-9A-Za-z]{20,100}|eyJ[0-9A-Za-z_-]{10,8000}(?:\.[0-9A-Za-z_-]{10,8000}){2}")
URL, KEY, DIRECTORY = "RELEVE_URL", "RELEVE_API_KEY", "RELEVE_CONFIG_DIR"


@dataclass(frozen=True)
class Credentials:
    """The gateway's address, and the key."""

    url: str
    api_key: str = field(repr=False)


def credentials_path(environ: Mapping[str, str]) -> Path:
    """The path of the credentials: in `RELEVE_CONFIG_DIR`, or in `releve` in the XDG configuration directory."""
    if environ.get(DIRECTORY):
        return Path(environ[DIRECTORY]) / "credentials.json"
    settings = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config"
    return Path(settings) / "releve" / "credentials.json"


def find_credentials(environ: Mapping[str, str]) -> Credentials:
    """The current credentials. Raises `NotLoggedIn`."""
    stored = load_credentials(environ)
    named = parse_url(environ[URL]) if environ.get(URL) else None
    if environ.get(KEY):
        return Credentials(named or (stored.url if stored else DEFAULT_URL), parse_key(environ[KEY]))
    if stored is None:
        raise NotLoggedIn
    if named not in (None, stored.url):
        raise NotLoggedIn(f"{URL} is {named}, but the stored key is for {stored.url}")
    return stored


def find_url(environ: Mapping[str, str]) -> str:
    """The gateway's address, for requests without a key. Raises `Failure` and `WrongUse`."""
    if environ.get(URL):
        return parse_url(environ[URL])
    stored = load_credentials(environ)
    return stored.url if stored else DEFAULT_URL


def load_credentials(environ: Mapping[str, str]) -> Credentials | None:
    """The stored credentials, if any. Raises `Failure` when they cannot be read."""
    path = credentials_path(environ)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Credentials(parse_url(found["url"]), str(found["api_key"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failure(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, WrongUse):
        # A corrupt file may still contain the only copy of a key: it is left unchanged.
        raise Failure(f"{path} is not a file written by `releve login`") from None


def save_credentials(environ: Mapping[str, str], credentials: Credentials) -> Path:
    """Store them atomically, readable only by their owner; returns the path."""
    path = credentials_path(environ)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A temporary file is created with mode 0600.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".credentials-", delete=False) as file:
        try:
            json.dump({"url": credentials.url, "api_key": credentials.api_key}, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(file.name)
            raise
    return path


def forget_credentials(environ: Mapping[str, str]) -> None:
    """Delete the stored credentials."""
    credentials_path(environ).unlink(missing_ok=True)


def parse_key(text: str) -> str:
    """An API key. Raises `Failure`, which never repeats the input."""
    if not _KEY_FORM.fullmatch(text.strip()):
        raise Failure("invalid API key: a key begins with rlv_ and has 40 to 60 letters and digits, or is a JWT")
    return text.strip()


def parse_url(text: str) -> str:
    """The address of a gateway, without a trailing slash. Raises `WrongUse`."""
    try:
        parts = urlsplit(text.strip())
        is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_plain = is_usable = False
    if not (is_plain and is_usable):
        raise WrongUse("the address of a gateway looks like https://releve.example")
    return text.strip().rstrip("/")


def is_unprotected(url: str) -> bool:
    """Whether a key would be sent unencrypted over a network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "http" and host not in ("localhost", "::1") and not host.startswith("127.")
