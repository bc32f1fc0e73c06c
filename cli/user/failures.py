"""The failures of a command, each with a message that a user can act on. No traceback is shown.

Failure             status 1
├── Refused         the gateway's problem document (RFC 9457)
├── Unreachable     no response from the gateway's address
├── NotLoggedIn     no key is available
└── WrongUse        status 2: invalid arguments
"""

from collections.abc import Mapping
from typing import Any

from cli.user.words import printable

# What a user can do about a problem with these commands, by its code.
_HINTS = {
    "unauthenticated": "`releve login` stores another key",
    "forbidden": "this key lacks a scope; `releve status` shows which it has",
    "consent_missing": "`releve consent` requests one",
    "consent_lost": "`releve consent` requests a new one",
    "consent_already_active": "`releve consent --renew` requests a new one anyway",
    "invitation_refused": "ask the operator of this gateway for a code",
    "out_of_history": "`releve datasets` shows how far back each goes",
    "quota_exceeded": "`releve status` shows when it resets",
    "usage_point_taken": "`releve consent --prove` proves that you know its contract",
}


class Failure(Exception):
    """The command failed; only the message is printed."""

    status = 1


class WrongUse(Failure):
    """The arguments are invalid."""

    status = 2


class NotLoggedIn(Failure):
    """No key is available."""

    def __init__(self, because: str = "you are not logged in") -> None:
        super().__init__(f"{because}: `releve login` first")


class Unreachable(Failure):
    """There is no response from the gateway's address."""

    def __init__(self, url: str, cause: Exception) -> None:
        super().__init__(f"no response from {url}: {printable(str(cause)) or type(cause).__name__}")


class Refused(Failure):
    """The gateway refused the request; ``problem`` is its document."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.code = str(problem.get("code", ""))
        self.http_status = int(problem.get("status", 0))
        super().__init__(_in_one_line(problem))


def _in_one_line(problem: Mapping[str, Any]) -> str:
    """Title, detail if it adds information, each invalid field, what to do, and what to quote in a support request."""
    title, detail = str(problem.get("title", "")), str(problem.get("detail", ""))
    said = [title] if detail in ("", title) else [title, detail]
    for each in problem.get("errors") or ():
        place = str(each["pointer"]).lstrip("/")
        said.append(f"({place})" if each["detail"] in said else f"{place}: {each['detail']}")
    code = str(problem.get("code", ""))
    if code in _HINTS:
        said.append(f"({_HINTS[code]})")
    quoted = [code, f"from the provider {problem['upstream_code']}" if problem.get("upstream_code") else ""]
    quoted.append(f"trace {problem['trace_id']}" if problem.get("trace_id") else "")
    return f"{' '.join(said)} [{', '.join(filter(None, quoted))}]"
