"""Why a command ends without what was asked for, each in words that a person can act on. No traceback is shown.

Failure             status 1
├── Refused         the gateway's own problem document (RFC 9457)
├── Unreachable     nobody answers at the gateway's address
├── NotLoggedIn     no key is at hand
└── WrongUse        status 2: the command was asked for what it can't do
"""

from collections.abc import Mapping
from typing import Any

from cli.user.words import printable

# What a person can do about a problem, by its code, with these commands.
_HINTS = {
    "unauthenticated": "`releve login` takes another key",
    "forbidden": "this key lacks a scope; `releve status` shows which it has",
    "consent_missing": "`releve consent` asks for one",
    "consent_lost": "`releve consent` asks for a new one",
    "consent_already_active": "`releve consent --renew` asks for a new one all the same",
    "invitation_refused": "ask the operator of this gateway for a code",
    "out_of_history": "`releve datasets` says how far back each goes",
    "quota_exceeded": "`releve status` says when there is more",
    "usage_point_taken": "`releve consent --prove` shows that you know its contract",
}


class Failure(Exception):
    """Something did not work; the message is all that is printed."""

    status = 1


class WrongUse(Failure):
    """The command was asked for what it can't do."""

    status = 2


class NotLoggedIn(Failure):
    """There is no key to ask with."""

    def __init__(self, because: str = "you are not logged in") -> None:
        super().__init__(f"{because}: `releve login` first")


class Unreachable(Failure):
    """Nobody answers at the gateway's address."""

    def __init__(self, url: str, cause: Exception) -> None:
        super().__init__(f"no answer from {url}: {printable(str(cause)) or type(cause).__name__}")


class Refused(Failure):
    """The gateway said no; ``problem`` is its document."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.code = str(problem.get("code", ""))
        self.http_status = int(problem.get("status", 0))
        super().__init__(_in_one_line(problem))


def _in_one_line(problem: Mapping[str, Any]) -> str:
    """Title, detail where it says more, each wrong field, what to do, and what to quote when asking for help."""
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
