"""Common lookups of the commands: the gateway, the catalogue, the selected usage point."""

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cli.user.credentials import find_credentials, find_url
from cli.user.failures import WrongUse
from cli.user.gateway import Document, Gateway, open_gateway
from cli.user.points import Point, choose_point
from cli.user.screen import Screen


@contextmanager
def logged_in(screen: Screen) -> Iterator[Gateway]:
    """The gateway with the available key. Raises `NotLoggedIn`."""
    credentials = find_credentials(os.environ)
    with open_gateway(credentials.url, credentials, screen.note) as gateway:
        yield gateway


@contextmanager
def anonymous(screen: Screen) -> Iterator[Gateway]:
    """The gateway, for requests without a key."""
    with open_gateway(find_url(os.environ), None, screen.note) as gateway:
        yield gateway


def find_dataset(gateway: Gateway, name: str) -> Document:
    """A dataset of the gateway's catalogue. Raises `WrongUse` when there is none of that name."""
    known: dict[str, Document] = {each["name"]: each for each in gateway.get("/v1/datasets")["datasets"]}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"available: {', '.join(known)}"
    raise WrongUse(f"there is no such dataset: {hint}")


def find_point(gateway: Gateway, wanted: str | None) -> Point:
    """The selected usage point. Raises `Failure`, `WrongUse`."""
    return choose_point(gateway.get("/v1/usage-points")["usage_points"], wanted)
