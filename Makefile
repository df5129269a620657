# Everything a person needs to type. Each target sets up its own virtual environment first; all it wants on
# the machine is python3 (3.11 or newer) with venv and pip.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --retries 10 --timeout 30
READY := $(VENV)/.ready
REPORT ?= reports/runs/latest

.PHONY: help setup conform test test-all lint format bench bench-histories availability lag lock clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1|\2/' | column -t -s'|'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: python3 is older than 3.11; set PYTHON to a newer one, for example: make PYTHON=python3.12 test" >&2; exit 2; }
	@echo "setting up $(VENV) from requirements.lock (once; about half a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock
	@$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

setup: $(READY) ## the virtual environment only

conform: $(READY) ## prove the protocols, judge the embedded reference endpoint, write a report
	@mkdir -p $(REPORT)
	@$(BIN)/ddbproof prove --fast --json $(REPORT)/proofs.json
	@$(BIN)/ddbproof conform --report $(REPORT) --proofs $(REPORT)/proofs.json

test: $(READY) ## all tests but the slow ones
	@$(BIN)/pytest -m "not slow"

test-all: $(READY) ## all tests
	@$(BIN)/pytest

lint: $(READY) ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY) ## let ruff format and sort
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) ## measurements
	@$(BIN)/python bench/kernels.py
	@$(BIN)/python bench/simulation.py
	@$(BIN)/python bench/endpoint.py
	@$(BIN)/python bench/endpoint.py --growth

bench-histories: $(READY) ## measurements of the history checkers
	@$(BIN)/python bench/histories.py

availability: $(READY) ## what clients notice when zones fail; draws docs/pictures
	@$(BIN)/python bench/availability.py

lag: $(READY) ## the suite against a lawfully lagging endpoint, 50 seeds; 40 minutes
	@$(BIN)/python bench/lag.py

lock: ## pin all dependencies again; wants uv
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group build --group dev pyproject.toml -o requirements.lock

clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
