# Everything is installed into .venv; Debian packages of the real peers in the tests are installed where that is allowed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= data

.DEFAULT_GOAL := help
.PHONY: help run test check bench chaos docs peers clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.runtime ## Install, then start the switch with its embedded database (DATA=folder)
	@$(BIN)/sipwright run --data $(DATA)

test: $(VENV)/.development peers ## Install what the tests need, then run all of them
	@$(BIN)/pytest -q -p no:cacheprovider -rs $(ARGS)

check: $(VENV)/.development ## Format, lint, types, layers and the fast tests: two minutes
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pytest -q -p no:cacheprovider --ignore=tests/scenarios --ignore=tests/interop --ignore=tests/chaos $(ARGS)

bench: $(VENV)/.runtime peers ## Measure CPU per registration, call and scripted call beside Kamailio
	@$(BIN)/python benchmarks/bench.py $(ARGS)

chaos: $(VENV)/.development ## Kill the switch twenty times under load; counts every call
	@PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

docs: ## Where the documentation is
	@echo "README.md has the tour; every command explains itself with --help; docs/ has the guides."

peers: ## Install the Debian packages of real SIP peers, where that is allowed
	@sh tests/interop/install-peers.sh

clean: ## Remove .venv and caches; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Sipwright needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.11" >&2; exit 1; }
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || \
	    { rm -rf $(VENV); echo "Python cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Sipwright into $(VENV) (a minute on the first run) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.development: pyproject.toml $(VENV)/.runtime
	@echo "Installing what the tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@
