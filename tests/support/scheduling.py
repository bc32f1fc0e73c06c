"""Which tests share a test process when they run in parallel, and which start first.

Tests that share a running gateway share a process: starting one takes longer than most tests that use it, and each
process that gets one of these tests starts one. The longest tests start first, so that none of them starts when the
others have ended. The order of the rest is arbitrary.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

_ACCEPTANCE = "tests/acceptance/"
# The gateway that the tests of a file use, unless it is the one most share; and the files that each start their own.
_GATEWAYS = {
    "test_faults": "befallen gateway",
    "test_fuzz": "befallen gateway",
    "test_killed_processes": "everyday gateway",
    "test_nightly_refresh": "everyday gateway",
    "test_slow_answers": "everyday gateway",
}
_OWN = ("test_chaos", "test_commands", "test_postgresql")


class ByGateway(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """One process for the tests of one gateway, and for those of one file: distributed one by one, tests would wait
    longer than they run."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def longest_first(items: list[pytest.Item]) -> None:
    """Move the longest tests to the beginning, and keep the order of the rest."""
    items.sort(key=lambda item: (not item.nodeid.startswith(_ACCEPTANCE), scope_of(item.nodeid) != "shared gateway"))


def scope_of(nodeid: str) -> str:
    """The scope of a test: tests of the same scope share a process."""
    path = nodeid.split("::", 1)[0]
    if not path.startswith(_ACCEPTANCE):
        return path
    module = path.removeprefix(_ACCEPTANCE).removesuffix(".py")
    if module in _OWN:
        return nodeid
    return _GATEWAYS.get(module, "shared gateway")
