# All that is needed: Python 3.10 or newer with pip, make and git. What is installed goes into .venv
# and .meltano, from PyPI. `make PYTHON=python3.12 …` picks another Python for a new .venv.

PYTHON ?= python3

bin := .venv/bin
# Compiled once here, rather than at every start where Python may not keep what it compiled.
export UV_COMPILE_BYTECODE := 1
uv := $(bin)/uv pip install --quiet --python $(bin)/python
# For what has Dagster in it; not for Meltano, whose own installs are no business of ours.
fleet := --overrides orchestrate/overrides.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo desk fleet fleet-test install test lint types resilience bench docs clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1 \t/p' $(MAKEFILE_LIST) | expand -t 24

demo: .meltano/.installed ## Run all taps on made-up data, through Meltano into JSONL files
	@$(bin)/python -m scripts.demo

desk: .venv/.desk .meltano/.desk ## Show the same data as one support desk: PostgreSQL, dbt and a page
	@$(bin)/python -m scripts.desk

fleet: .venv/.fleet .meltano/.installed ## Run 200 made-up accounts on Dagster, with its page; ARGS="--accounts 20"
	@$(bin)/python -m scripts.fleet $(ARGS)

install: .venv/.dev .meltano/.installed .meltano/.tools ## Install everything that development needs

test: install .meltano/.desk ## Run the tests; ARGS="-k dixa" for some of them
	@$(bin)/python -m pytest --numprocesses=logical --dist=loadgroup $(ARGS)

fleet-test: install ## Run the tests of many accounts on Dagster: minutes
	@$(bin)/python -m pytest -m fleet $(ARGS)

lint: .venv/.dev ## Check style and format
	@$(bin)/ruff check
	@$(bin)/ruff format --check

types: .venv/.dev ## Check types
	@$(bin)/mypy

resilience: install ## Break and kill the taps by the thousand; ARGS="--seed 7"
	@$(bin)/python -m resilience $(ARGS)

bench: .venv/.dev .meltano/.tools ## Measure what the taps cost, against peers; ARGS=--quick for an impression
	@$(bin)/python -m benchmarks $(ARGS)

docs: .venv/.dev ## Bring the tables of the documents and meltano.yml up to date with the code
	@$(bin)/python -m scripts.tables --write
	@$(bin)/python -m scripts.hub --write
	@PYTHONPATH=orchestrate $(bin)/python -m support_fleet schema >orchestrate/schema.json

clean: ## Remove what was installed and what the demo wrote
	rm -rf .venv .meltano .mypy_cache .pytest_cache .ruff_cache .hypothesis dist output/sandbox output/desk

$(bin)/uv:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed" if sys.version_info < (3, 10) else 0)'
	@echo "Installing into .venv and .meltano; this is done once."
	@$(PYTHON) -m venv .venv
	@$(bin)/python -m pip install --quiet --disable-pip-version-check uv

.venv/.taps: $(bin)/uv pyproject.toml
	@$(uv) --editable . --group meltano
	@touch $@

.venv/.desk: .venv/.taps
	@$(uv) --editable . --group desk
	@touch $@

.venv/.fleet: .venv/.taps
	@$(uv) --editable . --group fleet $(fleet)
	@touch $@

.venv/.cluster: .venv/.taps
	@$(uv) --editable . --group cluster $(fleet)
	@touch $@

.venv/.dev: .venv/.taps
	@$(uv) --editable . --group dev $(fleet)
	@touch $@

.meltano/.installed: .venv/.taps meltano.yml
	@$(bin)/meltano --log-level=warning install $$(sed -n 's/^  - name: \(ta[a-z]*-.*\)/\1/p' meltano.yml)
	@touch $@

# dbt and what draws the page: a hundred megabytes that the taps do not need.
.meltano/.desk: .meltano/.installed
	@$(bin)/meltano --log-level=warning install desk
	@touch $@

# Programs that only the tests run. Each has an environment of its own: what they pin agrees with
# nothing else. psycopg2 is taken newer than pinned, for its pin cannot be had for every Python.
tools := pipelinewise-target-postgres==2.1.2 singer-tools==0.4.1

.meltano/.tools: $(bin)/uv Makefile
	@mkdir -p .meltano/tools
	@echo 'psycopg2-binary>=2.9.10' >.meltano/tools/overrides.txt
	@for tool in $(tools); do \
		venv=.meltano/tools/$${tool%%=*} && \
		$(bin)/uv venv --quiet --clear --python $(bin)/python $$venv && \
		$(bin)/uv pip install --quiet --python $$venv/bin/python \
			--overrides .meltano/tools/overrides.txt $$tool || exit 1; \
	done
	@touch $@
