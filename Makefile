# Everything is made inside the checkout; `make help` lists what there is.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
AUDIO  ?=
CONTINUE_AT ?=
export AUDIO CONTINUE_AT

.PHONY: help setup demo run sandbox test lint types format bench faults lock messages clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: $(VENV)/.ready  ## the application and its tools in .venv

$(VENV)/.ready: requirements-dev.lock pyproject.toml tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV)

demo: setup  ## one /extend from command to audio, on this machine alone
	@$(BIN)/python -m bot demo

run: setup  ## the bot; without a token, the sandbox
	@$(BIN)/python -m bot run --or-sandbox

sandbox: setup  ## the bot against the stand-ins, kept running
	@$(BIN)/python -m bot sandbox

test: setup  ## all tests
	@$(BIN)/python -m pytest -n $$(($$(nproc) + 1)) --dist worksteal -q

lint: setup  ## style
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup  ## types
	@$(BIN)/mypy

format: setup  ## let the tools mend what they can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: setup  ## speeds and sizes, as ratios within one run
	@$(BIN)/python -m tests.benchmarks

faults: setup  ## kill the bot at every named point and 200 times at random, and count
	@$(BIN)/python -m tests.faults

messages: setup  ## gather all sentences into bot/locales; NEW=de begins a language
	@sh tools/messages.sh $(BIN) $(NEW)

lock: setup  ## choose new versions of what pyproject.toml asks for
	@sh tools/lock.sh

clean:  ## remove what was made
	rm -rf $(VENV) .venv-newest out build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
