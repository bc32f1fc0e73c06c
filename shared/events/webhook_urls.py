"""Validation of webhook targets, which account holders choose and this host connects to. No network but DNS.

A URL is parsed once, and unusual forms are rejected rather than interpreted. A name is resolved once for each use: the
checked addresses are those connected to (`workers.webhooks.http_sender`). Only addresses on the public internet are
accepted, and all addresses of a name must be, unless the operator allows others (`RELEVE_WEBHOOK_PRIVATE_TARGETS`).
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import idna

LONGEST_URL = 2000
# A deliberately slow name server blocks a thread for longer than the timeout: these threads are used for nothing else.
_LOOKUPS_AT_ONCE = 256
_LOOKUP_SECONDS = 5.0
_FIRST_FREE_PORT = 1024
_PORTS = {"https": 443, "http": 80}
_PLAIN = re.compile(r"[!-\[\]-~]+")
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# Some parsers read a name that ends in a number as an address, in forms that others don't accept.
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")

# Not on the public internet, whatever a library's own table says: special-purpose registries of IANA (RFC 6890), and
# the metadata addresses of clouds.
_REFUSED_IPV4 = [
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
]
# Of IPv6 only global unicast; excluded within it: ranges that embed other addresses or are not assigned to hosts.
_GLOBAL_IPV6 = ip_network("2000::/3")
_REFUSED_IPV6 = [
    ip_network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
# In an IPv6-only network the resolver maps IPv4 addresses into this prefix (RFC 6052).
_NAT64 = ip_network("64:ff9b::/96")

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


class TargetRefused(Exception):
    """The target of a webhook is not allowed; the text states why, without revealing what a name resolves to."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed URL. ``host``: a name in ASCII or an address, without brackets; ``path``: with the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the Host header, with the port when it is not the default one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class WebhookTargets:
    """Checks which targets are allowed."""

    def __init__(self, *, private_allowed: bool, lookup: Lookup | None = None) -> None:
        """``private_allowed``: plain http, any port, any address; ``lookup``: name and port → addresses, by DNS."""
        self._private_allowed = private_allowed
        self._lookup = lookup or self._look_up
        # Threads are started on demand.
        self._threads = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, "releve-lookup")

    async def find(self, url: str) -> tuple[Target, Sequence[str]]:
        """The parsed URL, and the addresses to connect to, all of them allowed. Raises `TargetRefused`."""
        target = parse_target(url, private_allowed=self._private_allowed)
        addresses = [target.host] if _address(target.host) else await self._addresses(target)
        if not addresses or not (self._private_allowed or all(map(is_public, addresses))):
            # One text for both cases, so that it does not reveal internal names.
            raise TargetRefused("The host has no address on the public internet.")
        return target, addresses

    def close(self) -> None:
        """Stop all lookups."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, target: Target) -> Sequence[str]:
        try:
            async with asyncio.timeout(_LOOKUP_SECONDS):
                return list(dict.fromkeys(await self._lookup(target.host, target.port)))
        except (OSError, UnicodeError):
            # `TimeoutError` is an `OSError`.
            return []

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        def found() -> list[str]:
            return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        return await asyncio.get_running_loop().run_in_executor(self._threads, found)


def parse_target(url: str, *, private_allowed: bool) -> Target:
    """Parse a URL of an allowed form. Raises `TargetRefused`."""
    if len(url) > LONGEST_URL:
        raise TargetRefused(f"The URL has more than {LONGEST_URL} characters.")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise TargetRefused("The URL is not valid.") from None
    rest = url.replace(parts.netloc, "", 1)
    if parts.scheme not in _PORTS or not host or not _PLAIN.fullmatch(rest) or not url.isprintable():
        raise TargetRefused("The URL must have the form https://host/path, with special characters percent-encoded.")
    if parts.scheme != "https" and not private_allowed:
        raise TargetRefused("The URL must begin with https://.")
    if "@" in parts.netloc or parts.fragment:
        raise TargetRefused("The URL must not contain a user name, password or fragment; put a token in path or query.")
    port = _PORTS[parts.scheme] if port is None else port
    if not port or (port < _FIRST_FREE_PORT and port != _PORTS[parts.scheme] and not private_allowed):
        raise TargetRefused("The port must be 443, or 1024 or above.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, _parse_host(host, bracketed="[" in parts.netloc), port, path)


def _parse_host(host: str, *, bracketed: bool) -> str:
    if bracketed:
        address = _address(host)
        if not isinstance(address, IPv6Address) or address.scope_id:
            raise TargetRefused("The host is not a valid IPv6 address without a zone.")
        return str(address)
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except UnicodeError:
        raise TargetRefused("The host name is not valid.") from None
    name = name.lower().removesuffix(".")
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise TargetRefused("The host name is not valid.")
    if _NUMBER.fullmatch(name.rpartition(".")[2]) and _address(name) is None:
        raise TargetRefused("An IPv4 address must be written as four decimal numbers.")
    return name


def is_public(address: str) -> bool:
    """Whether an address is on the public internet."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address):
        if parsed in _NAT64:
            return is_public(str(IPv4Address(int(parsed) & 0xFFFF_FFFF)))
        return parsed.is_global and parsed in _GLOBAL_IPV6 and not any(parsed in each for each in _REFUSED_IPV6)
    return parsed is not None and parsed.is_global and not any(parsed in each for each in _REFUSED_IPV4)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
