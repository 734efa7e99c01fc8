# `make` prints what there is. Needs GNU make and Python 3.10 or newer; work on the front end and `make test` need Node too.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
FLOW := examples/flight_delays/flow.ipynb
PANEL := jupyter_flows/labextension/static/style.js
DEMO_HOME := $(CURDIR)/.demo

export PATH := $(BIN):$(PATH)
demo lab: export JUPYTER_FLOWS_HOME := $(DEMO_HOME)

.PHONY: help demo lab test check ui bench torture docs clean system frontend-test

help:  ## print these lines
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | awk -F'#' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: $(VENV)/.examples  ## run the flight delays of January and February 2013, two weeks at a time
	@jupyter flows backfill $(FLOW) --from 2013-01-01 --to 2013-02-28 --parallel 2
	@scripts/show-demo "$(DEMO_HOME)"

lab: $(VENV)/.examples $(PANEL)  ## open the example in JupyterLab
	jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) $(FLOW)

test: system $(VENV)/.test $(PANEL) frontend-test check docs  ## all that CI runs
	python -m pytest -m "not torture and not ui"
	python -m pytest -m "ui and not torture"

check: $(VENV)/.test  ## formatting, lint, import layers and types
	ruff format --check .
	ruff check .
	lint-imports
	mypy

ui: system $(VENV)/.test $(PANEL)  ## only the tests that drive a real browser
	python -m pytest -m "ui and not torture"

bench: $(VENV)/.test  ## measure against papermill and print the figures
	python -m benchmarks

torture: $(VENV)/.test  ## the long tests: kills, full disks, clock changes
	python -m pytest -m torture --timeout 1800

docs: $(VENV)/.test  ## check every link, code block and magic line of the documentation
	python scripts/check_docs.py

clean:  ## remove what builds, checks and the demo wrote; keeps the virtual environment
	rm -rf build dist .demo examples/*/out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis test-results
	find . -name __pycache__ -type d -not -path './.venv/*' -not -path '*/node_modules/*' -prune -exec rm -rf {} +

# What the targets stand on. A stamp is a file whose age says when its step was last done.
SOURCES := pyproject.toml $(wildcard labextension/package.json labextension/yarn.lock)

$(VENV)/.made:
	@python="$$(PATH="$${PATH#$(BIN):}" scripts/find-python)" && "$$python" -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip
	@touch $@

$(VENV)/.examples: $(VENV)/.made $(SOURCES)
	$(PIP) install --quiet --editable '.[examples]'
	@touch $@

$(VENV)/.test: $(VENV)/.made $(SOURCES)
	$(PIP) install --quiet --editable '.[test,check]'
	@touch $@ $(VENV)/.examples

system:
	@scripts/debian-packages

FRONTEND := labextension/src labextension/widget labextension/style
MODULES := labextension/node_modules/.yarn-state.yml

frontend-test: $(MODULES)
	cd labextension && jlpm lint && jlpm test

$(MODULES): labextension/package.json labextension/yarn.lock | $(VENV)/.examples
	cd labextension && jlpm install
	@touch $@

# Installing the package has just built it in a fresh clone; after that only a change of its sources does.
$(PANEL): $(shell find $(FRONTEND) -type f) | $(VENV)/.examples
	@if [ ! -e $@ ] || [ -n "$$(find $(FRONTEND) -type f -newer $@)" ]; then cd labextension && jlpm install && jlpm build; fi
	@touch $@
