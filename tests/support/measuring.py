"""A plug-in of pytest that measures which lines and branches of ours tests pass: `pytest -p tests.support.measuring`.

SlipCover puts probes into modules as they are imported, and takes each out when it has been passed: so it costs nearly
nothing, where a tracer doubles the time of tests. Its command sets probes that stay for a while, and at the end of
parallel tests prints its own process alone (1.1.0); so the library is used here. Processes that tests start are not
measured.
"""

import json
import os
from typing import Any

import pytest

SOURCES = ["api", "workers", "shared"]
FLOOR_PERCENT = 90.0
# Under this name a worker adds what it found to what it tells xdist at its end.
_OUTPUT = "covered"
_MEASURING, _MERGED = pytest.StashKey[Any](), pytest.StashKey[dict[str, Any]]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin before anything of ours is imported, in a process that runs tests."""
    from slipcover import FileMatcher, ImportManager, Slipcover

    # Who hands tests out to others runs none.
    if "PYTEST_XDIST_WORKER" in os.environ or not early_config.known_args_namespace.numprocesses:
        measuring = Slipcover(branch=True, immediate=True, source=SOURCES)
        ImportManager(measuring, FileMatcher(sources=SOURCES)).__enter__()
        early_config.stash[_MEASURING] = measuring


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells what it found; who has all of it judges."""
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
    """Take what a worker found; one that crashed told nothing."""
    found = getattr(node, "workeroutput", {}).get(_OUTPUT)
    if found is not None:
        _merge(node.config, json.loads(found))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the files with lines that nothing passed, and all together."""
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
