"""Logging in and out: where the key comes from, whether it works, where it is kept.

A key is asked for without echo or read from standard input, never taken as an argument: those can be seen in the list
of processes. Must never print a key, and must never overwrite one that may be the only copy.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import typer

from cli.user.credentials import (
    DEFAULT_URL,
    KEY,
    URL,
    Credentials,
    credentials_path,
    forget_credentials,
    is_unprotected,
    load_credentials,
    parse_key,
    parse_url,
    save_credentials,
)
from cli.user.failures import Failure, Refused, WrongUse
from cli.user.gateway import Gateway, open_gateway
from cli.user.screen import Screen


@dataclass(frozen=True)
class LoginWish:
    """What was typed after `login`."""

    url: str | None
    is_new: bool
    key_from_stdin: bool
    invitation_from_stdin: bool
    replaces: bool


def log_in(screen: Screen, environ: Mapping[str, str], wish: LoginWish) -> None:
    """Take a key that works, or make an account, and keep the key."""
    if wish.is_new and wish.key_from_stdin:
        raise WrongUse("a new account gets a new key: --register and --key-stdin exclude each other")
    stored = load_credentials(environ)
    if stored and not wish.replaces:
        raise Failure(
            f"you are logged in to {stored.url}, and {credentials_path(environ)} may hold the only copy of that key: "
            "`releve logout` first, or say --replace"
        )
    url = parse_url(wish.url or environ.get(URL) or (stored.url if stored else DEFAULT_URL))
    if is_unprotected(url):
        screen.note(f"{url} is not https: whoever can listen on the way can read your key and your data")
    credentials = _register(screen, url, wish) if wish.is_new else Credentials(url, _given_key(wish))
    with open_gateway(url, credentials, screen.note) as gateway:
        if not wish.is_new:
            gateway.get("/v1/account")
        path = save_credentials(environ, credentials)
        account = gateway.get("/v1/account")
    screen.say(f"✓ logged in to {url} as {account['id']}", "green")
    screen.say(f"  The key is in {path}, for you alone to read.")
    if wish.is_new:
        screen.say("  It opens everything that will be stored for you, and nobody can give you another copy: keep one.")
        screen.say("  Next: `releve consent`")
    if environ.get(KEY):
        screen.note(f"{KEY} is set in the environment and wins over it")
    screen.give({"url": url, "account_id": account["id"], "credentials": str(path)})


def log_out(screen: Screen, environ: Mapping[str, str], *, is_sure: bool) -> None:
    """Forget the key on this machine; at the gateway it stays good."""
    stored = load_credentials(environ)
    if stored is None:
        raise Failure("you are not logged in")
    path = credentials_path(environ)
    if not is_sure:
        typer.confirm(
            f"Delete {path}? Without another copy of the key nobody can read what {stored.url} holds for you.",
            abort=True,
            err=True,
        )
    forget_credentials(environ)
    screen.say(f"✓ logged out of {stored.url}; the key itself stays good until it is revoked", "green")


def _given_key(wish: LoginWish) -> str:
    key = sys.stdin.readline() if wish.key_from_stdin else typer.prompt("API key", hide_input=True, err=True)
    return parse_key(key)


def _register(screen: Screen, url: str, wish: LoginWish) -> Credentials:
    with open_gateway(url, None, screen.note) as gateway:
        if wish.invitation_from_stdin:
            return _create(gateway, sys.stdin.readline().strip())
        try:
            return _create(gateway)
        except Refused as refusal:
            if refusal.code != "invitation_refused" or not sys.stdin.isatty():
                raise
            return _create(gateway, typer.prompt("Code of your invitation", hide_input=True, err=True).strip())


def _create(gateway: Gateway, invitation: str | None = None) -> Credentials:
    body = {"invitation": invitation} if invitation else {}
    return Credentials(gateway.url, gateway.ask("POST", "/v1/accounts", body=body)["api_key"])
