"""Two clients of the MyElectricalData v1 contract, as users run them: an importer and a Home Assistant integration.

Written only from that contract and its public clients, and as strict as these: a missing key is a `KeyError`, a date in
another format or a value that is not a number a `ValueError`. Must never import gateway code, nor accept what the real
clients would reject.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import httpx

JsonObject = dict[str, Any]

DAY = "%Y-%m-%d"
MOMENT = "%Y-%m-%d %H:%M:%S"
CONTRACT_DAY = "%Y-%m-%d%z"
CONSENT_END = "%Y-%m-%dT%H:%M:%S"
QUOTA_END = "%Y-%m-%dT%H:%M:%S.%f"
CURVES = ("consumption_load_curve", "production_load_curve")
YEARS_DAYS = 1095
_NUMBER = re.compile(r"\d+")
_OFF_PEAK = re.compile(r"HC \((.*)\)")
_MORE_TRIES = 4
# Shorter than any gateway's `Retry-After`: neither of the real clients reads that header.
_PAUSE_SECONDS = 1


class Refused(Exception):
    """A refusal of the gateway. ``status`` and ``detail`` are those of its response."""

    def __init__(self, status: int, detail: str) -> None:
        """Keep the fields of the response."""
        super().__init__(f"{status}: {detail}")
        self.status, self.detail = status, detail


class GivesUp(Refused):
    """A refusal after which the importer sends no more requests that day."""


class LimitReached(GivesUp):
    """The daily quota is used up; the integration has a name for this error."""


@dataclass(frozen=True)
class Reading:
    """A value and its start in local time; ``minutes`` is the step of a curve."""

    start: datetime
    value: int
    minutes: int | None = None


@dataclass(frozen=True)
class Access:
    """The response of `/valid_access` for the key."""

    is_valid: bool
    consent_ends: datetime
    calls: int
    limit: int
    is_limit_reached: bool
    resets_at: datetime
    is_banned: bool


@dataclass(frozen=True)
class Contract:
    """The details of the contract."""

    subscribed_kva: int
    off_peak_hours: tuple[str, ...]
    activated_on: date | None
    tariff_changed_on: date | None
    segment: str
    distribution_tariff: str | None
    status: str | None


@dataclass
class Client:
    """One usage point of a token: the calls that both clients send."""

    http: httpx.Client
    token: str = field(repr=False)
    usage_point_id: str
    statuses: list[int] = field(default_factory=list)
    """Of all answers so far."""

    def ping(self) -> float:
        """The number of seconds that the gateway makes clients wait."""
        body = self._ask("GET", "/ping", needs_token=False)
        assert body["status"] is True
        assert isinstance(body["information"], str)
        assert isinstance(body["nb_client"], int)
        return float(body["waiting_estimation"].removesuffix("s"))

    def access(self, suffix: str = "") -> Access:
        """`/valid_access`; with ``suffix`` `/cache` as the importer calls it."""
        body = self._ask("GET", f"/valid_access/{self.usage_point_id}{suffix}")
        assert isinstance(body["information"], str)
        if body["last_call"] is not None:
            datetime.fromisoformat(body["last_call"])
        return Access(
            is_valid=body["valid"],
            consent_ends=_read_clock(body["consent_expiration_date"], CONSENT_END),
            calls=int(body["call_number"]),
            limit=int(body["quota_limit"]),
            is_limit_reached=body["quota_reached"],
            resets_at=_read_clock(body["quota_reset_at"], QUOTA_END),
            is_banned=body["ban"],
        )

    def contract(self, suffix: str = "/cache") -> Contract:
        """`/contracts`."""
        contract = self._own_point(self._ask("GET", f"/contracts/{self.usage_point_id}{suffix}"))["contracts"]
        hours = contract["offpeak_hours"]
        if hours is not None:
            found = _OFF_PEAK.search(hours)
            assert found, hours
            hours = found[1]
        return Contract(
            subscribed_kva=int(contract["subscribed_power"].split(" ")[0]),
            off_peak_hours=tuple(hours.split(";")) if hours else (),
            activated_on=_contract_day(contract["last_activation_date"]),
            tariff_changed_on=_contract_day(contract["last_distribution_tariff_change_date"]),
            segment=contract["segment"],
            distribution_tariff=contract["distribution_tariff"],
            status=contract["contract_status"],
        )

    def address(self, suffix: str = "/cache") -> Mapping[str, str | None]:
        """`/addresses`: the fields that the importer keeps, by its names."""
        point = self._own_point(self._ask("GET", f"/addresses/{self.usage_point_id}{suffix}"))["usage_point"]
        address = point["usage_point_addresses"]
        names = ("street", "locality", "postal_code", "insee_code", "city", "country")
        place = address["geo_points"]
        return {name: address[name] for name in names} | {
            name: place[name] for name in ("latitude", "longitude", "altitude")
        }

    def person(self, suffix: str = "/cache") -> Mapping[str, str]:
        """`/identity`."""
        body = self._ask("GET", f"/identity/{self.usage_point_id}{suffix}")
        assert "customer_id" in body
        person = body["identity"]["natural_person"]
        return {name: person[name] for name in ("title", "firstname", "lastname")}

    def contact(self, suffix: str = "/cache") -> Mapping[str, str]:
        """`/contact`."""
        body = self._ask("GET", f"/contact/{self.usage_point_id}{suffix}")
        assert "customer_id" in body
        return {name: body["contact_data"][name] for name in ("phone", "email")}

    def forget(self, path: str) -> JsonObject:
        """Send DELETE to a `/cache` path of this usage point; returns the response."""
        return self._ask("DELETE", path)

    def tempo(self, start: date, end: date) -> Mapping[date, str]:
        """The colours of days, by the importer's names."""
        body = self._ask("GET", f"/rte/tempo/{start}/{end}", needs_token=False)
        assert {"RED", "WHITE", "BLUE"} >= set(body.values())
        return {_read_clock(day, DAY).date(): colour for day, colour in body.items()}

    def ecowatt(self, start: date, end: date) -> Mapping[date, tuple[int, str, Mapping[datetime, int]]]:
        """Level, message and hours, by the days of the response: each a day too early."""
        body = self._ask("GET", f"/rte/ecowatt/{start}/{end}", needs_token=False)
        found = {}
        for day, signal in body.items():
            hours = {_read_clock(hour, MOMENT): level for hour, level in signal["detail"].items()}
            assert all(isinstance(level, int) for level in (signal["value"], *hours.values()))
            found[_read_clock(day, DAY).date()] = (signal["value"], str(signal["message"]), hours)
        return found

    def tempo_days_left(self) -> Mapping[str, int]:
        """How many days of each colour are left; every key becomes a sensor."""
        body = self._ask("GET", "/edf/tempo/days", needs_token=False)
        return {colour: int(days) for colour, days in body.items()}

    def tempo_prices(self) -> Mapping[tuple[str, str], float]:
        """Euros per kWh, by colour and hours; every key becomes a sensor."""
        body = self._ask("GET", "/edf/tempo/price", needs_token=False)
        prices = {}
        for name, price in body.items():
            colour, hours = name.split("_")
            prices[colour, hours] = float(price.replace(",", "."))
        return prices

    def series(self, name: str, start: date, end: date, suffix: str = "") -> list[Reading]:
        """The readings of these days as the client keeps them."""
        body = self._ask("GET", f"/{name}/{self.usage_point_id}/start/{start}/end/{end}{suffix}")
        meter = body["meter_reading"]
        assert self.usage_point_id == meter["usage_point_id"]
        for name_of_bound in ("start", "end"):
            _read_clock(meter[name_of_bound], DAY)
        assert {"unit", "measurement_kind", "aggregate"} <= set(meter["reading_type"])
        assert isinstance(meter["quality"], str)
        return list(_parsed(name, meter["interval_reading"]))

    def _own_point(self, body: JsonObject) -> JsonObject:
        assert "customer_id" in body["customer"]
        for point in body["customer"]["usage_points"]:
            assert {"usage_point_status", "meter_type"} <= set(point["usage_point"])
            if point["usage_point"]["usage_point_id"] == self.usage_point_id:
                found: JsonObject = point
                return found
        raise KeyError("usage_point_id")

    def _ask(self, method: str, path: str, *, needs_token: bool = True) -> JsonObject:
        """Send one call; repeat it after a temporary refusal."""
        headers = {"Authorization": self.token} if needs_token else {}
        answer = self._send(method, path, headers)
        for _ in range(_MORE_TRIES):
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            assert int(answer.headers["Retry-After"]) > 0
            time.sleep(_PAUSE_SECONDS)
            answer = self._send(method, path, headers)
        body: JsonObject = answer.json()
        if answer.status_code == httpx.codes.OK:
            return body
        detail = body["detail"]
        assert isinstance(detail, str)
        match answer.status_code:
            case 409:
                raise LimitReached(409, detail)
            case 400 | 403:
                raise GivesUp(answer.status_code, detail)
            case status:
                raise Refused(status, detail)

    def _send(self, method: str, path: str, headers: Mapping[str, str]) -> httpx.Response:
        answer = self.http.request(method, path, headers=headers)
        self.statuses.append(answer.status_code)
        return answer


