"""The table of processes: each child's environment, and the defaults for unset settings."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cli.up.child import Child, Finishes
from cli.up.data_directory import DataDirectory, open_data_directory
from cli.up.embedded_valkey import SocketPlace
from cli.up.process_table import Listening, Plan, needs_simulator, needs_valkey, plan_processes
from tests.support.cases import case

SOCKET = SocketPlace(Path("/run/releve test/valkey.sock"), None)
EXTERNAL = {
    "REDIS_URL": "redis://redis.example/0",
    "DATABASE_URL": "postgresql+asyncpg://db.example/releve",
    "RELEVE_SECRET_KEY": "synthetic-secret-key-of-the-test-0123456789",
    "FLOWER_PASSWORD": "synthetic-flower-password",
    "ENEDIS_CLIENT_ID": "synthetic-client",
    "ENEDIS_CLIENT_SECRET": "synthetic-client-secret",
}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    with open_data_directory(tmp_path) as directory:
        yield directory


def plan(environ: Mapping[str, str], directory: DataDirectory, host: str = "127.0.0.1") -> Plan:
    listening = Listening(host, 8000, 5555, 8001 if needs_simulator(environ) else None)
    return plan_processes(environ, directory, listening, SOCKET if needs_valkey(environ) else None)


def child_of(plan: Plan, name: str) -> Child:
    return next(child for child in plan.children if child.name == name)


def test_bare_environment_gets_everything_embedded(directory: DataDirectory) -> None:
    planned = plan({}, directory)

    assert [child.name for child in planned.children] == [
        *("valkey", "simulator", "migrate", "api", "worker-interactive", "worker-bulk", "worker-webhooks", "beat"),
        "flower",
    ]
    told = child_of(planned, "api").env
    assert told["REDIS_URL"] == "unix:///run/releve%20test/valkey.sock?db=0"
    assert told["DATABASE_URL"] == f"sqlite+aiosqlite:///{directory.path}/releve.db"
    assert told["RELEVE_PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert told["RELEVE_DATA_DIR"] == str(directory.path)
    assert told["RELEVE_SECRET_KEY_FILE"] == str(directory.path / "secret_key")


def test_external_services_and_credentials_win(directory: DataDirectory) -> None:
    planned = plan(EXTERNAL, directory)

    names = {child.name for child in planned.children}
    told = child_of(planned, "api").env
    assert names == {"migrate", "api", "worker-interactive", "worker-bulk", "worker-webhooks", "beat", "flower"}
    assert {name: told[name] for name in EXTERNAL} == EXTERNAL
    assert planned.notices == ()
    assert not (directory.path / "secret_key").exists()
    assert not (directory.path / "flower_password").exists()
    assert (planned.addresses["simulator"], planned.addresses["flower_password_file"]) == (None, None)


def test_setting_from_a_file_counts_as_set(directory: DataDirectory) -> None:
    for name in ["REDIS_URL", "DATABASE_URL", "RELEVE_SECRET_KEY", "FLOWER_PASSWORD"]:
        with case(name):
            environ = {key: value for key, value in EXTERNAL.items() if key != name} | {
                f"{name}_FILE": "/run/secrets/some"
            }

            planned = plan(environ, directory)

            told = child_of(planned, "flower").env
            assert name not in told
            assert told[f"{name}_FILE"] == "/run/secrets/some"


def test_empty_setting_counts_as_not_set(directory: DataDirectory) -> None:
    planned = plan({"REDIS_URL": "", "ENEDIS_CLIENT_ID": ""}, directory)

    assert {"valkey", "simulator"} <= {child.name for child in planned.children}


def test_every_child_waits_only_for_children_that_run(directory: DataDirectory) -> None:
    for environ in ({}, EXTERNAL):
        planned = plan(environ, directory)
        names = {child.name for child in planned.children}

        assert all(set(child.after) <= names for child in planned.children)


def test_services_start_after_store_and_migrations_and_stop_before_the_store(directory: DataDirectory) -> None:
    planned = plan({}, directory)
    services = [child_of(planned, name) for name in ("api", "worker-interactive", "worker-bulk", "beat", "flower")]

    assert [child.after for child in services] == [("valkey", "migrate")] * 5
    stages = {name: child_of(planned, name).stop_stage for name in ("simulator", "valkey")}
    assert max(child.stop_stage for child in services) < stages["simulator"] < stages["valkey"]
    assert child_of(planned, "migrate").ready == Finishes()


def test_gateway_and_simulator_share_the_application_credentials(directory: DataDirectory) -> None:
    planned = plan(
        {
            "RELEVE_PUBLIC_URL": "https://releve.example/",
            "ENEDIS_CLIENT_SECRET_FILE": "/run/secrets/some",
            "RTE_CLIENT_SECRET_FILE": "/run/secrets/other",
        },
        directory,
    )

    simulator, worker = child_of(planned, "simulator").env, child_of(planned, "worker-bulk").env
    assert worker["ENEDIS_BASE_URL"] == "http://127.0.0.1:8001"
    assert worker["ENEDIS_AUTHORIZE_URL"].startswith("http://127.0.0.1:8001/")
    assert worker["ENEDIS_CLIENT_ID"] == simulator["SIMULATOR_CLIENT_ID"]
    assert worker["ENEDIS_CLIENT_SECRET"] == simulator["SIMULATOR_CLIENT_SECRET"]
    assert "ENEDIS_CLIENT_SECRET_FILE" not in worker
    assert simulator["SIMULATOR_REDIRECT_URI"] == "https://releve.example/oauth/callback"
    assert worker["RTE_BASE_URL"] == worker["RTE_OPEN_DATA_URL"] == "http://127.0.0.1:8001"
    assert worker["RTE_CLIENT_ID"] == simulator["SIMULATOR_CLIENT_ID"]
    assert worker["RTE_CLIENT_SECRET"] == simulator["SIMULATOR_CLIENT_SECRET"]
    assert "RTE_CLIENT_SECRET_FILE" not in worker


def test_simulator_leaves_the_real_rte_to_whoever_has_an_application_there(directory: DataDirectory) -> None:
    own = {"RTE_CLIENT_ID": "synthetic-rte-client", "RTE_CLIENT_SECRET_FILE": "/run/secrets/rte"}

    told = child_of(plan(own, directory), "worker-bulk").env

    assert {name: value for name, value in told.items() if name.startswith("RTE_")} == own
    assert told["ENEDIS_BASE_URL"] == "http://127.0.0.1:8001"


def test_nobody_plays_rte_for_whoever_asks_the_real_enedis(directory: DataDirectory) -> None:
    told = child_of(plan(EXTERNAL, directory), "worker-bulk").env

    assert not [name for name in told if name.startswith("RTE_")]


def test_children_that_need_no_secret_get_none(directory: DataDirectory) -> None:
    planned = plan(
        {name: value for name, value in EXTERNAL.items() if name not in ("REDIS_URL", "ENEDIS_CLIENT_ID")}, directory
    )

    told = str(child_of(planned, "simulator").env) + str(child_of(planned, "valkey").env)
    assert not [value for value in EXTERNAL.values() if value in told]


def test_secrets_are_neither_in_arguments_nor_in_what_is_printed(directory: DataDirectory) -> None:
    planned = plan({}, directory)

    secrets = [(directory.path / name).read_text().strip() for name in ("secret_key", "flower_password")]
    secrets.append(child_of(planned, "api").env["ENEDIS_CLIENT_SECRET"])
    printed = f"{planned.children}{planned.addresses}{planned.notices}{[child.argv for child in planned.children]}"
    assert not [secret for secret in secrets if secret in printed]


def test_making_the_secret_key_is_told_once(directory: DataDirectory) -> None:
    first, second = plan({}, directory), plan({}, directory)

    assert str(directory.path / "secret_key") in first.notices[0]
    assert second.notices == ()


def test_addresses_are_ones_that_can_be_opened() -> None:
    cases: list[tuple[str, str, str]] = [
        ("127.0.0.1", "http://127.0.0.1:8000", "127.0.0.1"),
        ("0.0.0.0", "http://localhost:8000", "127.0.0.1"),
        ("::1", "http://[::1]:8000", "::1"),
        ("::", "http://localhost:8000", "::1"),
    ]

    for host, url, probed in cases:
        with case(host, url, probed):
            listening = Listening(host, 8000, 5555, None)

            assert (listening.url(8000), listening.probe_host) == (url, probed)


def test_simulator_stands_in_for_the_consent_page_of_the_same_generation(directory: DataDirectory) -> None:
    cases: list[tuple[str, str]] = [
        ("", "v2"),
        ("https://mon-compte-particulier.enedis.fr/dataconnect/v2/oauth2/authorize", "v2"),
        ("https://mon-compte-particulier.enedis.fr/dataconnect/v1/oauth2/authorize", "v1"),
    ]

    for address, page in cases:
        with case(address, page):
            planned = plan({"ENEDIS_AUTHORIZE_URL": address}, directory)

            expected = f"http://127.0.0.1:8001/dataconnect/{page}/oauth2/authorize"
            assert expected == child_of(planned, "api").env["ENEDIS_AUTHORIZE_URL"]
