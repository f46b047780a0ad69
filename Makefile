# Everything a newcomer types. `make demo` and `make test` need only python3 (3.11 or newer, with venv) and make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench matrix soak lock docs clean

export UV_PYTHON_DOWNLOADS := never
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.ready
LOCKS := requirements/dev.txt requirements/uv.txt

help:
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

setup: $(STAMP) ## build .venv with the locked dependencies

$(STAMP): $(LOCKS) pyproject.toml scripts/setup.sh
	@bash scripts/setup.sh $(VENV) requirements/dev.txt
	@touch $@

demo: setup ## run the reference API on http://127.0.0.1:8000
	@$(VENV)/bin/stockade demo

test: setup ## run the whole test suite
	@$(PY) -m pytest
