#!/usr/bin/env bash
# Schemathesis loads an API schema with a fixed timeout: it gives up if the server takes longer than ten seconds to
# generate it, regardless of `--request-timeout`.
#
# Versions: schemathesis 4.32.5, Python 3.11.
#
# With `--wait-for-schema 60` it repeats the request, each time with ten seconds. An API that generates its schema on
# the first request needs seconds, on a busy machine more than ten. Passed as a file, with `--url` for the server, the
# same schema is accepted.
set -euo pipefail

place=$(mktemp -d)
trap 'kill %1 2>/dev/null || true; rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5
cd "$place"

cat >serve.py <<'PY'
import json, pathlib, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = {"description": "It is well.", "content": {"application/json": {"schema": {"type": "object"}}}}
DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "Synthetic", "version": "1"},
    "paths": {"/health": {"get": {"responses": {"200": ANSWER}}}},
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        is_description = self.path == "/openapi.json"
        if is_description:
            time.sleep(12)
        body = json.dumps(DESCRIPTION if is_description else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
pathlib.Path("openapi.json").write_text(json.dumps(DESCRIPTION))
pathlib.Path("port").write_text(str(server.server_address[1]))
server.serve_forever()
PY
venv/bin/python serve.py 2>serve.log &
until [ -s port ]; do sleep 0.1; done
url="http://127.0.0.1:$(cat port)"

run() {
    COLUMNS=200 venv/bin/schemathesis run "$@" --request-timeout 60 --phases=fuzzing --max-examples=1 --checks not_a_server_error --no-color
}

status=0
by_address=$(run "$url/openapi.json" 2>&1) || status=$?
echo "by its address (status $status): $(grep -o "Failed to load specification.*" <<<"$by_address")"
[ "$status" != 0 ]
[[ "$by_address" =~ "Failed to load specification from $url/openapi.json after 1"[0-9]"." ]]

run openapi.json --url "$url" >as_file 2>&1 || { cat as_file; exit 1; }
echo "as a file: passed"
