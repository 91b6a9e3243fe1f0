.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(if $(shell command -v uv),uv,.tools/bin/uv)
SEED ?= $(shell $(PYTHON) -c 'import random; print(random.randrange(10**6))')

.PHONY: help run test check format docs bench crash soak fuzz install services

help:  ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## ?/\1\t/' | sort | \
		awk -F'\t' '{printf "  make %-9s %s\n", $$1, $$2}'

.tools/bin/uv:
	@$(PYTHON) -m venv .tools && .tools/bin/python -m pip install -q --disable-pip-version-check uv

$(VENV)/installed: pyproject.toml uv.lock $(if $(filter uv,$(UV)),,.tools/bin/uv)
	@echo "Installing into $(VENV) ..."
	@UV_PYTHON_DOWNLOADS=never $(UV) sync -q --frozen --python $(PYTHON)
	@touch $@

install: $(VENV)/installed  ## everything that the other targets need, into .venv

run: install  ## start the API and a worker on http://127.0.0.1:8470
	@exec $(BIN)/minizaps serve

test: install  ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

services: install  ## the servers that tests start: Redis, RabbitMQ, Dovecot, Postgres
	@tests/servers/install

check: install  ## format, lint, types, layers, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m docs.build --check

format: install  ## put the code into its format
	$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format .

docs: install  ## make the generated parts of the documentation
	$(BIN)/python -m docs.build

bench: install  ## measure: throughput, CPU per run, latency, waiting, growth
	$(BIN)/python -m bench $(ARGS)

crash: install  ## kill the server at random moments and failpoints, and check that nothing is lost
	$(BIN)/python -m tests.crash --seed $(SEED) $(ARGS)

soak: install  ## 100,000 runs of five steps on Postgres, with a kill every 50 s
	$(BIN)/python -m tests.crash.soak --seed $(SEED) $(ARGS)

fuzz: install  ## fuzz the expression language, the definition checks and the API
	$(BIN)/python -m tests.fuzz --seed $(SEED) $(ARGS)
