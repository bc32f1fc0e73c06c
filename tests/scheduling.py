"""Which tests share a test process when they run in parallel: those that share a running gateway.

To start a gateway takes longer than most tests that use it, and each process that gets one of these tests starts one.
"""

from xdist.scheduler import LoadScopeScheduling

_ACCEPTANCE = "tests/acceptance/"
# With the default settings, where processes are killed.
_EVERYDAY = ("test_killed_processes", "test_nightly_refresh")
# Each of these tests starts what it needs by itself.
_OWN = ("test_chaos", "test_commands", "test_faults", "test_fuzz", "test_postgresql", "test_up")


class ByGateway(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
    """One process for the tests of one gateway, and for those of one file: handed out one by one they would wait for
    the next more than they run."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        if not path.startswith(_ACCEPTANCE):
            return path
        module = path.removeprefix(_ACCEPTANCE).removesuffix(".py")
        if module in _OWN:
            return nodeid
        return "everyday gateway" if module in _EVERYDAY else "shared gateway"
