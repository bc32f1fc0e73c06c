"""TCP ports that `releve up` gives to its children.

Owns the check that a wanted port is free, and the choice of free ones. Must never keep a port: the child binds it.
"""

import contextlib
import errno
import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass

# Below the ranges that Linux (32768…) and macOS (49152…) take the local ports of outgoing connections from, so that
# no connection can take a chosen port between the choice and the child's bind.
FREE_PORT_RANGE = range(20_000, 32_000)
FREE_PORT_TRIES = 200


class PortRefused(Exception):
    """A wanted port cannot be used; the message names it and its setting."""


@dataclass(frozen=True)
class WantedPort:
    """A port that someone asked for; 0 means any free one."""

    setting: str
    """The option to change, for the message: `--port`."""
    host: str
    port: int


def claim_ports(wanted: Sequence[WantedPort]) -> list[int]:
    """Check the wanted ports, choose free ones for those that are 0, in the given order, no two alike.

    Raises:
        PortRefused: a port is in use, needs rights, or its host is no address of this machine.
    """
    with contextlib.ExitStack() as held:
        # Fixed ports first: a free choice must not take what another setting names.
        chosen: dict[int, int] = {}
        for index, wish in sorted(enumerate(wanted), key=lambda item: item[1].port == 0):
            chosen[index] = _claim_free(wish, held) if wish.port == 0 else _claim_fixed(wish, held)
        return [chosen[index] for index in range(len(wanted))]


def _claim_fixed(wish: WantedPort, held: contextlib.ExitStack) -> int:
    try:
        held.enter_context(_bound(wish.host, wish.port))
    except OSError as error:
        raise PortRefused(_explain(wish, error)) from error
    return wish.port


def _claim_free(wish: WantedPort, held: contextlib.ExitStack) -> int:
    for port in random.sample(FREE_PORT_RANGE, FREE_PORT_TRIES):
        try:
            held.enter_context(_bound(wish.host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise PortRefused(_explain(wish, error)) from error
        else:
            return port
    raise PortRefused(f"no free port found for {wish.setting} on {wish.host}")


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    candidate = socket.socket(family, kind, protocol)
    try:
        # As servers do, so that connections of an earlier run that are still closing do not count as "in use".
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        candidate.bind(address)
        # Two sockets that reuse an address may both be bound to it; only one of them may listen.
        candidate.listen(1)
    except BaseException:
        candidate.close()
        raise
    return candidate


def _explain(wish: WantedPort, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {wish.port} on {wish.host} is in use; end what uses it or choose another with {wish.setting}"
    if error.errno == errno.EACCES:
        return f"port {wish.port} needs rights that this user does not have; choose another with {wish.setting}"
    return f"cannot listen on {wish.host} port {wish.port} ({wish.setting}): {error.strerror or error}"
