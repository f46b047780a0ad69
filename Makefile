# Everything a newcomer types. `make demo` and `make test` need only python3 (3.11 or newer, with venv) and make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: stale help setup demo test check bench matrix soak coverage docs format lock clean

# Every recipe uses the interpreter of .venv; no toolchain is downloaded behind anyone's back.
export UV_PYTHON_DOWNLOADS := never
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.ready

help:
	@echo "make TARGET, where TARGET is one of:"
	@sed -nE 's/^([a-z]+):.*## (.*)/  \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do \
		printf '%-12s %s\n' "$$name" "$$what"; done

setup: $(STAMP) ## build .venv with the locked dependencies

# The stamp holds the path that the environment was built for: its scripts carry it, so a moved checkout needs new ones.
# An interpreter that went away since makes the stamp stale too.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR)/$(VENV))
STALE := stale
else ifneq ($(shell $(PY) -c 'print("runs")' 2>/dev/null),runs)
STALE := stale
endif

$(STAMP): requirements/dev.txt requirements/scan.txt requirements/uv.txt pyproject.toml scripts/setup.sh $(STALE)
	@bash scripts/setup.sh $(VENV) requirements/dev.txt

demo: setup ## run the reference API on http://127.0.0.1:8000
	@$(VENV)/bin/stockade demo

test: setup ## run the whole test suite, on SQLite and on PostgreSQL
	@$(PY) scripts/test.py

check: setup ## format, lint, types, import contracts, migrations, locks, docs
	@$(PY) scripts/check.py

bench: setup ## measure what a request costs, and write bench/results.md
	@$(PY) -m bench && $(PY) scripts/include.py

matrix: setup ## run the suite on every supported Python and Django that this machine has
	@$(PY) scripts/matrix.py

soak: setup ## run the long tests, each for SOAK_SECONDS (default 60)
	@SOAK_SECONDS=$${SOAK_SECONDS:-60} $(PY) scripts/test.py --soak

coverage: setup ## run the suite under branch coverage and print what was missed
	@$(PY) scripts/test.py --coverage

docs: setup ## build the documentation into docs/_build/html
	@$(PY) -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

format: setup ## rewrite the source as the linter wants it
	@$(VENV)/bin/ruff check --fix --quiet . || true
	@$(VENV)/bin/ruff format .

lock: setup ## write the locks again; UPGRADE=1 takes newer releases
	@bash scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove the environments and everything built
	@rm -rf .venv .matrix docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -f .coverage .coverage.*
