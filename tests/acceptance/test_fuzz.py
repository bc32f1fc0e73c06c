"""Whatever is sent to whichever route, the answer is one that the description knows, and never that we failed."""

from pathlib import Path

from bench.fuzz import fuzz
from cli.demo.gateway import Gateway

# Not one of those that the bench of faults takes.
USAGE_POINT = "99000020000006"


def test_every_route_answers_whatever_is_sent_as_its_description_says(
    befallen_gateway: Gateway, tmp_path: Path
) -> None:
    found = fuzz(befallen_gateway, tmp_path, examples=1, seed=1, twins=False, usage_point_id=USAGE_POINT)

    assert (0, 0) == (found.server_errors, found.undocumented), found.failures
    assert "" == found.failures
    # A run that sends little, or is refused at the door, proves nothing.
    assert found.cases > 10 * found.operations
    assert found.statuses[200] > found.operations
