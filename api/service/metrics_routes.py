"""What an operator's Prometheus reads. For machines."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.http.dependencies import CurrentMeters, Now, ResourcesDep
from api.http.problems import documented
from shared.core.errors import ServiceUnavailable
from shared.observability.tracing import untraced

router = APIRouter(tags=["service"])


class MetricsText(Response):
    """Text in the format of Prometheus."""

    media_type = CONTENT_TYPE_LATEST


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Figures for Prometheus",
    response_description="The figures, in the text format of Prometheus.",
    response_class=MetricsText,
    responses={
        200: {
            "content": {
                CONTENT_TYPE_LATEST: {
                    "schema": {
                        "type": "string",
                        "examples": ["# HELP releve_dead_calls Calls given up that are still listed.\n"],
                    }
                }
            }
        },
        **documented(ServiceUnavailable),
    },
)
async def get_metrics(resources: ResourcesDep, now: Now, meters: CurrentMeters) -> MetricsText:
    """Needs no key, as no figure is anybody's: queues, quotas, the nightly refresh, how calls and jobs ended; and the
    requests that this process has served."""
    with untraced():
        return MetricsText(await meters.tell(resources, now))
