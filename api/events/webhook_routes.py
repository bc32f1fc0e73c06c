"""Webhooks: URLs that receive the events of the account. Their deliveries are in `delivery_routes`."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Response

from api.events.webhook_schemas import NewWebhook, WebhookChanges, WebhookDocument, WebhookList, WebhookRequest
from api.http.dependencies import Manager, Now, ResourcesDep, WebhookId, refuse_too_many
from api.http.headers import location
from api.http.idempotency import NO_IDEMPOTENCY
from api.http.problems import KEY_REFUSALS, documented
from shared.accounts.rate_limiter import Rate
from shared.core.errors import (
    FieldError,
    Forbidden,
    IdempotencyNotOffered,
    LimitReached,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    ValidationFailed,
)
from shared.events.deliveries import DeliveryError
from shared.events.webhook_urls import TargetRefused
from shared.events.webhooks import Webhook
from shared.resources import Resources

router = APIRouter(tags=["webhooks"])

# Each request resolves a host name that the account chose.
_RATE = Rate(30, timedelta(minutes=1))


@router.post(
    "/v1/webhooks",
    status_code=201,
    operation_id="create_webhook",
    summary="Create a webhook",
    dependencies=NO_IDEMPOTENCY,
    responses={
        201: {"headers": location("The path of the webhook.", "/v1/webhooks/hook_0123456789abcdef")},
        **documented(
            *KEY_REFUSALS,
            Forbidden,
            LimitReached,
            TooManyRequests,
            ValidationFailed,
            IdempotencyNotOffered,
            ServiceUnavailable,
            body=True,
        ),
    },
)
async def create_webhook(
    resources: ResourcesDep, caller: Manager, now: Now, request: WebhookRequest, response: Response
) -> NewWebhook:
    """Each event is sent to `url` as a Standard Webhooks message with its type, time, ids and links, and never with
    readings. Verify `webhook-signature` with the secret, which is returned only in this response, and respond with a
    2xx status within 15 seconds. Failed deliveries are retried over three days with the same `webhook-id`. Redirects
    are not followed."""
    await _check_target(resources, caller.account.id, request.url, now)
    webhook, secret = await resources.webhooks.create_webhook(
        caller.account.id, request.url, request.events, request.description, caller.key.id, now
    )
    await _subscribe(resources, webhook)
    response.headers["Location"] = f"/v1/webhooks/{webhook.id}"
    return _with_secret(webhook, secret, now, response)


@router.get(
    "/v1/webhooks",
    operation_id="list_webhooks",
    summary="List webhooks",
    responses=documented(*KEY_REFUSALS, Forbidden, ServiceUnavailable),
)
async def list_webhooks(resources: ResourcesDep, caller: Manager, now: Now) -> WebhookList:
    """Oldest first. Their secrets are not returned."""
    found = await resources.webhooks.list_webhooks(caller.account.id)
    return WebhookList(webhooks=[WebhookDocument.of(each, now) for each in found])


@router.get(
    "/v1/webhooks/{webhook_id}",
    operation_id="get_webhook",
    summary="Get a webhook",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def get_webhook(resources: ResourcesDep, caller: Manager, now: Now, webhook_id: WebhookId) -> WebhookDocument:
    """Returns its URL, its event types and whether it is disabled."""
    return WebhookDocument.of(await resources.webhooks.load_webhook(webhook_id, caller.account.id), now)


@router.patch(
    "/v1/webhooks/{webhook_id}",
    operation_id="change_webhook",
    summary="Update a webhook",
    responses=documented(
        *KEY_REFUSALS, Forbidden, NotFound, TooManyRequests, ValidationFailed, ServiceUnavailable, body=True
    ),
)
async def change_webhook(
    resources: ResourcesDep, caller: Manager, now: Now, webhook_id: WebhookId, changes: WebhookChanges
) -> WebhookDocument:
    """Fields that the body does not contain keep their values. Pending deliveries are sent to the new address.
    Deliveries that failed while the webhook was disabled can be replayed."""
    webhook = await resources.webhooks.load_webhook(webhook_id, caller.account.id)
    given = {name: getattr(changes, name) for name in changes.model_fields_set}
    if "url" in given:
        await _check_target(resources, caller.account.id, changes.url, now)
    if given:
        webhook = await resources.webhooks.change_webhook(webhook, given, caller.key.id, now)
        await _subscribe(resources, webhook)
    if not webhook.enabled:
        await resources.deliveries.stop(webhook.id, DeliveryError.WEBHOOK_DISABLED)
    return WebhookDocument.of(webhook, now)


@router.delete(
    "/v1/webhooks/{webhook_id}",
    status_code=204,
    operation_id="delete_webhook",
    summary="Delete a webhook",
    response_description="The webhook is deleted.",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def delete_webhook(resources: ResourcesDep, caller: Manager, now: Now, webhook_id: WebhookId) -> None:
    """No more events are sent, and the list of its deliveries is deleted."""
    webhook = await resources.webhooks.load_webhook(webhook_id, caller.account.id)
    await resources.webhooks.delete_webhook(webhook, caller.key.id, now)
    await resources.deliveries.forget_webhook(webhook.account_id, webhook.id)


@router.post(
    "/v1/webhooks/{webhook_id}/secret",
    operation_id="rotate_webhook_secret",
    summary="Rotate the secret of a webhook",
    dependencies=NO_IDEMPOTENCY,
    responses=documented(
        *KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, IdempotencyNotOffered, ServiceUnavailable
    ),
)
async def rotate_webhook_secret(
    resources: ResourcesDep, caller: Manager, now: Now, webhook_id: WebhookId, response: Response
) -> NewWebhook:
    """For 24 hours each message is signed with both the new and the previous secret, so that receivers can be updated
    without losing messages. The new secret is returned only in this response."""
    webhook = await resources.webhooks.load_webhook(webhook_id, caller.account.id)
    return _with_secret(*await resources.webhooks.rotate_secret(webhook, caller.key.id, now), now, response)


async def _check_target(resources: Resources, account_id: str, url: str, now: datetime) -> None:
    await refuse_too_many(resources, "webhooks", account_id, _RATE, now)
    try:
        await resources.webhook_targets.find(url)
    except TargetRefused as refusal:
        raise ValidationFailed(errors=[FieldError("/url", str(refusal))]) from None


async def _subscribe(resources: Resources, webhook: Webhook) -> None:
    # If this process dies before the note, the courier copies the state from SQL every few minutes.
    await resources.deliveries.subscribe(webhook.account_id, webhook.id, webhook.version, webhook.subscription)


def _with_secret(webhook: Webhook, secret: str, now: datetime, response: Response) -> NewWebhook:
    response.headers["Cache-Control"] = "no-store"
    return NewWebhook(**dict(WebhookDocument.of(webhook, now)), secret=secret)
