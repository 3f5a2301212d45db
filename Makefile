# One line per verb; what it does is in lotus/ and docs/. `make` alone lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
LOTUS := .venv/bin/lotus
SHELL := /bin/sh

.PHONY: help setup python run stop clean check format test test-clients test-cluster bench bench-sync bench-validate soak

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: python ## environment and tools, those of the tests too, once; seconds when they are there
	@$(PYTHON) -m lotus.tools setup --tests

python:
	@command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) on PATH: install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: lotus needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 3; }

run: python ## from nothing to Parquet: local server, S3, pulumi up, first sync, the rows; PORT=21000 chooses its ports
	@$(PYTHON) -m lotus.tools setup
	@$(LOTUS) dev run $(if $(PORT),--port $(PORT))

stop: ## ends what `make run` started; data stays
	@test ! -x $(LOTUS) || $(LOTUS) dev down

clean: stop ## removes this clone's data and environment; the tools' cache stays
	@rm -rf .lotus .venv

format: setup ## formats and sorts imports
	@.venv/bin/ruff check --quiet --fix . ; .venv/bin/ruff format --quiet .

check: setup ## format, lint, types, import directions, unit tests (under 90 s)
	@.venv/bin/python -m tests.check

test: setup ## everything, with the real CLI, server, connectors and S3 (under 15 min)
	@.venv/bin/pytest -q -n 2 --dist loadfile -m "not soak and not cluster"

test-clients: setup ## clients of Airbyte from PyPI, each in an environment of its own (2 min; the first time 2 min more)
	@PYTHONPATH=lotus-server/tests .venv/bin/python -m tests.clients

test-cluster: setup ## the gitops objects on a real API server, with Flux (4 min; 8 min more to build those, once)
	@.venv/bin/python -m tests.gitops.control_plane
	@.venv/bin/pytest -q -m cluster tests/gitops

bench: setup ## measures and writes docs/benchmarks.md
	@.venv/bin/python -m tests.bench

bench-sync: setup ## what a sync costs, beside dlt and PyAirbyte; writes its section of docs/benchmarks.md
	@PYTHONPATH=lotus-server/tests .venv/bin/python -m tests.bench.syncs

bench-validate: setup ## 5,000 stream files with 100 fields: seconds and memory of validate, and of the program's part before Pulumi
	@.venv/bin/python tests/config/bench_validate.py

soak: setup ## the long kill suites, counted
	@.venv/bin/pytest -q -m soak tests
