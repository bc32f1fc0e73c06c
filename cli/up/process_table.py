"""The table of the processes that `releve up` runs: command, environment, readiness, order.

Owns each child's environment. The only place that decides between an external service and an embedded one: an address
or a credential in the environment takes precedence. Must never start anything, and must never print an environment.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cli.up.child import COMMAND, AcceptsTcp, Announces, AnswersHttp, Child, Finishes
from cli.up.data_directory import DataDirectory
from cli.up.embedded_valkey import SocketPlace, valkey_child

# The stop order: first the producers of work, then the services that they call, then the stores.
WORKING_STAGE, CALLED_STAGE, REMEMBERING_STAGE = 0, 1, 2
MIGRATION_SECONDS = 600.0
FLOWER_USER = "admin"
SIMULATOR_CLIENT_ID = "releve-simulator"
# Settings withheld from children that need no secret.
SECRET_VARIABLES = frozenset(
    {
        "ADMIN_API_KEY",
        "DATABASE_URL",
        "ENEDIS_CLIENT_SECRET",
        "FLOWER_PASSWORD",
        "REDIS_URL",
        "RELEVE_PREVIOUS_SECRET_KEYS",
        "RELEVE_SECRET_KEY",
        "RTE_CLIENT_SECRET",
    }
)


@dataclass(frozen=True)
class Listening:
    """The listening addresses of the children."""

    host: str
    api_port: int
    flower_port: int
    simulator_port: int | None
    """None without a simulator."""

    def url(self, port: int) -> str:
        """The URL for users and for other processes on this machine."""
        host = {"0.0.0.0": "localhost", "::": "localhost"}.get(self.host, self.host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def probe_host(self) -> str:
        """The host at which a child that listens on every address is reachable."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)


@dataclass(frozen=True)
class Plan:
    """The children to run, and the notices to print."""

    children: tuple[Child, ...]
    addresses: Mapping[str, str | None]
    notices: tuple[str, ...]


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether a secret setting has a value, directly or through a file (`…_FILE`)."""
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))


def without_secrets(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings for a process that needs no secret."""
    return {name: value for name, value in settings.items() if name not in SECRET_VARIABLES}


def needs_valkey(environ: Mapping[str, str]) -> bool:
    """Whether the embedded server is used: no `REDIS_URL`."""
    return not is_set(environ, "REDIS_URL")


def needs_simulator(environ: Mapping[str, str]) -> bool:
    """Whether the simulator stands in for Enedis: no `ENEDIS_CLIENT_ID`."""
    return not environ.get("ENEDIS_CLIENT_ID")


def plan_processes(
    environ: Mapping[str, str], directory: DataDirectory, listening: Listening, socket: SocketPlace | None
) -> Plan:
    """The children for these settings; missing secrets are generated and stored in the data directory.

    Args:
        environ: the environment of `releve up`; each child's is derived from it.
        socket: the embedded server's; None with a `REDIS_URL`.
    """
    notices: list[str] = []
    settings = dict(environ) | {"PYTHONUNBUFFERED": "1", "RELEVE_DATA_DIR": str(directory.path)}
    settings.setdefault("RELEVE_PUBLIC_URL", listening.url(listening.api_port))
    keeps_database = not is_set(environ, "DATABASE_URL")
    if keeps_database:
        settings["DATABASE_URL"] = directory.database_url
    if not is_set(environ, "RELEVE_SECRET_KEY"):
        kept, is_new = directory.kept_secret_key(keeps_database=keeps_database)
        settings["RELEVE_SECRET_KEY_FILE"] = str(kept)
        if is_new:
            notices.append(
                f"generated RELEVE_SECRET_KEY in {kept}; keep a copy: without it, stored data cannot be decrypted"
            )
    first: list[Child] = []
    if socket is not None:
        settings["REDIS_URL"] = socket.redis_url
        first.append(valkey_child(directory.valkey, socket.path, REMEMBERING_STAGE))
    if listening.simulator_port is not None:
        simulator = _simulator_child(settings, directory, listening, listening.simulator_port)
        instead = _settings_for_simulator(simulator, listening.url(listening.simulator_port), environ)
        settings |= instead
        for name in instead:
            settings.pop(f"{name}_FILE", None)  # It would override the simulator's.
        first.append(simulator)
    flower, password_file = _flower_child(settings, directory, listening)
    children = (*first, *_service_children(settings, listening), flower)
    return Plan(
        _after_those_present(children), _addresses(settings, directory, listening, password_file), tuple(notices)
    )


