"""Where deliveries to webhooks are in Redis, and how long they are kept; the steps of a delivery are scripts in `lua/`.

Each step is one Lua script: whoever is killed, is killed between two of them. `fan_out` belongs to the script that
publishes an event: it makes a delivery to each webhook that wants to be told, so that an event and its deliveries are
there together or not at all. The others are `shared.events.deliveries`'.

`webhooks:{account}` holds for each webhook of an account the version of its row and the types that it wants (``*``:
all but the quiet ones; none while it is disabled). `delivery:{id}` is a delivery, `deliveries:{webhook}` the newest of
them, `pending:{webhook}` those that are not over, by their next try. `webhooks:due` holds the webhooks by that moment;
while one is delivered to, by the end of the lease, which `webhooks:leases` holds too. `webhooks:rests` holds how
often in a row a webhook has failed, and until when it is left alone for that. `webhooks:bell` wakes who waits. Times
are epoch milliseconds.
"""

QUIET_TYPES = ("job.progress",)
"""Told only to who asks for them by name: there may be a hundred for one job."""
KEPT_DELIVERIES = 500
"""So many are kept of each webhook, the newest."""
KEPT = {"kept_seconds": 7 * 86_400, "kept_deliveries": KEPT_DELIVERIES}
"""How long a delivery is kept, longer than it is tried, and how many; constants of the scripts."""
BELL_KEY = "webhooks:bell"


def webhooks_key(account_id: str) -> str:
    """Where it stands which webhooks an account has, and what they want to be told."""
    return f"webhooks:{account_id}"


def delivery_key(delivery_id: str) -> str:
    """Where a delivery is."""
    return f"delivery:{delivery_id}"


def deliveries_key(webhook_id: str) -> str:
    """Where the deliveries of a webhook are listed."""
    return f"deliveries:{webhook_id}"


def pending_key(webhook_id: str) -> str:
    """Where those deliveries of a webhook are that are not over."""
    return f"pending:{webhook_id}"


def attempted_key(delivery_id: str) -> str:
    """Where it is said that an awaited delivery was tried."""
    return f"attempted:{delivery_id}"