@dataclass
class Importer(Client):
    """Requests all available data: years of days at once, curves by the week; everything through the cache, with paths
    that end with a slash."""

    def daily(self, name: str, today: date) -> list[Reading]:
        """Three years of a daily series, in one request."""
        end = today + timedelta(days=2)
        return self.series(name, end - timedelta(days=YEARS_DAYS), end, "/cache/")

    def curve(self, name: str, today: date, weeks: int) -> list[Reading]:
        """The last ``weeks`` weeks of a curve, requested from the newest back; oldest first."""
        found: list[Reading] = []
        end = today + timedelta(days=2)
        for _ in range(weeks):
            start = end - timedelta(days=7)
            found = self.series(name, start, end, "/cache/") + found
            end = start
        return found


@dataclass
class Integration(Client):
    """Requests the last days, up to tomorrow and without the cache."""

    def latest(self, name: str, today: date, days: int = 7) -> list[Reading]:
        """The newest days of a series."""
        return self.series(name, today - timedelta(days=days), today + timedelta(days=1))


def _parsed(name: str, points: list[JsonObject]) -> Iterator[Reading]:
    for point in points:
        value = int(point["value"])
        if name in CURVES:
            found = _NUMBER.search(point["interval_length"])
            assert found, point["interval_length"]
            minutes = int(found[0])
            assert "measure_type" in point
            # A curve point's timestamp is its end.
            yield Reading(_read_clock(point["date"], MOMENT) - timedelta(minutes=minutes), value, minutes)
        elif name == "daily_consumption_max_power":
            yield Reading(_read_clock(point["date"], MOMENT), value)
        else:
            yield Reading(_read_clock(point["date"], DAY), value)


def _read_clock(text: str, form: str) -> datetime:
    return datetime.strptime(text, form)  # noqa: DTZ007  # these clients know only local time


def _contract_day(text: str | None) -> date | None:
    return None if text is None else _read_clock(text, CONTRACT_DAY).date()