def _service_children(settings: Mapping[str, str], listening: Listening) -> list[Child]:
    host, port = listening.host, listening.api_port
    after = ("valkey", "migrate")
    on_worker_change = frozenset({"workers", "shared"})
    workers = [
        Child(
            name=f"worker-{lane}",
            argv=(*COMMAND, "worker", "--lane", lane),
            ready=Announces(),
            env=settings,
            after=after,
            reload_on=on_worker_change,
        )
        for lane in ("interactive", "bulk", "webhooks")
    ]
    return [
        Child(
            name="migrate",
            argv=(*COMMAND, "migrate"),
            ready=Finishes(),
            env=settings,
            ready_seconds=MIGRATION_SECONDS,
        ),
        Child(
            name="api",
            argv=(*COMMAND, "api", "--host", host, "--port", str(port)),
            ready=AnswersHttp(listening.probe_host, port, "/health/live"),
            env=settings,
            after=after,
            reload_on=frozenset({"api", "shared"}),
        ),
        *workers,
        Child(
            name="beat",
            argv=(*COMMAND, "beat"),
            ready=Announces(),
            env=settings,
            after=after,
            reload_on=on_worker_change,
        ),
    ]


def _flower_child(
    settings: Mapping[str, str], directory: DataDirectory, listening: Listening
) -> tuple[Child, str | None]:
    """Flower, and the file that holds its password when the environment does not set one."""
    environment = {"FLOWER_USER": FLOWER_USER, **settings}
    password_file = None
    if not is_set(settings, "FLOWER_PASSWORD"):
        kept, _ = directory.kept_secret("flower_password")
        password_file = environment["FLOWER_PASSWORD_FILE"] = str(kept)
    port = listening.flower_port
    child = Child(
        name="flower",
        argv=(*COMMAND, "flower", "--host", listening.host, "--port", str(port)),
        ready=AcceptsTcp(listening.probe_host, port),
        env=environment,
        after=("valkey", "migrate"),
    )
    return child, password_file


def _simulator_child(settings: Mapping[str, str], directory: DataDirectory, listening: Listening, port: int) -> Child:
    own = {
        "SIMULATOR_CLIENT_ID": SIMULATOR_CLIENT_ID,
        # Useless outside this run: it is valid only for the simulator.
        "SIMULATOR_CLIENT_SECRET": secrets.token_urlsafe(24),
        "SIMULATOR_REDIRECT_URI": settings["RELEVE_PUBLIC_URL"].rstrip("/") + "/oauth/callback",
        "SIMULATOR_STATE_FILE": str(directory.path / "simulator.json"),
    }
    return Child(
        name="simulator",
        argv=(*COMMAND, "simulator", "--host", listening.host, "--port", str(port)),
        ready=AnswersHttp(listening.probe_host, port, "/control/households"),
        env=own | without_secrets(settings),
        stop_stage=CALLED_STAGE,
        reload_on=frozenset({"simulator"}),
    )


def _settings_for_simulator(simulator: Child, url: str, environ: Mapping[str, str]) -> dict[str, str]:
    # A consent page configured as v1 uses the simulator's v1.
    page = "v1" if "/dataconnect/v1/" in environ.get("ENEDIS_AUTHORIZE_URL", "") else "v2"
    client_id, client_secret = (simulator.env[f"SIMULATOR_{name}"] for name in ("CLIENT_ID", "CLIENT_SECRET"))
    enedis = {
        "ENEDIS_BASE_URL": url,
        "ENEDIS_AUTHORIZE_URL": f"{url}/dataconnect/{page}/oauth2/authorize",
        "ENEDIS_CLIENT_ID": client_id,
        "ENEDIS_CLIENT_SECRET": client_secret,
    }
    if environ.get("RTE_CLIENT_ID"):
        return enedis
    return enedis | {
        "RTE_BASE_URL": url,
        "RTE_OPEN_DATA_URL": url,
        "RTE_CLIENT_ID": client_id,
        "RTE_CLIENT_SECRET": client_secret,
    }


def _after_those_present(children: tuple[Child, ...]) -> tuple[Child, ...]:
    """The children without dependencies that do not run here: an external Redis is expected to be available."""
    names = {child.name for child in children}
    return tuple(replace(child, after=tuple(name for name in child.after if name in names)) for child in children)


def _addresses(
    settings: Mapping[str, str], directory: DataDirectory, listening: Listening, password_file: str | None
) -> dict[str, str | None]:
    api = listening.url(listening.api_port)
    return {
        "api": api,
        "docs": f"{api}/docs",
        "flower": listening.url(listening.flower_port),
        "flower_user": settings.get("FLOWER_USER", FLOWER_USER),
        "flower_password_file": password_file,
        "simulator": None if listening.simulator_port is None else listening.url(listening.simulator_port),
        "data_dir": str(directory.path),
        "logs": str(directory.logs),
    }
