"""The Redis keys of deliveries to webhooks, and their retention; the steps of a delivery are scripts in `lua/`.

Each step is one Lua script: a process can die between two steps, not inside one. `fan_out` is part of the script that
publishes an event: it creates a delivery for each subscribed webhook, so that an event and its deliveries are created
atomically. `shared.events.deliveries` runs the other scripts.

`webhooks:{account}` holds for each webhook of an account the version of its row and its event types (``*``: all but the
quiet ones; none while it is disabled). `delivery:{id}` is a delivery, `deliveries:{webhook}` the newest of them,
`pending:{webhook}` the pending ones by their next try. `webhooks:due` holds the webhooks by the time of that try, or
during a delivery by the end of the lease, which is also in `webhooks:leases`. `webhooks:rests` holds the number of
consecutive failures of a webhook, and the end of the pause after them. `webhooks:bell` wakes waiting workers. Times are
epoch milliseconds.
"""

QUIET_TYPES = ("job.progress",)
"""Delivered only to webhooks that name them explicitly: one job may have a hundred of them."""
KEPT_DELIVERIES = 500
"""The maximum number of deliveries kept per webhook, the newest."""
KEPT = {"kept_seconds": 7 * 86_400, "kept_deliveries": KEPT_DELIVERIES}
"""How long deliveries are kept, which is longer than they are retried, and how many; constants of the scripts."""
BELL_KEY = "webhooks:bell"


def webhooks_key(account_id: str) -> str:
    """The key of an account's webhooks and their event types."""
    return f"webhooks:{account_id}"


def delivery_key(delivery_id: str) -> str:
    """The key of a delivery."""
    return f"delivery:{delivery_id}"


def deliveries_key(webhook_id: str) -> str:
    """The key of the list of a webhook's deliveries."""
    return f"deliveries:{webhook_id}"


def pending_key(webhook_id: str) -> str:
    """The key of a webhook's pending deliveries."""
    return f"pending:{webhook_id}"


def attempted_key(delivery_id: str) -> str:
    """The key that signals the attempt of an awaited delivery."""
    return f"attempted:{delivery_id}"
