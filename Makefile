# Everything stays inside the checkout; `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
AUDIO  ?=
CONTINUE_AT ?=
TESTS  ?=
export AUDIO CONTINUE_AT

.PHONY: help setup demo run sandbox cluster test test-sqlite test-postgres test-browser test-deep pictures lint types format bench faults faults-cluster mutants dist image lock messages clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

setup: $(VENV)/.ready  ## install the bot and its tools into .venv

$(VENV)/.ready: requirements-dev.lock pyproject.toml tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV)

demo: setup  ## run one /extend from command to audio on this machine
	@$(BIN)/python -m bot demo

run: setup  ## run the bot; without a token, the sandbox
	@$(BIN)/python -m bot run --or-sandbox

sandbox: setup  ## run the bot against the stand-ins, with a chat page, until you stop it
	@$(BIN)/python -m bot sandbox

cluster: setup  ## run several processes on a throw-away PostgreSQL against the stand-ins until you stop them
	@$(BIN)/python -m bot cluster

# Tests wait most of their time, so there are five more workers than processors; each loads what another has compiled.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --dist worksteal -q -n
WORKERS = $$(($$(nproc) + 5))

test: test-sqlite  ## run all tests, on PostgreSQL too if a server is installed
	@if $(BIN)/python -m tests.support.postgres_server; then $(MAKE) --no-print-directory test-postgres; fi

test-sqlite: setup  ## run all tests on SQLite, or those in TESTS="tests/unit tests/integration"
	@$(PYTEST) $(WORKERS) $(TESTS)

test-postgres: setup  ## run the tests with a database on a throw-away PostgreSQL
	@$(PYTEST) $(WORKERS) --database postgres $(or $(TESTS),tests/integration tests/end_to_end tests/faults)

test-deep: setup  ## try the tests that invent their own examples with twenty times as many
	@ENCORE_TEST_DEEP=1 $(PYTEST) $(WORKERS) -m hypothesis

test-browser: setup  ## test the sandbox's page in the Chromium that is installed
	@$(PYTEST) $$(nproc) --browser tests/browser  # a page needs a processor, too

pictures: setup  ## take the pictures in README.md and in the guides again; look at them before you commit
	@$(BIN)/python -m tools.pictures

lint: setup  ## check style and formatting
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup  ## check the types
	@$(BIN)/mypy

format: setup  ## format, and fix what the tools can fix
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: setup  ## measure speed and memory against baselines from the same run
	@$(BIN)/python -m tests.benchmarks

faults: setup  ## kill, stop and disturb the bot in every way we know; count lost and doubled jobs
	@$(BIN)/python -m tests.faults

faults-cluster: setup  ## kill, restart and freeze the processes of a cluster at random, PostgreSQL too; count as above
	@$(BIN)/python -m tests.faults --cluster

mutants: setup  ## change bot/domain in small ways and list the changes that no unit test notices; takes about ten minutes
	@sh tools/mutants.sh $(VENV) .venv-mutants

dist: setup  ## build the wheel and the sdist of the last commit into dist/, the same bytes everywhere
	@rm -rf dist && $(BIN)/python tools/dist.py dist

image:  ## build the container image encore, where Docker, Podman or Buildah is installed
	@sh tools/image.sh $(PYTHON_IMAGE)

messages: setup  ## collect all sentences into bot/locales; NEW=de starts a language
	@sh tools/messages.sh $(BIN) $(NEW)

lock: setup  ## pick new versions of the dependencies and write the lock files
	@sh tools/lock.sh

clean:  ## remove the environments, out/ and everything built
	rm -rf $(VENV) .venv-newest .venv-mutants mutants out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
