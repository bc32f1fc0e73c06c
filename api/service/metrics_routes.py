"""Metrics for Prometheus."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.http.dependencies import CurrentMeters, Now, ResourcesDep
from api.http.problems import documented
from shared.core.errors import ServiceUnavailable
from shared.observability.tracing import untraced

router = APIRouter(tags=["service"])


class MetricsText(Response):
    """A response in the Prometheus text format."""

    media_type = CONTENT_TYPE_LATEST


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Get Prometheus metrics",
    response_description="The metrics, in the Prometheus text format.",
    response_class=MetricsText,
    responses={
        200: {
            "content": {
                CONTENT_TYPE_LATEST: {
                    "schema": {
                        "type": "string",
                        "examples": ["# HELP releve_dead_calls Failed calls in the dead-letter list.\n"],
                    }
                }
            }
        },
        **documented(ServiceUnavailable),
    },
)
async def get_metrics(resources: ResourcesDep, now: Now, meters: CurrentMeters) -> MetricsText:
    """Queues, quotas, the nightly refresh, results of calls and jobs, and the requests served by this process. No
    metric is about a person, and no key is needed."""
    with untraced():
        return MetricsText(await meters.tell(resources, now))
