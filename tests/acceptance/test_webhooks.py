"""Another program is notified of new data: by a message that it can verify, from a dedicated worker."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue

from standardwebhooks import Webhook

from tests.support.patience import PATIENCE_SECONDS
from tests.support.running_gateway import Person, Stage, settled_days


def test_a_program_is_told_when_the_data_have_come(stage: Stage, person: Person, household: str) -> None:
    messages: Queue[tuple[dict[str, str], bytes]] = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            messages.put((dict(self.headers.items()), self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing: the tests' output is for failures."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a-path-that-is-a-secret"
        created = person.post("/v1/webhooks", {"url": url, "events": ["job.succeeded"]}, 201)
        person.seen.texts += [created["secret"], "a-path-that-is-a-secret"]

        job = person.fetch(household, "daily_consumption", *settled_days(3))

        headers, body = messages.get(timeout=PATIENCE_SECONDS)
        server.shutdown()
    said = Webhook(created["secret"]).verify(body, headers)
    link = f"{stage.gateway.api}{job['links']['self']}"
    assert ("job.succeeded", {"job_id": job["id"], "links": {"job": link}}) == (said["type"], said["data"])
    assert household.encode() not in body
    logs = b"".join(path.read_bytes() for path in (stage.gateway.data_dir / "logs").glob("*.log"))
    assert [] == [text for text in (created["secret"], "a-path-that-is-a-secret") if text.encode() in logs]
