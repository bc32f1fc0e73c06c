"""The fork server: forked processes behave like started programs, and do not depend on the server."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

import pytest

from cli.up.child import COMMAND, AnswersHttp, Child
from cli.up.events import ChildExited, ChildReady, ChildRestarted
from cli.up.forks import UNKNOWN_END, ForkedProcess, ForkServer, NotForked, running_fork_server
from cli.up.guard import OPEN_GATE
from cli.up.ports import WantedPort, claim_ports
from cli.up.process_table import without_secrets
from tests.integration.cli.conftest import Supervise
from tests.support.patience import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="where a fork is not safe, programs are started"),
]


# Long enough for a process that runs until it is stopped.
SIMULATED = {
    "SIMULATOR_CLIENT_ID": "application-under-test",
    "SIMULATOR_CLIENT_SECRET": "not-a-secret",
    "SIMULATOR_REDIRECT_URI": "http://127.0.0.1:9/oauth/callback",
}


@dataclass
class Forking:
    """A fork server, and the output of the processes it forks."""

    server: ForkServer
    log: Path

    async def fork(self, words: Sequence[str], gate: bytes) -> ForkedProcess:
        """Fork one of our commands, whose gate contains ``gate`` and is then closed."""
        reading, writing = os.pipe()
        os.write(writing, gate)
        os.close(writing)
        with self.log.open("ab") as log:
            try:
                return await self.server.fork(words, SIMULATED, log.fileno(), reading)
            finally:
                os.close(reading)

    async def outcome(self, words: Sequence[str], gate: bytes = OPEN_GATE) -> tuple[int, str]:
        """A command's exit status and output."""
        self.log.unlink(missing_ok=True)
        return await (await self.fork(words, gate)).wait(), self.log.read_text()


async def test_what_is_forked_is_as_a_program_and_ends_unseen_only_with_its_server(tmp_path: Path) -> None:
    async with running_fork_server(without_secrets(os.environ)) as server:
        forking = Forking(server, tmp_path / "log")

        status, text = await forking.outcome(["--version"])
        assert (0, True) == (status, text.startswith("releve ")), text
        # Whatever it imports: forked processes would lack its threads, with the locks that they hold.
        assert 1 == _threads(server.pid)
        status, text = await forking.outcome(["nonsense"])
        assert (2, True) == (status, "No such command" in text), text
        status, text = await forking.outcome(["migrate"])
        assert (1, True) == (status, "RELEVE_SECRET_KEY" in text), "it has the environment that it was given"
        assert (1, "") == await forking.outcome(["--version"], gate=b""), "who asked is gone"

        killed, lost = [await forking.fork(["simulator", "--port", "0"], OPEN_GATE) for _ in range(2)]
        assert [killed.pid, lost.pid] == [os.getpgid(killed.pid), os.getpgid(lost.pid)]
        os.killpg(killed.pid, SIGKILL)
        assert -SIGKILL == await killed.wait()
        assert lost.returncode is None

        os.kill(server.pid, SIGKILL)
        assert UNKNOWN_END == await lost.wait()
        os.killpg(lost.pid, SIGKILL)
        with pytest.raises(NotForked):
            await forking.fork(["--version"], OPEN_GATE)


async def test_when_the_server_is_killed_its_children_are_started_again_as_programs(supervise: Supervise) -> None:
    (port,) = claim_ports([WantedPort("--port", "127.0.0.1", 0)])
    child = Child(
        "simulator",
        (*COMMAND, "simulator", "--port", str(port)),
        ready=AnswersHttp("127.0.0.1", port, "/control/households"),
        env=without_secrets(os.environ) | SIMULATED,
        ready_seconds=PATIENCE_SECONDS,
    )
    async with running_fork_server(child.env) as server, supervise([child], fork_server=server) as supervised:
        forked = await supervised.told.wait_for(ChildReady)
        assert server.pid == _parent(forked.pid)

        os.kill(server.pid, SIGKILL)

        exited = await supervised.told.wait_for(ChildExited)
        restarted = await supervised.told.wait_for(ChildRestarted)
        assert (forked.pid, os.getpid()) == (exited.pid, _parent(restarted.pid))


def _parent(pid: int) -> int:
    # "4711 (name, with anything in it) S parent …"
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
