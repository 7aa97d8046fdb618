# Everything a developer does here. `make` alone lists it.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PY := .venv/bin/python
# One more than the cores: tests wait for processes and servers more than they compute.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
ARGS ?=

.PHONY: setup up test check fmt bench services clean help

setup: ## make .venv with the locked dependencies (PYTHON=… chooses the interpreter)
	@PYTHON="$(PYTHON)" .ci/setup

up: setup ## start AnsFlow on 127.0.0.1:8000 and run the sample pipelines
	@.venv/bin/ansflow up $(ARGS)

test: setup ## run the tests (ARGS=… goes to pytest)
	@$(PY) -m tests.services run -- $(PY) -m pytest -q -n $(WORKERS) --dist loadgroup $(ARGS)

check: setup ## lint, formatting, types, import contracts
	@failed=0; for step in "ruff check" "ruff format --check" mypy lint-imports; do \
		.venv/bin/$$step || failed=1; \
	done; exit $$failed

fmt: setup ## format, and fix what can be fixed
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

bench: setup ## measure, as ratios in one run (ARGS=… chooses what)
	@$(PY) -m tests.services run -- $(PY) -m tests.bench $(ARGS)

services: setup ## start the databases and the broker that tests use, until Ctrl-C
	@$(PY) -m tests.services hold

clean: ## remove .venv, caches and test data
	@rm -rf .venv .ansflow-test .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
