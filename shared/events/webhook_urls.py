"""Where a webhook may be sent to: addresses that strangers choose, and this machine has to reach. No network but DNS.

A URL is taken apart by one reading of it, and what is odd about it is refused rather than understood. A name is looked
up once for each use: what was checked is what is connected to (`workers.webhooks.http_sender`). Only addresses of the
public internet pass, and of a name all of them have to, unless the operator allows others
(`RELEVE_WEBHOOK_PRIVATE_TARGETS`).
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
# A name server that is slow on purpose keeps a thread busy, longer than anybody waits for it: these and no others.
_LOOKUPS_AT_ONCE = 256
_LOOKUP_SECONDS = 5.0
_FIRST_FREE_PORT = 1024
_PORTS = {"https": 443, "http": 80}
_PLAIN = re.compile(r"[!-\[\]-~]+")
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# What looks like a number at the end of a name is an address to some, in forms that others don't know.
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")

# Not the public internet, whatever a library's own table says: special-purpose registries of IANA (RFC 6890), and what
# clouds answer their machines at.
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
# Of IPv6 nothing but what is given out to networks; within it, what carries other addresses or none.
_GLOBAL_IPV6 = ip_network("2000::/3")
_REFUSED_IPV6 = [
    ip_network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
# Where a network speaks IPv6 only, its resolver puts the addresses of IPv4 in here (RFC 6052).
_NAT64 = ip_network("64:ff9b::/96")

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


class TargetRefused(Exception):
    """A webhook can't be sent there; the text says why, and nothing about what a name leads to."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. ``host``: a name in ASCII or an address, without brackets; ``path``: with the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host as the receiver knows it, with its port when that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class WebhookTargets:
    """Tells which targets are allowed."""

    def __init__(self, *, private_allowed: bool, lookup: Lookup | None = None) -> None:
        """``private_allowed``: plain http, any port, any address; ``lookup``: name and port → addresses, by DNS."""
        self._private_allowed = private_allowed
        self._lookup = lookup or self._look_up
        # Its threads are started when they are needed.
        self._threads = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, "releve-lookup")

    async def find(self, url: str) -> tuple[Target, Sequence[str]]:
        """A URL taken apart, and the addresses to connect to, each of them allowed. Raises `TargetRefused`."""
        target = parse_target(url, private_allowed=self._private_allowed)
        addresses = [target.host] if _address(target.host) else await self._addresses(target)
        if not addresses or not (self._private_allowed or all(map(is_public, addresses))):
            # One text for both: nobody learns from here which names there are inside.
            raise TargetRefused("The host has no address on the public internet.")
        return target, addresses

    def close(self) -> None:
        """Look nothing up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, target: Target) -> Sequence[str]:
        try:
            async with asyncio.timeout(_LOOKUP_SECONDS):
                return list(dict.fromkeys(await self._lookup(target.host, target.port)))
        except (OSError, UnicodeError):
            # A time-out is one of the former.
            return []

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        def found() -> list[str]:
            return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        return await asyncio.get_running_loop().run_in_executor(self._threads, found)


def parse_target(url: str, *, private_allowed: bool) -> Target:
    """A URL taken apart, if it is of an allowed form. Raises `TargetRefused`."""
    if len(url) > LONGEST_URL:
        raise TargetRefused(f"The URL has more than {LONGEST_URL} characters.")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise TargetRefused("This is not a URL.") from None
    rest = url.replace(parts.netloc, "", 1)
    if parts.scheme not in _PORTS or not host or not _PLAIN.fullmatch(rest) or not url.isprintable():
        raise TargetRefused("A URL is written https://host/path, with anything odd percent-encoded.")
    if parts.scheme != "https" and not private_allowed:
        raise TargetRefused("The URL has to begin with https://.")
    if "@" in parts.netloc or parts.fragment:
        raise TargetRefused("The URL may hold no user name, password or fragment; put a token into path or query.")
    port = _PORTS[parts.scheme] if port is None else port
    if not port or (port < _FIRST_FREE_PORT and port != _PORTS[parts.scheme] and not private_allowed):
        raise TargetRefused("The port has to be 443, or 1024 or above.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, _parse_host(host, bracketed="[" in parts.netloc), port, path)


def _parse_host(host: str, *, bracketed: bool) -> str:
    if bracketed:
        address = _address(host)
        if not isinstance(address, IPv6Address) or address.scope_id:
            raise TargetRefused("This is not an IPv6 address that can be used.")
        return str(address)
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except UnicodeError:
        raise TargetRefused("This is not the name of a host.") from None
    name = name.lower().removesuffix(".")
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise TargetRefused("This is not the name of a host.")
    if _NUMBER.fullmatch(name.rpartition(".")[2]) and _address(name) is None:
        raise TargetRefused("An IPv4 address is written as four decimal numbers.")
    return name


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet."""
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
