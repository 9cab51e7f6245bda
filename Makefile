# Everything that one does with ekiben's sources. `make` alone prints this list.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
READY := $(VENV)/.ready
export BENTOML_DO_NOT_TRACK := True

.PHONY: help
help:  ## Print this list.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: install
install: $(READY)  ## Make the virtual environment .venv with the locked dependencies.

# pip installs uv, uv installs the rest: it checks each digest and takes seconds where pip takes minutes.
$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "ekiben needs Python 3.11 or later, and $(PYTHON) is older: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "Python cannot make a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing the locked dependencies into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: install  ## Show the whole product on a local cluster: promote one revision, roll two back.
	$(BIN)/ekiben demo

.PHONY: picture
picture: install  ## Run the demo and draw the README's chart from it.
	$(BIN)/ekiben demo --picture docs/images/rollout.png

.PHONY: test
test: lint types cluster unit sim bench-quick e2e  ## Everything that a change must pass, the local cluster included.

.PHONY: lint
lint: install  ## Style, and who may import whom.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=operator $(BIN)/lint-imports

.PHONY: types
types: install  ## mypy, strict.
	$(BIN)/mypy

# The first time it builds helm, kubectl and the rest, which the tests of the chart need as well.
.PHONY: cluster
cluster: install  ## Bring the local cluster up, or repair it.
	$(BIN)/ekiben cluster up

.PHONY: unit
unit: install  ## Tests that need no cluster.
	$(BIN)/python -m pytest tests --ignore tests/e2e --ignore tests/sim -m "not slow" --numprocesses 2 --quiet

.PHONY: sim
sim: install  ## 2,000 made-up histories of rollouts, each held to the invariants; each transition at least once.
	$(BIN)/python -m pytest tests/sim --numprocesses 2 --quiet
	$(BIN)/python -m tests.sim --level decisions --histories 1800 --cluster 175 --least 1

HISTORIES ?= 100000
LEAST ?= 100
RECORD ?= .sim.jsonl
.PHONY: sim-long
sim-long: install  ## HISTORIES=100000 of decisions, each transition LEAST=100 times; goes on where it was ended.
	$(BIN)/python -m tests.sim --level decisions --histories $(HISTORIES) --least $(LEAST) --record $(RECORD)

MORE ?= 2000
.PHONY: sim-more
sim-more: install  ## Histories of hypothesis, other ones each time, MORE=2000 of them.
	HISTORIES=$(MORE) $(BIN)/python -m pytest tests/sim/test_histories.py -k TestHistories --quiet --timeout 0

.PHONY: bench-quick
bench-quick: install  ## The quick form of the analysis bench: false rollbacks within alpha, beside other rules.
	$(BIN)/python -m bench.analysis --quick

.PHONY: e2e
e2e: install  ## Real bentos on the local cluster: promote, roll back, crash, restart; the cluster's own life.
	$(BIN)/python -m pytest tests/e2e -m "not slow" --durations 0 --quiet

.PHONY: e2e-full
e2e-full: install  ## The same, with the slow ones.
	$(BIN)/python -m pytest tests/e2e --durations 0 --quiet

.PHONY: bench-analysis
bench-analysis: install  ## False rollbacks and time to detect beside Argo Rollouts, Flagger, Kayenta and the oracle: 10 min.
	$(BIN)/python -m bench.analysis

.PHONY: bench-scaling
bench-scaling: install  ## Lost and slow requests, and their cost, beside the HPA's algorithm and Knative's: 3 min.
	$(BIN)/python -m bench.scaling

.PHONY: bench-verdicts
bench-verdicts: install  ## On the local cluster: how soon bad canaries are rolled back, and that healthy ones are promoted.
	$(BIN)/python -m bench.verdicts

.PHONY: bench-switches
bench-switches: install  ## On the local cluster: 20 promotions and 20 aborts under load, and what was lost: 12 min.
	$(BIN)/python -m bench.switches

.PHONY: bench-elastic
bench-elastic: install  ## On the local cluster: a tenfold step beside a CPU HPA's, sleep under load, a canary under more load.
	$(BIN)/python -m bench.elastic

.PHONY: bench-cluster
bench-cluster: install  ## How long the local cluster takes to start, and what it holds.
	$(BIN)/python -m bench.cluster

.PHONY: generate
generate: install  ## Make the CRD, the chart's copies, the reference and install.yaml from the types.
	$(BIN)/python charts/generate.py

.PHONY: lock
lock:  ## Lock the dependencies anew (needs uv).
	requirements/lock.sh

.PHONY: clean
clean:  ## Remove what the other targets made in this folder.
	rm -rf $(VENV) .sim.jsonl .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
