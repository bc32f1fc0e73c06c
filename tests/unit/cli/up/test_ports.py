"""Ports, checked and chosen before any process is started."""

import os
import socket
import sys

import pytest

from cli.up.ports import FREE_PORT_RANGE, PortRefused, WantedPort, claim_ports
from tests.support.cases import case


def wanted(*ports: int, host: str = "127.0.0.1") -> list[WantedPort]:
    return [WantedPort(f"--port-{index}", host, port) for index, port in enumerate(ports)]


def test_chosen_ports_are_distinct_free_and_in_the_asked_order() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        fixed = probe.getsockname()[1]

    first, second, third = claim_ports(wanted(0, fixed, 0))

    assert second == fixed
    assert len({first, second, third}) == 3
    for port in (first, second, third):
        socket.create_server(("127.0.0.1", port)).close()


def test_chosen_ports_are_not_those_of_outgoing_connections() -> None:
    (port,) = claim_ports(wanted(0))

    assert port in FREE_PORT_RANGE


def test_port_in_use_is_refused_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortRefused, match=rf"port {port} .* in use.*--port-0"):
            claim_ports(wanted(port))


def test_port_of_a_connection_that_is_still_closing_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # The side that closes first keeps the port in TIME_WAIT.
            assert client.recv(1) == b""

    assert claim_ports(wanted(port)) == [port]


def test_address_that_is_not_ours_is_refused() -> None:
    for host in ["no-such-host.invalid", "192.0.2.1"]:
        for port in [0, 18_000]:
            with case(host, port), pytest.raises(PortRefused, match=host):
                claim_ports(wanted(port, host=host))


@pytest.mark.skipif(os.geteuid() == 0 or sys.platform != "linux", reason="root may bind every port")
def test_port_that_needs_rights_is_refused() -> None:
    with pytest.raises(PortRefused, match="rights"):
        claim_ports(wanted(80))
