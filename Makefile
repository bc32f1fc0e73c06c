# Everything that is done to this project by name. `make` alone lists it.
#
# Needs python3 (3.11 or newer), make and PyPI; uv is installed into the project when it is not there. Nothing is
# changed outside of this directory.

.DEFAULT_GOAL := help
.PHONY: help demo dev up test test-date test-dates test-busy test-postgresql lint format bench fuzz openapi logs backend-logs worker-logs down clean

UV_VERSION := 0.13.9
# The oldest uv on PATH that is used instead of our own.
UV_OLDEST := 0.6
DATA_DIR := var
BIN := .venv/bin
SYNCED := .venv/.synced
SOURCES := $(wildcard api workers shared cli simulator tests bench)

# uv must take the interpreter that is here, and the project's own environment, whatever shell this is called from.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
export PIP_ROOT_USER_ACTION := ignore
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
# A dozen processes that each compile everything anew take a minute to start, where it takes seconds.
unexport PYTHONDONTWRITEBYTECODE

# The interpreter: python3, or a newer one beside it when that one is too old. Looked for when needed, and once.
FIND_PYTHON = for each in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$each" -c 'import sys; sys.version_info < (3, 11) and sys.exit(1); print(sys.executable)' 2>/dev/null && break; \
	done
PYTHON = $(eval PYTHON := $$(shell $$(FIND_PYTHON)))$(PYTHON)

# uv: the one on PATH when it is new enough, else ours.
FIND_UV = if command -v uv >/dev/null 2>&1 && uv --version | "$(PYTHON)" -c 'import sys; \
	part = lambda text: [int(each) for each in text.split(".")[:2]]; \
	sys.exit(part(sys.stdin.read().split()[1]) < part("$(UV_OLDEST)"))' 2>/dev/null; \
	then command -v uv; else echo .uv/bin/uv; fi
UV = $(eval UV := $$(shell $$(FIND_UV)))$(UV)

# With a .env file, `up` and `dev` read it; what is already in the environment wins.
WITH_ENV := $(if $(wildcard .env),$(BIN)/dotenv run --no-override --)

# Whether the services of docker-compose.yml run; quiet where there is no Docker.
COMPOSE_RUNS = docker compose ps --quiet 2>/dev/null | grep -q .

help:  ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(SYNCED)  ## See all of it work: account, consent, readings, trace (DEMO_JSON=path writes the figures)
	@$(BIN)/releve demo

dev: $(SYNCED)  ## Run everything here; API and workers start again when a file changes
	@$(WITH_ENV) $(BIN)/releve up --reload --data-dir $(DATA_DIR)

up: $(SYNCED)  ## Run everything here until Ctrl-C
	@$(WITH_ENV) $(BIN)/releve up --data-dir $(DATA_DIR)

WITHOUT_ACCEPTANCE := tests/unit tests/contract tests/integration
# NOW=2027-01-01T00:01 has every process of the tests live at that moment; SEED=1 repeats an order that was printed.
# On two processors three at a time: many tests wait for processes, and leave one of them idle.
IN_PARALLEL = --numprocesses $(PROCESSES) $(if $(SEED),--randomly-seed $(SEED))
PROCESSES := 3

test: $(SYNCED)  ## Run all tests; fails under 90 % branch coverage of api, workers and shared
	@$(BIN)/python -m $(if $(NOW),tests.support.dates --at $(NOW) --,pytest) $(IN_PARALLEL) -p tests.support.measuring

test-dates: $(SYNCED)  ## Run unit, contract and integration tests at twelve moments that are known to be hard (almost an hour)
	@$(BIN)/python -m tests.support.dates --one-database -- $(IN_PARALLEL) $(WITHOUT_ACCEPTANCE)

test-date: $(SYNCED)  ## The same at one of these moments, another one every day
	@$(BIN)/python -m tests.support.dates --one-database --of-the-day -- $(IN_PARALLEL) $(WITHOUT_ACCEPTANCE)

test-busy: $(SYNCED)  ## Run acceptance and process tests three times while eight processes keep the machine busy
	@$(BIN)/python -m tests.support.busy

