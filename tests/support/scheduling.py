"""Which tests share a test process when they run in parallel, and which begin first.

Tests that share a running gateway share a process: to start one takes longer than most tests that use it, and each
process that gets one of these tests starts one. What takes longest begins first: it must not begin when the others
have ended. For the rest the order is any.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

_ACCEPTANCE = "tests/acceptance/"
# Which gateway the tests of a file use, but for the one that most share; and those that each start their own.
_GATEWAYS = {
    "test_faults": "befallen gateway",
    "test_fuzz": "befallen gateway",
    "test_killed_processes": "everyday gateway",
    "test_nightly_refresh": "everyday gateway",
    "test_slow_answers": "everyday gateway",
}
_OWN = ("test_chaos", "test_commands", "test_postgresql")


class ByGateway(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """One process for the tests of one gateway, and for those of one file: handed out one by one they would wait for
    the next more than they run."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def longest_first(items: list[pytest.Item]) -> None:
    """Put what takes longest at the beginning, and leave the rest in its order."""
    items.sort(key=lambda item: (not item.nodeid.startswith(_ACCEPTANCE), scope_of(item.nodeid) != "shared gateway"))


def scope_of(nodeid: str) -> str:
    """What a test shares a process with: all that have the same scope."""
    path = nodeid.split("::", 1)[0]
    if not path.startswith(_ACCEPTANCE):
        return path
    module = path.removeprefix(_ACCEPTANCE).removesuffix(".py")
    if module in _OWN:
        return nodeid
    return _GATEWAYS.get(module, "shared gateway")
