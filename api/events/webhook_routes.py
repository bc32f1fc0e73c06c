"""Webhooks: where the account wants to be told of its events. What is on its way is in `webhook_deliveries`."""

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

# Each looks a name up that somebody chose.
_RATE = Rate(30, timedelta(minutes=1))


@router.post(
    "/v1/webhooks",
    status_code=201,
    operation_id="create_webhook",
    summary="Be told of events",
    dependencies=NO_IDEMPOTENCY,
    responses={
        201: {"headers": location("Where the webhook is.", "/v1/webhooks/hook_0123456789abcdef")},
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
    """From now on each event is sent to `url` as a message by Standard Webhooks: type, moment, ids and links; never a
    reading. Verify `webhook-signature` with the secret, which is shown this once, and answer with any 2xx within 15
    seconds. What is not taken is tried again over three days; `webhook-id` stays the same. Redirects are not followed.
    """
    await _check_target(resources, caller.account.id, request.url, now)
    webhook, secret = await resources.webhooks.create_webhook(
        caller.account.id, request.url, request.events, request.description, caller.key.id, now
    )
    await _note_wish(resources, webhook)
    response.headers["Location"] = f"/v1/webhooks/{webhook.id}"
    return _with_secret(webhook, secret, now, response)


@router.get(
    "/v1/webhooks",
    operation_id="list_webhooks",
    summary="The account's webhooks",
    responses=documented(*KEY_REFUSALS, Forbidden, ServiceUnavailable),
)
async def list_webhooks(resources: ResourcesDep, caller: Manager, now: Now) -> WebhookList:
    """Oldest first, without their secrets."""
    found = await resources.webhooks.list_webhooks(caller.account.id)
    return WebhookList(webhooks=[WebhookDocument.of(each, now) for each in found])


@router.get(
    "/v1/webhooks/{webhook_id}",
    operation_id="get_webhook",
    summary="One webhook",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def get_webhook(resources: ResourcesDep, caller: Manager, now: Now, webhook_id: WebhookId) -> WebhookDocument:
    """Where it leads, what it wants to be told, and whether it was disabled."""
    return WebhookDocument.of(await resources.webhooks.load_webhook(webhook_id, caller.account.id), now)


@router.patch(
    "/v1/webhooks/{webhook_id}",
    operation_id="change_webhook",
    summary="Change a webhook",
    responses=documented(
        *KEY_REFUSALS, Forbidden, NotFound, TooManyRequests, ValidationFailed, ServiceUnavailable, body=True
    ),
)
async def change_webhook(
    resources: ResourcesDep, caller: Manager, now: Now, webhook_id: WebhookId, changes: WebhookChanges
) -> WebhookDocument:
    """What the body does not name stays as it is. What is on its way goes to the new address. What failed while it was
    disabled can be replayed."""
    webhook = await resources.webhooks.load_webhook(webhook_id, caller.account.id)
    given = {name: getattr(changes, name) for name in changes.model_fields_set}
    if "url" in given:
        await _check_target(resources, caller.account.id, changes.url, now)
    if given:
        webhook = await resources.webhooks.change_webhook(webhook, given, caller.key.id, now)
        await _note_wish(resources, webhook)
    if not webhook.enabled:
        await resources.deliveries.stop(webhook.id, DeliveryError.WEBHOOK_DISABLED)
    return WebhookDocument.of(webhook, now)


@router.delete(
    "/v1/webhooks/{webhook_id}",
    status_code=204,
    operation_id="delete_webhook",
    summary="Be told no more",
    response_description="It is gone.",
    responses=documented(*KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def delete_webhook(resources: ResourcesDep, caller: Manager, now: Now, webhook_id: WebhookId) -> None:
    """Nothing is sent there any more, and its deliveries are forgotten."""
    webhook = await resources.webhooks.load_webhook(webhook_id, caller.account.id)
    await resources.webhooks.delete_webhook(webhook, caller.key.id, now)
    await resources.deliveries.forget_webhook(webhook.account_id, webhook.id)


@router.post(
    "/v1/webhooks/{webhook_id}/secret",
    operation_id="rotate_webhook_secret",
    summary="Change the secret of a webhook",
    dependencies=NO_IDEMPOTENCY,
    responses=documented(
        *KEY_REFUSALS, Forbidden, NotFound, ValidationFailed, IdempotencyNotOffered, ServiceUnavailable
    ),
)
async def rotate_webhook_secret(
    resources: ResourcesDep, caller: Manager, now: Now, webhook_id: WebhookId, response: Response
) -> NewWebhook:
    """For 24 hours each message bears two signatures, of the new secret and of the one before: exchange it meanwhile,
    and no message is lost. The new one is shown this once."""
    webhook = await resources.webhooks.load_webhook(webhook_id, caller.account.id)
    return _with_secret(*await resources.webhooks.rotate_secret(webhook, caller.key.id, now), now, response)


async def _check_target(resources: Resources, account_id: str, url: str, now: datetime) -> None:
    await refuse_too_many(resources, "webhooks", account_id, _RATE, now)
    try:
        await resources.webhook_targets.find(url)
    except TargetRefused as refusal:
        raise ValidationFailed(errors=[FieldError("/url", str(refusal))]) from None


async def _note_wish(resources: Resources, webhook: Webhook) -> None:
    # Who is killed before it has what SQL says noted later: the courier does it every few minutes.
    await resources.deliveries.note_wish(webhook.account_id, webhook.id, webhook.version, webhook.wish)


def _with_secret(webhook: Webhook, secret: str, now: datetime, response: Response) -> NewWebhook:
    response.headers["Cache-Control"] = "no-store"
    return NewWebhook(**dict(WebhookDocument.of(webhook, now)), secret=secret)
