"""Server-sent events of the gateway, across reconnections.

Resumes after an interruption (`Last-Event-ID`). Must never treat a quiet connection as dead: the gateway sends
heartbeats, and only their absence ends it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from httpx_sse import EventSource, ServerSentEvent, SSEError

from cli.user.failures import Failure, Unreachable
from cli.user.gateway import Gateway
from cli.user.words import all_printable, printable

_RETRY_SECONDS = 2.0
# Consecutive failures without an event in between: a few minutes.
_BREAKS = 60


@dataclass(frozen=True)
class Event:
    """An event: type, ids, and time. A snapshot of the current state has no time."""

    id: str
    type: str
    data: dict[str, Any]
    timestamp: str | None = None


def listen(gateway: Gateway, path: str) -> Iterator[Event]:
    """The events, until the gateway signals the end of the stream (204). Raises `Refused`, `Unreachable`, `Failure`."""
    last_id, pause, breaks = "", _RETRY_SECONDS, 0
    while True:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        try:
            with gateway.stream("GET", path, headers=headers) as answer:
                if answer.status_code == 204:
                    return
                for each in EventSource(answer).iter_sse():
                    breaks, last_id = 0, each.id or last_id
                    pause = pause if each.retry is None else each.retry / 1000
                    if each.data:
                        yield _parse(each)
        except SSEError:
            raise Failure(f"{gateway.url} does not send events") from None
        except Unreachable:
            breaks += 1
            if breaks > _BREAKS:
                raise
        gateway.sleep(pause)


def _parse(sent: ServerSentEvent) -> Event:
    try:
        body = all_printable(json.loads(sent.data))
        return Event(sent.id, printable(sent.event), dict(body["data"]), body.get("timestamp"))
    except (ValueError, KeyError, TypeError, AttributeError):
        # An unknown type: only its arrival can be shown.
        return Event(sent.id, printable(sent.event), {})
