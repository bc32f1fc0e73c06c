"""Requests to the gateway: waits, final errors, and their messages. The tests provide the responses."""

import httpx
import pytest

from cli.user.credentials import Credentials
from cli.user.failures import Failure, Refused, Unreachable
from cli.user.following import follow_job
from cli.user.gateway import ATTEMPTS, Document, Gateway, open_gateway
from cli.user.listening import Event, listen
from tests.support.cases import case

BUSY = {"code": "service_unavailable", "title": "Not now.", "status": 503, "retryable": True}
JOB: Document = {"id": "job_1", "status": "running", "links": {"self": "/v1/jobs/job_1"}}


class Scripted:
    """A gateway that returns these responses in order, and keeps its requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.asked: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.told: list[str] = []
        self._answers = list(answers)
        client = httpx.Client(base_url="http://releve.example", transport=httpx.MockTransport(self._answer))
        self.gateway = Gateway(client, self.told.append, self.pauses.append)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def problem(document: Document, **headers: str) -> httpx.Response:
    sent = {
        "Content-Type": "application/problem+json",
        **{name.replace("_", "-"): each for name, each in headers.items()},
    }
    return httpx.Response(document["status"], json=document, headers=sent)


def stream(*events: str) -> httpx.Response:
    return httpx.Response(
        200, text="".join(f"{each}\n\n" for each in events), headers={"Content-Type": "text/event-stream"}
    )


def test_it_waits_as_long_as_the_gateway_says_and_says_so() -> None:
    scripted = Scripted(problem(BUSY, Retry_After="7"), httpx.Response(200, json={"ok": True}))

    assert {"ok": True} == scripted.gateway.get("/v1/account")
    assert [7.0] == scripted.pauses
    assert "7 s" in scripted.told[0]


def test_it_gives_up_after_some_attempts() -> None:
    scripted = Scripted(*(problem(BUSY, Retry_After="1") for _ in range(ATTEMPTS)))

    with pytest.raises(Refused, match="Not now"):
        scripted.gateway.get("/v1/account")

    assert ATTEMPTS - 1 == len(scripted.pauses)


def test_it_does_not_wait_where_waiting_does_not_help() -> None:
    cases: list[httpx.Response] = [
        # Until midnight.
        problem({"code": "quota_exceeded", "title": "Used up.", "status": 429, "retryable": True}, Retry_After="30000"),
        problem({"code": "provider_misconfigured", "title": "Wrong.", "status": 503, "retryable": False}),
        problem({"code": "not_found", "title": "No.", "status": 404, "retryable": False}, Retry_After="1"),
    ]

    for answer in cases:
        with case(answer):
            scripted = Scripted(answer)

            with pytest.raises(Refused):
                scripted.gateway.get("/v1/account")

            assert [] == scripted.pauses


def test_what_would_be_done_twice_is_repeated_only_with_a_key_that_prevents_it() -> None:
    without, with_key = (
        Scripted(problem(BUSY, Retry_After="1"), httpx.Response(201, json={})) for _ in ("without", "with")
    )

    with pytest.raises(Refused):
        without.gateway.ask("POST", "/v1/accounts", body={})
    with_key.gateway.ask("POST", "/v1/jobs", body={"a": 1}, headers={"Idempotency-Key": "k"})

    first, second = with_key.asked
    assert (first.content, first.headers["Idempotency-Key"]) == (second.content, second.headers["Idempotency-Key"])


def test_a_gateway_that_is_not_there_is_named() -> None:
    with pytest.raises(Unreachable, match=r"http://releve\.example: refused"):
        Scripted(httpx.ConnectError("refused")).gateway.get("/v1/account")


def test_what_is_no_gateway_is_told_and_no_redirect_followed() -> None:
    cases: list[tuple[httpx.Response, str]] = [
        (httpx.Response(502, text="<html>Bad gateway</html>"), "is the address right"),
        (httpx.Response(200, text="<html>Welcome</html>"), "is the address right"),
        (httpx.Response(200, json=[]), "is the address right"),
        (httpx.Response(308, headers={"Location": "https://elsewhere.example"}), "redirects elsewhere"),
        (httpx.Response(404, text="{", headers={"Content-Type": "application/problem+json"}), "is the address right"),
    ]

    for answer, words in cases:
        with case(answer, words):
            scripted = Scripted(answer)

            with pytest.raises(Failure, match=words):
                scripted.gateway.get("/v1/account")

            assert 1 == len(scripted.asked)


def test_the_key_goes_where_it_was_meant_to_go_and_nowhere_else() -> None:
    with open_gateway("http://releve.example", Credentials("http://releve.example", "rlv_key"), print) as gateway:
        assert "Bearer rlv_key" == gateway.client.headers["Authorization"]
        assert not gateway.client.follow_redirects
    with open_gateway("http://releve.example", None, print) as gateway:
        assert "Authorization" not in gateway.client.headers


def test_nothing_comes_in_that_a_terminal_would_obey() -> None:
    account = {"id": "acct_1", "names": [{"label\x1b": "Ho\x9b31mme"}], "count": 1, "none": None}
    refused = {"code": "x", "title": "No\x1b]0;title\x07.", "status": 400}
    scripted = Scripted(httpx.Response(200, json=account), problem(refused))

    assert {"id": "acct_1", "names": [{"label": "Ho 31mme"}], "count": 1, "none": None} == scripted.gateway.get("/")
    with pytest.raises(Refused, match=r"^No \]0;title \. \[x\]$"):
        scripted.gateway.get("/")


def test_listening_goes_on_after_a_break_where_it_was() -> None:
    scripted = Scripted(
        stream("retry: 500", 'id: 1-0\nevent: job.progress\ndata: {"data": {"job_id": "job_1"}}', ": heartbeat"),
        httpx.ConnectError("refused"),
        stream('id: 2-0\nevent: job.succeeded\ndata: {"data": {"job_id": "job_1"}}'),
        httpx.Response(204),
    )

    heard = list(listen(scripted.gateway, "/v1/events"))

    assert [
        Event("1-0", "job.progress", {"job_id": "job_1"}),
        Event("2-0", "job.succeeded", {"job_id": "job_1"}),
    ] == heard
    assert [None, "1-0", "1-0", "2-0"] == [each.headers.get("Last-Event-ID") for each in scripted.asked]
    assert [0.5, 0.5, 0.5] == scripted.pauses


def test_a_job_is_looked_at_with_each_of_its_events_until_it_has_ended() -> None:
    ended = {**JOB, "status": "succeeded"}
    scripted = Scripted(
        stream("id: 1-0\nevent: job.progress\ndata: {}", "id: 2-0\nevent: job.succeeded\ndata: {}"),
        httpx.Response(200, json=JOB),
        httpx.Response(200, json=ended),
    )

    assert [JOB, JOB, ended] == list(follow_job(scripted.gateway, JOB))
    assert ["/v1/jobs/job_1/events", "/v1/jobs/job_1", "/v1/jobs/job_1"] == [each.url.path for each in scripted.asked]


def test_without_events_a_job_is_looked_at_again_and_again_also_over_a_break() -> None:
    ended = {**JOB, "status": "failed"}
    scripted = Scripted(
        problem({"code": "not_found", "title": "No.", "status": 404}),
        httpx.Response(200, json=JOB),
        httpx.ConnectError("refused"),
        httpx.Response(200, json=ended),
    )

    assert [JOB, JOB, ended] == list(follow_job(scripted.gateway, JOB))
    assert ["wait=1"] * 3 == [each.headers["Prefer"] for each in scripted.asked[1:]]


def test_a_job_that_has_ended_is_not_asked_for() -> None:
    scripted = Scripted()

    assert [{**JOB, "status": "partial"}] == list(follow_job(scripted.gateway, {**JOB, "status": "partial"}))
