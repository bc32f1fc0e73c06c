"""Login and logout: the source of the key, its check, and its storage.

A key is prompted for without echo or read from standard input, never taken as an argument: arguments are visible in the
list of processes. Must never print a key, and must never overwrite one that may be the only copy.
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
class LoginOptions:
    """The arguments of `login`."""

    url: str | None
    is_new: bool
    key_from_stdin: bool
    invitation_from_stdin: bool
    replaces: bool


def log_in(screen: Screen, environ: Mapping[str, str], options: LoginOptions) -> None:
    """Accept a working key, or create an account, and store the key."""
    if options.is_new and options.key_from_stdin:
        raise WrongUse("a new account gets a new key: --register and --key-stdin are mutually exclusive")
    stored = load_credentials(environ)
    if stored and not options.replaces:
        raise Failure(
            f"you are logged in to {stored.url}, and {credentials_path(environ)} may hold the only copy of that key: "
            "run `releve logout` first, or use --replace"
        )
    url = parse_url(options.url or environ.get(URL) or (stored.url if stored else DEFAULT_URL))
    if is_unprotected(url):
        screen.note(f"{url} is not https: your key and your data can be intercepted on the network")
    credentials = _register(screen, url, options) if options.is_new else Credentials(url, _given_key(options))
    with open_gateway(url, credentials, screen.note) as gateway:
        if not options.is_new:
            gateway.get("/v1/account")
        path = save_credentials(environ, credentials)
        account = gateway.get("/v1/account")
    screen.say(f"✓ logged in to {url} as {account['id']}", "green")
    screen.say(f"  The key is stored in {path}, readable only by you.")
    if options.is_new:
        screen.say("  It decrypts all data that will be stored for you, and cannot be recovered: keep a copy.")
        screen.say("  Next: `releve consent`")
    if environ.get(KEY):
        screen.note(f"{KEY} is set in the environment and takes precedence")
    screen.give({"url": url, "account_id": account["id"], "credentials": str(path)})


def log_out(screen: Screen, environ: Mapping[str, str], *, is_sure: bool) -> None:
    """Delete the key from this machine; it stays valid at the gateway."""
    stored = load_credentials(environ)
    if stored is None:
        raise Failure("you are not logged in")
    path = credentials_path(environ)
    if not is_sure:
        typer.confirm(
            f"Delete {path}? Without another copy of the key your data at {stored.url} can no longer be read.",
            abort=True,
            err=True,
        )
    forget_credentials(environ)
    screen.say(f"✓ logged out of {stored.url}; the key itself stays valid until it is revoked", "green")


def _given_key(options: LoginOptions) -> str:
    key = sys.stdin.readline() if options.key_from_stdin else typer.prompt("API key", hide_input=True, err=True)
    return parse_key(key)


def _register(screen: Screen, url: str, options: LoginOptions) -> Credentials:
    with open_gateway(url, None, screen.note) as gateway:
        if options.invitation_from_stdin:
            return _create(gateway, sys.stdin.readline().strip())
        try:
            return _create(gateway)
        except Refused as refusal:
            if refusal.code != "invitation_refused" or not sys.stdin.isatty():
                raise
            return _create(gateway, typer.prompt("Invitation code", hide_input=True, err=True).strip())


def _create(gateway: Gateway, invitation: str | None = None) -> Credentials:
    body = {"invitation": invitation} if invitation else {}
    return Credentials(gateway.url, gateway.ask("POST", "/v1/accounts", body=body)["api_key"])
