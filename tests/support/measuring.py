"""A pytest plug-in that measures line and branch coverage: `pytest -p tests.support.measuring`.

SlipCover inserts probes into modules at import, and removes each one once it is reached: its cost is negligible, where
a tracer doubles the duration of tests. Its command inserts probes that stay for a while, and after parallel tests
prints only its own process (1.1.0); so this module uses the library. Processes that tests start are not measured.
"""

import json
import os
from typing import Any

import pytest

SOURCES = ["api", "workers", "shared"]
FLOOR_PERCENT = 90.0
# The key under which a worker adds its coverage to the output it sends to xdist at its end.
_OUTPUT = "covered"
_MEASURING, _MERGED = pytest.StashKey[Any](), pytest.StashKey[dict[str, Any]]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start before any measured module is imported, in a process that runs tests."""
    from slipcover import FileMatcher, ImportManager, Slipcover

    # The xdist controller runs no tests.
    if "PYTEST_XDIST_WORKER" in os.environ or not early_config.known_args_namespace.numprocesses:
        measuring = Slipcover(branch=True, immediate=True, source=SOURCES)
        ImportManager(measuring, FileMatcher(sources=SOURCES)).__enter__()
        early_config.stash[_MEASURING] = measuring


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send a worker's coverage; the process that has all of it compares it with the thresholds."""
    config = session.config
    if config.stash.get(_MEASURING, None) is not None:
        _merge(config, config.stash[_MEASURING].get_coverage())
    covered = config.stash.get(_MERGED, None)
    if covered is None:
        return
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = json.dumps(covered)
    elif session.exitstatus == pytest.ExitCode.OK and _percent(covered) < FLOOR_PERCENT:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect a worker's coverage; a crashed worker sends none."""
    found = getattr(node, "workeroutput", {}).get(_OUTPUT)
    if found is not None:
        _merge(node.config, json.loads(found))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the files with uncovered lines, and the total."""
    from slipcover import print_coverage

    covered = config.stash.get(_MERGED, None)
    if covered is not None:
        terminalreporter.section("coverage")
        print_coverage(covered, outfile=terminalreporter, skip_covered=True)
        verdict = f"{_percent(covered):.1f} % of lines and branches, of which {FLOOR_PERCENT:g} % are required"
        terminalreporter.write_line(verdict)


def _merge(config: pytest.Config, found: dict[str, Any]) -> None:
    from slipcover import merge_coverage

    merged = config.stash.setdefault(_MERGED, found)
    if merged is not found:
        merge_coverage(merged, found)


def _percent(covered: dict[str, Any]) -> float:
    percent: float = covered["summary"]["percent_covered"]
    return percent
