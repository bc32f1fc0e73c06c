"""Requests the consent of a meter's holder: shows the link, opens the browser, and waits for the decision."""

import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import typer

from cli.user.account import consent_words
from cli.user.failures import Failure, WrongUse
from cli.user.gateway import Document, Gateway
from cli.user.points import point_name
from cli.user.screen import Screen
from cli.user.session import logged_in
from cli.user.words import moment_words

_LOOK_SECONDS = 2.0
_UNDECIDED = ("pending", "exchanging")


@dataclass(frozen=True)
class ConsentOptions:
    """The arguments of `consent`."""

    usage_point_id: str | None
    renews: bool
    proves: bool
    label: str | None
    opens_browser: bool


def ask_consent(
    screen: Screen, options: ConsentOptions, open_page: Callable[[str], Any] = webbrowser.open, sleep: Any = time.sleep
) -> None:
    """Show the link, and the usage points as soon as they are available."""
    body: Document = {"renew": True} if options.renews else {}
    if options.usage_point_id:
        body["usage_point_id"] = options.usage_point_id
    if options.proves:
        body["proof"] = _asked_proof(options)
    with logged_in(screen) as gateway:
        started = gateway.ask("POST", "/v1/consents", body=body)
        link = started["authorize_url"]
        # With `--json` too: a user has to open it, and standard output is for the result.
        until = moment_words(started["expires_at"])[-5:]
        screen.err.print(f"Open this page before {until}, and confirm on Enedis's page:\n  {link}", soft_wrap=True)
        if options.opens_browser and screen.err.is_terminal:
            open_page(link)
        consent = _await_decision(screen, gateway, started, sleep)
        points = _opened_points(gateway, consent)
        if options.label and len(points) == 1:
            path = f"/v1/usage-points/{points[0]['usage_point_id']}"
            points = [gateway.ask("PATCH", path, body={"label": options.label})]
    screen.give({"consent": consent, "usage_points": points})
    for point in points:
        name = point_name(point, is_full=screen.is_full)
        screen.say(f"✓ {name}: {', '.join(point['directions'])}; {consent_words(point)}", "green")
    screen.say("  Next: `releve datasets`, `releve fetch DATASET`")


def _await_decision(screen: Screen, gateway: Gateway, started: Document, sleep: Any) -> Document:
    deadline = datetime.fromisoformat(started["expires_at"])
    with screen.progress("{task.description}") as progress:
        progress.add_task("Waiting for your decision … (Ctrl-C stops waiting, the consent request stays open)")
        consent = gateway.get(f"/v1/consents/{started['id']}")
        while consent["status"] in _UNDECIDED:
            if consent["status"] == "pending" and datetime.now(UTC) > deadline:
                raise Failure("the consent was not decided in time; start again")
            sleep(_LOOK_SECONDS)
            consent = gateway.get(f"/v1/consents/{started['id']}")
    if consent["status"] != "granted":
        because = (consent["error"] or {}).get("title") or ""
        raise Failure(" ".join(filter(None, (f"the consent is {consent['status']}.", because, consent["hint"]))))
    return consent


def _opened_points(gateway: Gateway, consent: Document) -> list[Document]:
    wanted = {each["usage_point_id"] for each in consent["usage_points"]}
    listed: list[Document] = gateway.get("/v1/usage-points")["usage_points"]
    return [each for each in listed if each["usage_point_id"] in wanted]


def _asked_proof(options: ConsentOptions) -> Document:
    """Facts from a bill; prompted for, so that they do not appear in the list of processes."""
    if not options.usage_point_id:
        raise WrongUse("a proof concerns one usage point: name it with --usage-point")
    asked = {
        "subscribed_power": "Subscribed power in kVA, as on your bill",
        "postal_code": "Postal code of the meter",
        "activated_on": "Day on which your supply began (2024-05-31)",
    }
    given = {
        name: typer.prompt(f"{question} (Enter: unknown)", default="", show_default=False, err=True).strip()
        for name, question in asked.items()
    }
    proof: Document = {name: text for name, text in given.items() if text}
    if "subscribed_power" in proof:
        try:
            proof["subscribed_power"] = float(proof["subscribed_power"].replace(",", "."))
        except ValueError:
            raise WrongUse("the subscribed power is a number: 6, 9, 12 …") from None
    return proof
