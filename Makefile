# Everything needed is Python 3.11+ and make. `make run` and `make test` set up what they need in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.ready-run
DEV := $(VENV)/.ready-dev
# The lock files name every package there is to install, so pip resolves nothing itself.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
UV_LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header
ARGS ?=
PYTEST := $(BIN)/python -m pytest -m "not soak"
# Tests that start servers run file by file: those of a file share them.
WITH_SERVERS := $(addprefix tests/,cli envoyconfig helm integration server store)
# Needs the whole machine.
ALONE := tests/integration/test_many_streams.py

.PHONY: run demo test soak check format bench protos lock clean help

help: ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(RUN) ## the gateway on http://127.0.0.1:10000/v1, with Envoy; no key needed
	$(BIN)/python -m extproc run $(ARGS)

demo: $(RUN) ## a scripted tour against a gateway of its own
	$(BIN)/python -m extproc demo $(ARGS)

test: $(DEV) ## all tests but the long ones; ARGS=tests/cache for some
ifeq ($(strip $(ARGS)),)
	$(PYTEST) -n 2 --dist worksteal tests $(addprefix --ignore=,$(WITH_SERVERS))
	$(PYTEST) -n 2 --dist loadfile $(WITH_SERVERS) --ignore=$(ALONE)
	$(PYTEST) $(ALONE)
else
	$(PYTEST) $(ARGS)
endif

soak: $(DEV) ## the long tests
	$(BIN)/python -m pytest -m soak -s $(ARGS)

check: $(DEV) ## format, lint, types, import contracts, generated code, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

format: $(DEV) ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV) ## measure through the real Envoy, against Envoy alone; SCENARIO=name for one
	$(BIN)/python -m bench $(SCENARIO) $(ARGS)

protos: $(DEV) ## compile protos/ into extproc/pb
	$(BIN)/python -m grpc_tools.protoc -I protos --python_out=. --pyi_out=. protos/extproc/pb/*.proto

lock: $(DEV) ## pin dependencies again from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(UV_LOCK) --upgrade pyproject.toml -o requirements.lock
	$(UV_LOCK) --upgrade --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove everything that was made
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo 'No venv module: on Debian and Ubuntu, apt-get install python3-venv' >&2; rm -rf $(VENV); exit 1; }

$(RUN): requirements.lock | $(VENV)/pyvenv.cfg
	@echo 'Installing the gateway and Envoy into $(VENV) (about a minute, once) ...'
	@$(PIP) -r requirements.lock
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@echo 'Installing what tests and checks need ...'
	@$(PIP) -r requirements-dev.lock
	@touch $@
