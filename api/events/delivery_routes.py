"""The deliveries of a webhook: test, list, replay."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Response

from api.events.webhook_schemas import DeliveryDocument, DeliveryPage, DeliveryPageLinks
from api.http.dependencies import (
    DeliveryId,
    Manager,
    Now,
    ResourcesDep,
    SmallPageSize,
    WaitSeconds,
    WebhookId,
    refuse_too_many,
)
from api.http.fields import ObjectId
from api.http.headers import PREFERENCE_APPLIED
from api.http.problems import KEY_REFUSALS, documented
from shared.accounts.rate_limiter import Rate
from shared.core.errors import (
    Forbidden,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    ValidationFailed,
    WebhookDisabled,
)
from shared.events.deliveries import TEST_TYPE
from shared.events.webhooks import Webhook

router = APIRouter(tags=["webhooks"])

# Each request makes this gateway send a message to a URL that the account chose.
_RATE = Rate(30, timedelta(minutes=1))


async def own_webhook(resources: ResourcesDep, caller: Manager, webhook_id: WebhookId) -> Webhook:
    """The webhook in the path, if it is the caller's. Raises `NotFound`."""
    return await resources.webhooks.load_webhook(webhook_id, caller.account.id)


OwnWebhook = Annotated[Webhook, Depends(own_webhook)]


@router.post(
    "/v1/webhooks/{webhook_id}/test",
    status_code=202,
    operation_id="test_webhook",
    summary="Send a test message",
    responses={
        200: {
            "model": DeliveryDocument,
            "description": "With `Prefer: wait=N`: the delivery, after its first attempt.",
            "headers": PREFERENCE_APPLIED,
        },
        202: {"description": "The delivery, before its first attempt.", "headers": PREFERENCE_APPLIED},
        **documented(*KEY_REFUSALS, Forbidden, NotFound, TooManyRequests, ValidationFailed, ServiceUnavailable),
    },
)
async def test_webhook(
    resources: ResourcesDep, webhook: OwnWebhook, now: Now, wait: WaitSeconds, response: Response
) -> DeliveryDocument:
    """Sends a message of type `webhook.test`, even if the webhook is disabled. It is not retried, and a failure does
    not disable the webhook."""
    await refuse_too_many(resources, "webhook-messages", webhook.account_id, _RATE, now)
    delivery = await resources.deliveries.enqueue_test(webhook.account_id, webhook.id, now, awaited=bool(wait))
    if delivery is not None and wait:
        response.headers["Preference-Applied"] = f"wait={wait}"
        await resources.deliveries.await_attempt(delivery.id, wait)
        delivery = await resources.deliveries.load(delivery.id)
    if delivery is None:
        # Deleted by a concurrent request.
        raise NotFound
    response.status_code = 200 if delivery.attempts else 202
    return DeliveryDocument.of(delivery)


@router.get(
    "/v1/webhooks/{webhook_id}/deliveries",
    operation_id="list_webhook_deliveries",
    summary="List the deliveries of a webhook",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def list_deliveries(
    resources: ResourcesDep,
    webhook: OwnWebhook,
    limit: SmallPageSize = 20,
    cursor: Annotated[
        ObjectId | None,
        Query(description="Cursor from `links.next` of the previous page.", examples=["dlv_0123456789abcdef01234567"]),
    ] = None,
) -> DeliveryPage:
    """Newest first, for the last seven days, 500 at most. Of a receiver's response only the status is kept."""
    found = await resources.deliveries.list_deliveries(webhook.id, cursor, limit + 1)
    page, following = found[:limit], None
    if len(found) > limit:
        following = f"/v1/webhooks/{webhook.id}/deliveries?{urlencode({'limit': limit, 'cursor': page[-1].id})}"
    return DeliveryPage(
        deliveries=[DeliveryDocument.of(each) for each in page], links=DeliveryPageLinks(next=following)
    )


@router.post(
    "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    status_code=202,
    operation_id="replay_webhook_delivery",
    summary="Replay a delivery",
    response_description="The delivery, which is queued for immediate sending.",
    responses=documented(
        *KEY_REFUSALS, Forbidden, NotFound, WebhookDisabled, TooManyRequests, ValidationFailed, ServiceUnavailable
    ),
)
async def replay_delivery(
    resources: ResourcesDep, webhook: OwnWebhook, now: Now, delivery_id: DeliveryId
) -> DeliveryDocument:
    """Sends the message again immediately, whatever its state, with all retries. The `webhook-id` is the same, so that
    receivers can recognise duplicates."""
    delivery = await resources.deliveries.load(delivery_id)
    if delivery is None or delivery.webhook_id != webhook.id:
        raise NotFound
    if not webhook.enabled and delivery.type != TEST_TYPE:
        raise WebhookDisabled
    await refuse_too_many(resources, "webhook-messages", webhook.account_id, _RATE, now)
    replayed = await resources.deliveries.replay(delivery, now)
    if replayed is None:
        raise NotFound
    return DeliveryDocument.of(replayed)
