"""Webhooks and their deliveries on the wire."""

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

# Of an erased account nobody is told anything any more.
TOLD_TYPES = tuple(each for each in EVENT_TYPES if each != ACCOUNT_ERASED)


def _known_type(name: str) -> str:
    if name not in TOLD_TYPES:
        raise PydanticCustomError("event_type", "There is no such type of event.")
    return name


Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_URL),
    Field(
        description="Where to send: `https://`, port 443 or 1024 and above, a host on the public internet, checked now "
        "and with each delivery. Kept encrypted.",
        examples=["https://receiver.example/releve"],
    ),
]
Description = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(description="What you call it. Kept encrypted.", examples=["Home Assistant"]),
]
EventType = Annotated[str, AfterValidator(_known_type), WithJsonSchema({"type": "string", "enum": list(TOLD_TYPES)})]
Events = Annotated[
    frozenset[EventType] | None,
    Field(
        min_length=1,
        max_length=len(TOLD_TYPES),
        description=f"Which events to be told; `null`: all but {', '.join(f'`{each}`' for each in QUIET_TYPES)}, also "
        "those of later versions.",
        examples=[["job.succeeded", "job.failed"]],
    ),
]


class WebhookRequest(Body):
    """A webhook to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://receiver.example/releve", "events": ["job.succeeded", "job.failed"]}]
        }
    )

    url: Url
    events: Events = None
    description: Annotated[Description | None, Field(description="What you call it. Kept encrypted.")] = None


def _without_default(schema: dict[str, Any]) -> None:
    # What is left out stays; that is no URL that could be sent.
    schema.pop("default", None)


class WebhookChanges(Body):
    """What to change of a webhook; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True}, {"description": None}]})

    url: Annotated[Url, Field(json_schema_extra=_without_default)] = ""
    events: Events = None
    description: Annotated[Description | None, Field(description="`null` takes it away. Kept encrypted.")] = None
    enabled: Annotated[
        StrictBool, Field(description="`false`: what is not delivered yet fails. `true` also after it was disabled.")
    ] = True


class WebhookLinks(Document):
    """Where to go on."""

    self: str = Field(description="The webhook.", examples=["/v1/webhooks/hook_0123456789abcdef"])
    deliveries: str = Field(
        description="Its last deliveries.", examples=["/v1/webhooks/hook_0123456789abcdef/deliveries"]
    )


class WebhookDocument(Document):
    """A webhook, without its secret."""

    id: str = Field(description="The webhook's id.", examples=["hook_0123456789abcdef"])
    url: str = Field(description="Where its messages are sent.", examples=["https://receiver.example/releve"])
    events: list[str] | None = Field(
        description=f"Of which it is told; `null`: all but {', '.join(f'`{each}`' for each in QUIET_TYPES)}.",
        examples=[["job.succeeded", "job.failed"]],
    )
    description: str | None = Field(description="What its owner calls it.", examples=["Home Assistant"])
    enabled: bool = Field(description="Whether anything is sent there.")
    disabled_reason: DisabledReason | None = Field(
        description="Why the gateway has disabled it: the receiver answered 410 (`gone`), or a delivery failed at each "
        "of its tries (`exhausted`)."
    )
    disabled_at: datetime | None = Field(description="When the gateway has disabled it.")
    created_at: CreatedAt
    previous_secret_until: datetime | None = Field(
        description="After a rotation: until then the messages are signed with the secret before as well."
    )
    links: WebhookLinks

    @classmethod
    def of(cls, webhook: Webhook, now: datetime) -> Self:
        """What is shown of a webhook."""
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
    """A webhook with the secret that signs its messages."""

    secret: str = Field(
        description="With what the messages are signed, by Standard Webhooks. Shown this once.",
        examples=["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
    )


class DeliveryLinks(Document):
    """Where to go on."""

    webhook: str = Field(description="Whose it is.", examples=["/v1/webhooks/hook_0123456789abcdef"])
    replay: str = Field(
        description="What to POST to have it delivered once more.",
        examples=["/v1/webhooks/hook_0123456789abcdef/deliveries/dlv_0123456789abcdef01234567/replay"],
    )


class DeliveryDocument(Document):
    """One event for one webhook, and how its last try went. What the receiver answered is not kept."""

    id: str = Field(
        description="The `webhook-id` of the message, the same with each try.",
        examples=["dlv_0123456789abcdef01234567"],
    )
    type: str = Field(description="The type of the event.", examples=["job.succeeded"])
    created_at: CreatedAt
    status: DeliveryStatus = Field(examples=["delivered"])
    attempts: int = Field(description="How often it was tried.", examples=[1])
    last_attempt_at: datetime | None = Field(
        description="`null`: it was not tried yet.", examples=["2026-09-21T14:13:21Z"]
    )
    status_code: int | None = Field(
        description="What the receiver answered to the last try, if it did.", examples=[204]
    )
    error: DeliveryError | None = Field(description="Why the last try failed, or why there is none any more.")
    duration_ms: int | None = Field(description="How long the last try took.", examples=[84])
    next_attempt_at: datetime | None = Field(description="`null` when it is over.")
    links: DeliveryLinks

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """What is shown of a delivery."""
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
    """Where the list goes on."""

    next: str | None = Field(
        description="The next page; `null` at the end of the list.",
        examples=["/v1/webhooks/hook_0123456789abcdef/deliveries?limit=20&cursor=dlv_0123456789abcdef01234567"],
    )


class DeliveryPage(Document):
    """Some deliveries of a webhook, newest first."""

    deliveries: list[DeliveryDocument] = Field(description="Newest first.")
    links: DeliveryPageLinks
