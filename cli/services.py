"""The single processes: each function builds one from the settings and runs it until it is stopped.

Owns the composition: the only place where independent parts are combined. Imports are local, so that a command loads
only what it needs.
"""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Literal

from cli.up.ready_pipe import announce_ready

if TYPE_CHECKING:
    from shared.config.settings import Settings

Lane = Literal["interactive", "bulk", "webhooks"]
Contract = Literal["myelectricaldata", "conso"]

# Below the 8 seconds after which the supervisor kills.
GRACEFUL_SHUTDOWN_SECONDS = 5


def settings_or_end() -> "Settings":
    """The settings of this process; ends with a message and status 1, not a traceback, when they are invalid."""
    from shared.config.settings import SettingsError, load_settings, refuse_known_secrets

    try:
        settings = load_settings()
        refuse_known_secrets(settings)
        return settings
    except SettingsError as error:
        raise SystemExit(f"releve: {error}") from None


def serve_api(host: str, port: int) -> None:
    """Serve the HTTP API until SIGTERM."""
    import uvicorn

    from api.app import create_app

    settings = settings_or_end()
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
    )


def run_worker(lane: Lane, concurrency: int | None) -> None:
    """Work on one lane until SIGTERM."""
    from workers.processes import run_courier
    from workers.processes import run_worker as run

    settings = settings_or_end()
    if lane == "webhooks":
        run_courier(settings, concurrency, on_ready=announce_ready)
    else:
        run(settings, lane, concurrency, on_ready=announce_ready)


def run_beat() -> None:
    """Send the scheduled tasks until SIGTERM."""
    from workers.processes import run_beat as run

    run(settings_or_end(), on_ready=announce_ready)


def run_flower(host: str, port: int) -> None:
    """Serve the queue's dashboard until SIGTERM."""
    settings = settings_or_end()
    password = settings.flower_password.get_secret_value()
    if not password:
        raise SystemExit("releve: Flower needs a login: set FLOWER_PASSWORD or FLOWER_PASSWORD_FILE")
    from workers.processes import run_flower as run

    run(settings, host, port, settings.flower_user, password)


def serve_simulator(host: str, port: int) -> None:
    """Serve the simulated Enedis until SIGTERM."""
    import uvicorn

    from simulator.app import create_app
    from simulator.config import SimulatorSettings

    uvicorn.run(
        create_app(SimulatorSettings.from_environment()),
        host=host,
        port=port,
        access_log=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
    )


def migrate() -> None:
    """Upgrade the database to the newest schema."""
    from shared.storage.database import migrate as migrate_database

    asyncio.run(migrate_database(settings_or_end().database_url.get_secret_value()))


def print_openapi(contract: Contract | None) -> None:
    """Print the API's OpenAPI document as JSON, or the part of it that implements another gateway's contract."""
    from api.app import openapi_document
    from api.compat.openapi_subset import stated_contract

    document = openapi_document()
    json.dump(stated_contract(document, contract) if contract else document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
