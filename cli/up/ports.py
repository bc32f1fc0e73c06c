"""TCP ports that `releve up` assigns to its children.

Owns the check that a requested port is free, and the choice of free ones. Must never hold a port: the child binds it.
"""

import contextlib
import errno
import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass

# Below the ephemeral ranges of Linux (32768…) and macOS (49152…), so that no outgoing connection can take a chosen port
# between the choice and the child's bind.
FREE_PORT_RANGE = range(20_000, 32_000)
FREE_PORT_TRIES = 200


class PortRefused(Exception):
    """A requested port cannot be used; the message names it and its setting."""


@dataclass(frozen=True)
class WantedPort:
    """A requested port; 0 means any free one."""

    setting: str
    """The option to change, for the message: `--port`."""
    host: str
    port: int


def claim_ports(wanted: Sequence[WantedPort]) -> list[int]:
    """Check the requested ports, choose free ones for those that are 0, in the given order, all distinct.

    Raises:
        PortRefused: a port is in use, needs privileges, or its host is not an address of this machine.
    """
    with contextlib.ExitStack() as held:
        # Fixed ports first: a free choice must not take what another setting names.
        chosen: dict[int, int] = {}
        for index, port in sorted(enumerate(wanted), key=lambda item: item[1].port == 0):
            chosen[index] = _claim_free(port, held) if port.port == 0 else _claim_fixed(port, held)
        return [chosen[index] for index in range(len(wanted))]


def _claim_fixed(wanted: WantedPort, held: contextlib.ExitStack) -> int:
    try:
        held.enter_context(_bound(wanted.host, wanted.port))
    except OSError as error:
        raise PortRefused(_explain(wanted, error)) from error
    return wanted.port


def _claim_free(wanted: WantedPort, held: contextlib.ExitStack) -> int:
    for port in random.sample(FREE_PORT_RANGE, FREE_PORT_TRIES):
        try:
            held.enter_context(_bound(wanted.host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise PortRefused(_explain(wanted, error)) from error
        else:
            return port
    raise PortRefused(f"no free port found for {wanted.setting} on {wanted.host}")


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    candidate = socket.socket(family, kind, protocol)
    try:
        # As servers do, so that closing connections of an earlier run do not count as "in use".
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        candidate.bind(address)
        # Two sockets that reuse an address may both be bound to it; only one of them may listen.
        candidate.listen(1)
    except BaseException:
        candidate.close()
        raise
    return candidate


def _explain(wanted: WantedPort, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {wanted.port} on {wanted.host} is in use; free it or choose another with {wanted.setting}"
    if error.errno == errno.EACCES:
        return f"port {wanted.port} needs privileges that this user does not have; choose another with {wanted.setting}"
    return f"cannot listen on {wanted.host} port {wanted.port} ({wanted.setting}): {error.strerror or error}"
