"""Request and response schemas of webhooks and their deliveries."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.fields import Body, CreatedAt, Document
from shared.events.deliveries import Delivery, DeliveryError, DeliveryStatus
from shared.events.delivery_keys import QUIET_TYPES
from shared.events.store import ACCOUNT_ERASED, EVENT_TYPES
from shared.events.webhook_urls import LONGEST_URL
from shared.events.webhooks import DisabledReason, Webhook

# A deleted account has no webhooks left.
TOLD_TYPES = tuple(each for each in EVENT_TYPES if each != ACCOUNT_ERASED)


def _known_type(name: str) -> str:
    if name not in TOLD_TYPES:
        raise PydanticCustomError("event_type", "This event type does not exist.")
    return name


Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_URL),
    Field(
        description="Destination URL: `https://`, port 443 or at least 1024, a host on the public internet. Checked "
        "now and with each delivery. Stored encrypted.",
        examples=["https://receiver.example/releve"],
    ),
]
Description = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(description="Display name. Stored encrypted.", examples=["Home Assistant"]),
]
EventType = Annotated[str, AfterValidator(_known_type), WithJsonSchema({"type": "string", "enum": list(TOLD_TYPES)})]
Events = Annotated[
    frozenset[EventType] | None,
    Field(
        min_length=1,
        max_length=len(TOLD_TYPES),
        description=f"Event types to send; `null`: all except {', '.join(f'`{each}`' for each in QUIET_TYPES)}, "
        "including types of later versions.",
        examples=[["job.succeeded", "job.failed"]],
    ),
]


class WebhookRequest(Body):
    """The properties of a new webhook."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://receiver.example/releve", "events": ["job.succeeded", "job.failed"]}]
        }
    )

    url: Url
    events: Events = None
    description: Annotated[Description | None, Field(description="Display name. Stored encrypted.")] = None


def _without_default(schema: dict[str, Any]) -> None:
    # An omitted field keeps its value, and the default is not a valid URL.
    schema.pop("default", None)


class WebhookChanges(Body):
    """The fields to change; omitted fields keep their values."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True}, {"description": None}]})

    url: Annotated[Url, Field(json_schema_extra=_without_default)] = ""
    events: Events = None
    description: Annotated[
        Description | None, Field(description="Display name; `null` removes it. Stored encrypted.")
    ] = None
    enabled: Annotated[
        StrictBool, Field(description="`false`: pending deliveries fail. `true`: also re-enables a disabled webhook.")
    ] = True


class WebhookLinks(Document):
    """Related resources."""

    self: str = Field(description="The webhook.", examples=["/v1/webhooks/hook_0123456789abcdef"])
    deliveries: str = Field(
        description="Its recent deliveries.", examples=["/v1/webhooks/hook_0123456789abcdef/deliveries"]
    )


class WebhookDocument(Document):
    """A webhook, without its secret."""

    id: str = Field(description="The webhook's id.", examples=["hook_0123456789abcdef"])
    url: str = Field(description="Destination URL.", examples=["https://receiver.example/releve"])
    events: list[str] | None = Field(
        description=f"Event types to send; `null`: all except {', '.join(f'`{each}`' for each in QUIET_TYPES)}.",
        examples=[["job.succeeded", "job.failed"]],
    )
    description: str | None = Field(description="Display name.", examples=["Home Assistant"])
    enabled: bool = Field(description="Whether events are sent.")
    disabled_reason: DisabledReason | None = Field(
        description="Why the gateway disabled it: the receiver responded with 410 (`gone`), or all attempts of a "
        "delivery failed (`exhausted`)."
    )
    disabled_at: datetime | None = Field(description="Time at which the gateway disabled it.")
    created_at: CreatedAt
    previous_secret_until: datetime | None = Field(
        description="After a rotation: the time until which messages are also signed with the previous secret."
    )
    links: WebhookLinks

    @classmethod
    def of(cls, webhook: Webhook, now: datetime) -> Self:
        """Build the document of a webhook."""
        until = webhook.previous_secret_until
        return cls(
            id=webhook.id,
            url=webhook.url,
            events=None if webhook.events is None else list(webhook.events),
            description=webhook.description,
            enabled=webhook.enabled,
            disabled_reason=webhook.disabled_reason,
            disabled_at=webhook.disabled_at,
            created_at=webhook.created_at,
            previous_secret_until=until if until and until > now else None,
            links=WebhookLinks(self=f"/v1/webhooks/{webhook.id}", deliveries=f"/v1/webhooks/{webhook.id}/deliveries"),
        )


class WebhookList(Document):
    """The webhooks of an account."""

    webhooks: list[WebhookDocument] = Field(description="Oldest first.")


class NewWebhook(WebhookDocument):
    """A webhook, with the secret that signs its messages."""

    secret: str = Field(
        description="Signing secret (Standard Webhooks). Returned only in this response.",
        examples=["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
    )


class DeliveryLinks(Document):
    """Related resources."""

    webhook: str = Field(description="The webhook.", examples=["/v1/webhooks/hook_0123456789abcdef"])
    replay: str = Field(
        description="Send `POST` to replay the delivery.",
        examples=["/v1/webhooks/hook_0123456789abcdef/deliveries/dlv_0123456789abcdef01234567/replay"],
    )


class DeliveryDocument(Document):
    """The delivery of one event to one webhook, with the result of its last attempt. Response bodies are not stored."""

    id: str = Field(
        description="The `webhook-id` of the message, the same for all attempts.",
        examples=["dlv_0123456789abcdef01234567"],
    )
    type: str = Field(description="Event type.", examples=["job.succeeded"])
    created_at: CreatedAt
    status: DeliveryStatus = Field(examples=["delivered"])
    attempts: int = Field(description="Number of attempts.", examples=[1])
    last_attempt_at: datetime | None = Field(
        description="Time of the last attempt; `null` if there was none.", examples=["2026-09-21T14:13:21Z"]
    )
    status_code: int | None = Field(
        description="HTTP status of the receiver's response to the last attempt, if it responded.", examples=[204]
    )
    error: DeliveryError | None = Field(description="Why the last attempt failed, or why there are no more attempts.")
    duration_ms: int | None = Field(description="Duration of the last attempt.", examples=[84])
    next_attempt_at: datetime | None = Field(description="Time of the next attempt; `null` if there is none.")
    links: DeliveryLinks

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Build the document of a delivery."""
        webhook = f"/v1/webhooks/{delivery.webhook_id}"
        return cls(
            id=delivery.id,
            type=delivery.type,
            created_at=delivery.created_at,
            status=delivery.status,
            attempts=delivery.attempts,
            last_attempt_at=delivery.tried_at,
            status_code=delivery.status_code,
            error=delivery.error,
            duration_ms=delivery.duration_ms,
            next_attempt_at=delivery.next_at,
            links=DeliveryLinks(webhook=webhook, replay=f"{webhook}/deliveries/{delivery.id}/replay"),
        )


class DeliveryPageLinks(Document):
    """Links of a page."""

    next: str | None = Field(
        description="The next page; `null` on the last page.",
        examples=["/v1/webhooks/hook_0123456789abcdef/deliveries?limit=20&cursor=dlv_0123456789abcdef01234567"],
    )


class DeliveryPage(Document):
    """A page of the deliveries of a webhook."""

    deliveries: list[DeliveryDocument] = Field(description="Newest first.")
    links: DeliveryPageLinks