test-postgresql: $(SYNCED)  ## Run every test that uses an SQL database on PostgreSQL
	@$(BIN)/pytest $(IN_PARALLEL) --database postgresql tests/contract tests/integration

lint: $(SYNCED)  ## Check formatting, style, types, who imports whom, Lua and commit messages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(SOURCES)
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.support.lua_lint
	@$(BIN)/python -m tests.support.commit_messages

format: $(SYNCED)  ## Format the code and mend what can be mended by a program
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(SYNCED)  ## Measure how fast it is
	@$(BIN)/python -m bench

fuzz: $(SYNCED)  ## Send every route what nobody would think of, thousands of times
	@$(BIN)/python -m bench fuzz --examples 400

openapi: $(SYNCED)  ## Print the OpenAPI document
	@$(BIN)/releve openapi

logs:  ## Follow every process's log, of `make up` or of docker compose
	@if $(COMPOSE_RUNS); then exec docker compose logs --follow --tail 50; else $(call follow,*); fi

backend-logs:  ## Follow the API's log
	@if $(COMPOSE_RUNS); then exec docker compose logs --follow --tail 50 api; else $(call follow,api); fi

worker-logs:  ## Follow the logs of the workers
	@if $(COMPOSE_RUNS); then exec docker compose logs --follow --tail 50 worker-interactive worker-bulk worker-webhooks; \
	else $(call follow,worker-*); fi

# $(call follow,NAME): tail the logs of that name, or say why there are none.
define follow
	set -- $(DATA_DIR)/logs/$(1).log; \
	if [ -e "$$1" ]; then exec tail -n 50 -F "$$@"; \
	else echo "no logs in $(DATA_DIR)/logs yet: start something with 'make up'" >&2; exit 1; fi
endef

down:  ## Stop a running `make up` (or dev) of this directory, and docker compose
	@"$(PYTHON)" -c "$$STOP_UP" $(DATA_DIR)
	@if $(COMPOSE_RUNS); then docker compose down; fi

# The lock of the data directory is held by the supervisor and its guard: it is free when the last process has ended.
define STOP_UP
import fcntl, os, pathlib, signal, sys, time
path = pathlib.Path(sys.argv[1], "lock")
if not path.exists():
    sys.exit(print("nothing runs in", sys.argv[1]))
with path.open() as lock:
    deadline, owner = time.monotonic() + 20, None
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if owner is None:
                owner = int(path.read_text())
                print("stopping releve up, process", owner)
                try:
                    os.kill(owner, signal.SIGTERM)
                except ProcessLookupError:
                    pass  # Killed already: its guard ends the rest.
            if time.monotonic() > deadline:
                sys.exit(f"process {owner} still runs after 20 seconds")
            time.sleep(0.05)
        else:
            sys.exit(print("stopped" if owner else f"nothing runs in {sys.argv[1]}"))
endef
down: export STOP_UP := $(STOP_UP)

clean:  ## Remove what was installed and built; the data in var/ stays
	@rm -rf .venv .uv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache htmlcov .coverage .coverage.*
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up

$(SYNCED): pyproject.toml uv.lock | check-python
	@[ "$(UV)" != .uv/bin/uv ] || $(MAKE) --no-print-directory .uv/bin/uv
	@echo "installing what uv.lock names into .venv"
	@"$(UV)" sync --frozen --quiet --compile-bytecode --python "$(PYTHON)"
	@touch $@

.uv/bin/uv: | check-python
	@echo "installing uv $(UV_VERSION) into .uv"
	@rm -rf .uv
	@if "$(PYTHON)" -m venv .uv >/dev/null 2>&1; then \
		.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	else \
		rm -rf .uv; \
		"$(PYTHON)" -m pip install --quiet --disable-pip-version-check --target .uv uv==$(UV_VERSION); \
	fi || { rm -rf .uv; \
		echo "uv can't be installed: needs PyPI, and Python's venv or pip module (or a uv on PATH)" >&2; exit 1; }

.PHONY: check-python
check-python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed, as python3 or python3.11 to python3.14" >&2; exit 1; }
