"""A gateway whose requests do not wait for fetches."""

from dataclasses import replace

import pytest

from tests.support.api_gateway import Stage


@pytest.fixture
async def impatient(stage: Stage) -> Stage:
    """A gateway that never waits for fetches."""
    hasty = stage.resources.settings.model_copy(update={"compat_wait_seconds": 0.0})
    stage.app.state.resources = stage.resources = replace(stage.resources, settings=hasty)
    return stage
