"""Faults on demand: which of the next calls fail, and how.

A fault replaces the response (`REPLACEMENTS`, or any error body) or distorts the valid one (`DISTORTIONS`), possibly
with a delay. Faults apply after the token, subscription and quota checks, like a failing resource behind a working
gateway. The first matching armed fault applies. Rates use a seeded generator: a run can be repeated.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Literal

from fastapi import Response
from starlette.types import Receive, Scope, Send

from simulator.calls import Call
from simulator.distortions import DISTORTIONS
from simulator.error_catalogue import Origin, find_error
from simulator.errors import Refusal, resource_refusal, technical_error
from simulator.rte_errors import RTE_APIS, rte_refusal

FaultKind = Literal[
    "delay",
    "error",
    "technical_error",
    "no_data",
    "html",
    "plain_text",
    "empty",
    "cut",
    "truncated",
    "octet_stream",
    "empty_points",
    "no_quantity",
    "missing_points",
    "null_values",
    "number_values",
    "unsorted",
    "duplicates",
    "longer",
    "wrong_point",
    "xml",
    "no_token",
]
ErrorForm = Literal["resource", "gateway", "fault", "swagger", "array", "rte"]

TOKEN_API = "token"
CONSENT_API = "authorize"
# The APIs that a fault without `path` and `api` does not affect.
SPARED_APIS = frozenset({TOKEN_API, CONSENT_API}) | RTE_APIS

_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_XML = '<?xml version="1.0" encoding="UTF-8"?><Tempos><Tempo><DateApplication/><Couleur/></Tempo></Tempos>'


@dataclass(slots=True)
class Fault:
    """One rule. `count` is the number of calls it still hits (None: unlimited), `rate` its share of matching calls."""

    number: int
    kind: FaultKind
    path: str = ""
    api: str | None = None
    usage_point_id: str | None = None
    status: int | None = None
    code: str = "technical_error"
    description: str = ""
    form: ErrorForm | None = None
    count: int | None = 1
    rate: float = 1.0
    delay_seconds: float = 0.0
    hits: int = 0

    def matches(self, call: Call) -> bool:
        """Whether this rule applies to `call`.

        Without `path` and `api` the rule applies only to Enedis's data APIs: a client must be able to get its token and
        its consent while everything else fails, and scheduled calls to RTE must not interfere with a test.
        """
        if not self.path and self.api is None and call.api in SPARED_APIS:
            return False
        return (
            self.path in call.path
            and self.api in (None, call.api)
            and self.usage_point_id in (None, call.usage_point_id)
            and (self.count is None or self.hits < self.count)
        )

    def replacement(self, call: Call, now: datetime) -> Response | None:
        """The response sent instead of the original one; None when the original is only distorted or delayed."""
        if self.kind == "error":
            # An explicit form overrides the known body of the code.
            known = find_error(self.code, _origin_of(call), now) if self.form is None else None
            refusal = known or self._written_error(call)
            body = [refusal.body] if self.form == "array" else refusal.body
            return _json(self.status or refusal.status, body)
        if self.kind == "technical_error":
            return _json(self.status or 500, technical_error().body)
        if self.kind == "no_data":
            nothing = find_error("no_data_found", _origin_of(call), now) or technical_error()
            return _json(self.status or nothing.status, nothing.body)
        if self.kind == "html":
            return Response(_HTML, self.status or 502, media_type="text/html; charset=utf-8")
        if self.kind == "plain_text":
            return Response("Internal Server Error", self.status or 500, media_type="text/plain; charset=utf-8")
        if self.kind == "xml":
            return Response(_XML, self.status or 200, media_type="application/xml")
        if self.kind == "no_token":
            return _json(self.status or 200, {"token_type": "Bearer", "expires_in": 3600})
        if self.kind == "empty":
            return Response(b"", self.status or 200)
        return None

    def distort(self, answer: Response) -> Response:
        """The distorted response; errors stay unchanged."""
        if self.kind == "cut":
            return CutAnswer(bytes(answer.body), answer.status_code, media_type=answer.media_type)
        if self.kind not in DISTORTIONS or answer.status_code != 200:
            return answer
        media_type = "application/octet-stream" if self.kind == "octet_stream" else answer.media_type
        return Response(DISTORTIONS[self.kind](bytes(answer.body)), self.status or 200, media_type=media_type)

    def _written_error(self, call: Call) -> Refusal:
        status = self.status or 500
        if self.form == "rte" or (self.form is None and call.api in RTE_APIS):
            return rte_refusal(status, self.code, self.description)
        if self.form == "gateway":
            return Refusal(status, {"code": self.code, "message": self.description, "description": self.description})
        if self.form == "fault":
            code = int(self.code) if self.code.isdigit() else self.code
            return Refusal(status, {"fault": {"code": code, "message": self.description}})
        if self.form in ("swagger", "array"):
            return Refusal(status, {"code": self.code, "message": self.description})
        return resource_refusal(status, self.code, self.description)


@dataclass(slots=True)
class Faults:
    """The faults, in the order in which they were armed."""

    _armed: list[Fault] = field(default_factory=list)
    _number: int = 0
    _random: Random = field(default_factory=lambda: Random(0))

    def arm(self, fault: Fault) -> Fault:
        """Add a rule and set its `number`."""
        self._number += 1
        fault.number = self._number
        self._armed.append(fault)
        return fault

    def take(self, call: Call) -> Fault | None:
        """The fault that hits `call`, counted as a hit."""
        for fault in self._armed:
            if fault.matches(call) and (fault.rate >= 1 or self._random.random() < fault.rate):
                fault.hits += 1
                return fault
        return None

    def armed(self) -> list[Fault]:
        """Every rule since the last `clear`, including exhausted ones."""
        return list(self._armed)

    def clear(self) -> None:
        """Disarm all faults and reset the generator."""
        self._armed.clear()
        self._random = Random(0)


class CutAnswer(Response):
    """A response shorter than its declared length: the server then closes the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the headers and half of the body, then stop."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


def _origin_of(call: Call) -> Origin:
    if call.api in RTE_APIS:
        return "rte"
    return "v5" if "/v5/" in call.path or call.path.startswith("/dataconnect/v1/") else "2026"


def _json(status: int, body: object) -> Response:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(content, status, media_type="application/json")
