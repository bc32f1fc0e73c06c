"""Whatever is sent to whichever route, the answer is one that the description knows, and never that we failed."""

from pathlib import Path

import pytest

from bench.fuzz import fuzz_own_gateway


@pytest.mark.timeout(300)
def test_every_route_answers_whatever_is_sent_as_its_description_says(tmp_path: Path) -> None:
    found = fuzz_own_gateway(tmp_path, examples=1, seed=1, twins=False)

    assert (0, 0) == (found.server_errors, found.undocumented), found.failures
    assert "" == found.failures
    # A run that sends little, or is refused at the door, proves nothing.
    assert found.cases > 10 * found.operations
    assert found.statuses[200] > found.operations
