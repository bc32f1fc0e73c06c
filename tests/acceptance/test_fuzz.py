"""Every route responds to any request with a documented response, and never with a server error."""

from pathlib import Path

from bench.fuzz import fuzz
from cli.demo.gateway import Gateway

# Not a usage point of the fault bench.
USAGE_POINT = "99000020000006"


def test_every_route_answers_whatever_is_sent_as_its_description_says(
    befallen_gateway: Gateway, tmp_path: Path
) -> None:
    found = fuzz(befallen_gateway, tmp_path, examples=1, seed=1, twins=False, usage_point_id=USAGE_POINT)

    assert (0, 0) == (found.server_errors, found.undocumented), found.failures
    assert "" == found.failures
    # A run that sends few requests, or only gets authentication errors, proves nothing.
    assert found.cases > 10 * found.operations
    assert found.statuses[200] > found.operations
