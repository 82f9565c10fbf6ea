# What a newcomer types. Everything is set up on first use, in .venv, from requirements.lock.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
# make demo TRACE=path/to/philly_gpu_jobs.csv.gz plays the trace itself.
TRACE ?=
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test check soak serve bench ray lock format lint types layers clean

help: ## List what can be made.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(READY) ## Run the main job on real input: policy to paid provider, with a report.
	$(BIN)/tallygrid demo --seed $(SEED) $(if $(TRACE),--trace "$(TRACE)")

# Three at a time on two cores: a test waits for the server and the disk, too.
test: $(READY) ## Pass the tests.
	$(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not soak"

check: $(READY) lint types layers ## Everything that must pass before a change is merged.
	$(MAKE) test

soak: $(READY) ## All seeds and all fault cycles; takes a while.
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

serve: $(READY) ## Show the last demonstration's report on this machine only.
	$(BIN)/tallygrid serve --host 127.0.0.1 --port 8000

bench: $(READY) ## Every benchmark beside its peer; one table.
	$(BIN)/python benchmarks/run.py

ray: $(READY) ## Add Ray, for `lab sweep --ray` and its tests (290 MB).
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-ray.lock

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

format: $(READY) ## Format, then lint with safe repairs.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY) ## Pin every dependency again, with hashes.
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --extra dev -o requirements.lock pyproject.toml
	echo ray | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header -c requirements.lock -o requirements-ray.lock -

clean: ## Remove the environment (never the database).
	rm -rf $(VENV)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tallygrid needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 2; }
	@echo "Setting up $(VENV) (about a minute, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
