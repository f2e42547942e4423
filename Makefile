# Everything is installed into .venv; Debian packages of the real peers in the tests are installed where that is allowed.
# Debian's Python is built with profile-guided optimisation, which saves a sixth of all CPU time beside one that is not:
# it comes before another `python3` that the PATH may name. An existing .venv stays with the Python that made it.
SYSTEM_PYTHON ?= /usr/bin/python3
IS_FIT := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for each in $(SYSTEM_PYTHON) python3; do \
    if $$each -c '$(IS_FIT)' 2>/dev/null; then echo $$each; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
# What pip puts into .venv/bin names its Python by the whole path, so an environment does not outlive a move of this folder.
HAS_MOVED := $(shell test ! -e $(BIN)/sipwright || grep -qsF '$(CURDIR)/$(BIN)/python' $(BIN)/sipwright || echo yes)
DATA ?= data
# Two test processes: the files of tests share nothing, and much of their time is waiting for peers. With three, two cores
# are so busy now and then that a script of some test has no time to compute. ARGS='-n 0' is one.
# What Python has compiled of them is kept, whatever the shell says: without, each process has 13 s more to compute.
unexport PYTHONDONTWRITEBYTECODE
# They are shuffled, alike in each run, so that none fails by chance: SEED=default is another order, and other examples.
SEED ?= 1
PYTEST := $(BIN)/pytest -q -p no:cacheprovider -n 2 --dist loadfile --no-loadscope-reorder --randomly-seed=$(SEED)
# What `make check` leaves to `make test`: what starts real peers, databases, whole switches or commands.
SLOW := benchmarks chaos commands console docs interop nights scenarios store usecases web

.DEFAULT_GOAL := help
.PHONY: help run test check bench flood soak fuzz walks chaos chaos-cluster chaos-patroni chaos-agent docs screenshots package peers clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

run: $(VENV)/.runtime ## Install, then start the switch with its embedded database (DATA=folder)
	@$(BIN)/sipwright run --data $(DATA)

test: $(VENV)/.development peers $(VENV)/.typescript $(VENV)/.browser ## Install what the tests need, then run all of them
	@$(PYTEST) -rs $(ARGS)

check: $(VENV)/.development peers ## Format, lint, types, layers and the quick tests: three minutes
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(PYTEST) $(SLOW:%=--ignore=tests/%) $(ARGS)

bench: $(VENV)/.runtime peers ## Measure CPU and waiting beside Kamailio, 25 minutes (ARGS=--quick: four)
	@$(BIN)/python benchmarks/bench.py $(ARGS)

flood: $(VENV)/.development peers ## Flood the switch on loopback while phones call each other, three minutes (ARGS=--short)
	@$(BIN)/python benchmarks/flood.py $(ARGS)

soak: $(VENV)/.development ## Let the switch work for half an hour on a bad network, and see whether anything grows (ARGS='--minutes 1')
	@$(BIN)/python benchmarks/soak.py $(ARGS)

fuzz: $(VENV)/.development $(VENV)/.fuzzing ## Feed parsers and stored formats what nobody should say, one minute (ARGS='--seconds 3600')
	@PYTHONPATH=tests:. $(BIN)/python -m fuzz $(ARGS)

walks: $(VENV)/.development ## Let an office act by chance on virtual time, and compare what everybody knows, one minute (ARGS='--seconds 3600')
	@PYTHONPATH=tests:. $(BIN)/python -m walks $(ARGS)

chaos: $(VENV)/.development ## Kill the switch twenty times under load; counts every call
	@PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

chaos-cluster: $(VENV)/.development peers ## Let nodes of a cluster die in turn under load, fourteen minutes (ARGS='--nodes 2 --rounds 6')
	@PYTHONPATH=tests $(BIN)/python -m chaos.cluster $(ARGS)

chaos-patroni: $(VENV)/.development peers ## Let the PostgreSQL under two nodes fail over under load, three minutes (ARGS='--rounds 1')
	@PYTHONPATH=tests $(BIN)/python -m chaos.cluster --patroni --nodes 2 --rounds 3 --interval 30 $(ARGS)

chaos-agent: $(VENV)/.development peers ## Let nodes that register at a provider die at random, eleven minutes (ARGS='--seconds 60 --users 6')
	@PYTHONPATH=tests $(BIN)/python -m chaos.agent $(ARGS)

docs: ## Where the documentation is
	@echo "README.md has the tour; every command explains itself with --help; docs/ has the guides."

screenshots: $(VENV)/.development peers ## Take screenshots of every page into docs/screenshots
	@PYTHONPATH=tests $(BIN)/python tests/web/pages/screenshots.py

package: $(VENV)/.runtime ## Build a Debian package, and a Containerfile that installs it, into dist
	@sh packaging/build-deb.sh $(BIN)/python

peers: ## Install the Debian packages of real SIP peers, where that is allowed
	@sh tests/interop/install-peers.sh

clean: ## Remove .venv and caches; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz native/target src/sipwright/_native.abi3.so

ifdef HAS_MOVED
.PHONY: $(VENV)/bin/python $(VENV)/.runtime $(VENV)/.development $(VENV)/.fuzzing $(VENV)/.typescript $(VENV)/.browser
endif
$(VENV)/bin/python:
	@$(if $(HAS_MOVED),echo "$(VENV) was made for another folder: it is made anew."; rm -rf $(VENV);) \
	python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
	    echo "No Python 3.11 or newer was found that can make a virtual environment." >&2; \
	    echo "On Debian: apt-get install python3-venv. Or say where one is: make PYTHON=/path/to/python3" >&2; exit 1; \
	elif ! $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	    echo "Sipwright needs Python 3.11 or newer, and $$python is not that. Try: make PYTHON=python3.11" >&2; exit 1; \
	elif ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
	    echo "$$python cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "Creating $(VENV) with $$python ..."; \
	$$python -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: pyproject.toml hatch_build.py $(wildcard native/src/*.rs) | $(VENV)/bin/python
	@echo "Installing Sipwright into $(VENV) (a minute on the first run) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@test -e src/sipwright/_native.abi3.so || echo "There is no cargo, or it failed: without the native part registrations and calls cost somewhat more."
	@$(BIN)/python -m compileall -q src/sipwright
	@touch $@

$(VENV)/.development: pyproject.toml $(VENV)/.runtime
	@echo "Installing what the tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@

# There are wheels of atheris for Linux on x86-64 and some Pythons. Elsewhere `make fuzz` says how it can be had, and does
# without: that is no fault, so this is tried again the next time.
$(VENV)/.fuzzing: pyproject.toml $(VENV)/.development
	@if $(BIN)/python -m pip install --quiet --only-binary atheris --group fuzz >/dev/null 2>&1; then touch $@; fi

# From npm, before any test runs whose time is limited. Where it cannot be reached, what needs it is skipped and says so.
$(VENV)/.typescript: tests/web/typescript/package.json
$(VENV)/.browser: tests/interop/browser/package.json
$(VENV)/.typescript $(VENV)/.browser: | $(VENV)/bin/python
	@mkdir -p $(@:$(VENV)/.%=$(VENV)/%) && cp $< $(@:$(VENV)/.%=$(VENV)/%)
	@if npm install --prefix $(@:$(VENV)/.%=$(VENV)/%) --no-audit --no-fund --no-package-lock --fetch-retries=0 --loglevel=error >/dev/null 2>&1; \
	then touch $@; else echo "npm cannot install what $< names: what needs it is not tested." >&2; fi
