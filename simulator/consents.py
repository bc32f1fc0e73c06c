"""The registry of consents behind both consent pages: which point is shared, by which holder, until when.

An authorisation id is a small, incrementing integer, stable for a holder: deleting a share and sharing again gives the
same id, until another holder moves in. Kept in memory; `state_file` persists it between runs. Never decides what a page
shows.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from simulator.paris import paris_date


@dataclass(frozen=True, slots=True)
class Consent:
    """One holder's share of one point with the application. `expires_on` is the first day without it."""

    authorisation_id: int
    usage_point_id: str
    granted_on: date
    expires_on: date
    visible_from: datetime
    revoked: bool = False

    def is_active(self, today: date) -> bool:
        """Whether data may be read on `today`."""
        return not self.revoked and today < self.expires_on


class AlreadySharedError(Exception):
    """The point is shared with this application; the old share must be deleted first."""


class Consents:
    """All shares with the one application that the simulator knows."""

    def __init__(self, first_id: int, state_file: Path | None = None) -> None:
        self._first_id = first_id
        self._state_file = state_file
        self._by_point: dict[str, Consent] = {}
        self._ids: dict[str, int] = {}
        self._moves = 0
        self._load()

    def grant(
        self, usage_point_id: str, now: datetime, lasts: timedelta, visible_after: timedelta = timedelta(0)
    ) -> Consent:
        """Share a point for `lasts` days from today in Paris.

        Raises:
            AlreadySharedError: an active share exists.
        """
        if self.is_active(usage_point_id, paris_date(now)):
            raise AlreadySharedError
        return self.grant_again(usage_point_id, now, lasts, visible_after)

    def grant_again(
        self, usage_point_id: str, now: datetime, lasts: timedelta, visible_after: timedelta = timedelta(0)
    ) -> Consent:
        """Share a point, replacing an active share, as the first consent page allows."""
        today = paris_date(now)
        authorisation_id = self._ids.setdefault(usage_point_id, self._first_id + len(self._ids) + self._moves)
        consent = Consent(authorisation_id, usage_point_id, today, today + lasts, now + visible_after)
        self._by_point[usage_point_id] = consent
        self._save()
        return consent

    def place(self, authorisation_id: int, usage_point_id: str, granted_on: date, expires_on: date) -> None:
        """Add a share with a given id and given dates to the registry; visible immediately."""
        visible_from = datetime.min.replace(tzinfo=UTC)
        self._by_point[usage_point_id] = Consent(authorisation_id, usage_point_id, granted_on, expires_on, visible_from)

    def revoke(self, usage_point_id: str) -> Consent | None:
        """Revoke a share as its holder would on the Enedis site; None when there is none."""
        consent = self._by_point.get(usage_point_id)
        if consent is None or consent.revoked:
            return None
        self._by_point[usage_point_id] = replace(consent, revoked=True)
        self._save()
        return self._by_point[usage_point_id]

    def move_in(self, usage_point_id: str) -> None:
        """A new holder moves in: the previous holder's share has ended, and the next share gets another id."""
        self._by_point.pop(usage_point_id, None)
        # The id that is released here must not be issued again.
        self._moves += self._ids.pop(usage_point_id, None) is not None
        self._save()

    def clear(self) -> int:
        """Delete every share; holders keep their ids. Returns the number of deleted shares."""
        count = len(self._by_point)
        self._by_point.clear()
        self._save()
        return count

    def is_active(self, usage_point_id: str, today: date) -> bool:
        """Whether the application may read this point on `today`."""
        consent = self._by_point.get(usage_point_id)
        return consent is not None and consent.is_active(today)

    def by_authorisation(self, authorisation_id: int, now: datetime) -> Consent | None:
        """The share with this id, once it is visible."""
        for consent in self._by_point.values():
            if consent.authorisation_id == authorisation_id and consent.visible_from <= now:
                return consent
        return None

    def all(self) -> Iterable[Consent]:
        """Every share, including revoked and expired ones."""
        return tuple(self._by_point.values())

    def _load(self) -> None:
        if self._state_file is None or not self._state_file.exists():
            return
        state = json.loads(self._state_file.read_text())
        self._ids = dict(state["ids"])
        self._moves = int(state.get("moves", 0))
        for item in state["consents"]:
            item["granted_on"] = date.fromisoformat(item["granted_on"])
            item["expires_on"] = date.fromisoformat(item["expires_on"])
            item["visible_from"] = datetime.fromisoformat(item["visible_from"])
            self._by_point[item["usage_point_id"]] = Consent(**item)

    def _save(self) -> None:
        if self._state_file is None:
            return
        state = {
            "ids": self._ids,
            "moves": self._moves,
            "consents": [asdict(consent) for consent in self._by_point.values()],
        }
        self._state_file.parent.mkdir(parents=True, exist_ok=True)
        # Replaced atomically: a simulator that is killed while writing keeps its last complete state.
        unfinished = self._state_file.with_suffix(".new")
        unfinished.write_text(json.dumps(state, default=str))
        unfinished.replace(self._state_file)
