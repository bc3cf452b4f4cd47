# `make demo` and `make test` do all of their own set-up, into .venv.

PYTHON ?= python3
# 6.0: with its Spark, in an environment of its own; `GLUE_VERSION=6.0 make demo` is all on 6.0.
GLUE_VERSION ?= 5.1
export GLUE_VERSION
ifeq ($(GLUE_VERSION),5.1)
VENV := .venv
LOCK := requirements.lock
else ifeq ($(GLUE_VERSION),6.0)
VENV := .venv-glue6
LOCK := requirements-glue6.lock
else
$(error GLUE_VERSION is $(GLUE_VERSION): set it to 5.1 or 6.0)
endif
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CHECKS := .venv-checks
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Each worker has an embedded AWS and a Spark session of its own, up to 3 GB.
WORKERS ?= 2
# In the order that conftest.py gives: by itself xdist begins with the files of many quick tests.
SIDE_BY_SIDE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# What runs the job, or depends on the Spark that it runs on.
JOB_TESTS := $(wildcard tests/test_job_*.py) $(addprefix tests/test_, audit.py bad_input.py \
  files_written.py histories.py metrics.py sweep.py time_zone.py visitors.py) \
  $(addprefix tests/local_aws/test_, awsglue.py bookmarks.py glue_runs.py java.py)
# Nothing that a shell has set for a real account may leak into local runs.
LOCAL := env -u AWS_PROFILE -u AWS_ENDPOINT_URL -u AWS_SESSION_TOKEN

.DEFAULT_GOAL := help
.PHONY: help install demo test test-quick test-glue6 conformance soak bench aws lint audit format notebook sample-data events diagrams record docs lock clean

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Create .venv with every pinned package

$(STAMP): $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "Name another: make install PYTHON=python3.12" >&2; exit 2; }
	@echo "Installing the pinned packages into $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@echo "Putting Spark's classes into an archive, so that runs start faster (once, half a minute) ..."
	@$(BIN)/python -m local_aws.glue.archive
	@touch $(STAMP)

demo: install ## Deploy, load, run, query, report: the whole pipeline on the embedded AWS
	@$(LOCAL) $(BIN)/python -m tools.demo

test: install ## Every test, on real Spark and the embedded AWS
	@$(LOCAL) $(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not soak" $(ARGS)

test-quick: install ## The tests that start no process of their own
	@$(LOCAL) $(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow" $(ARGS)

test-glue6: ## The job's tests on the Spark of Glue 6.0, which needs a full Java 17 or later
	@$(MAKE) --no-print-directory test GLUE_VERSION=6.0 ARGS="$(JOB_TESTS) $(ARGS)"

conformance: install ## What AWS documents, on the embedded AWS; CONFORMANCE_ACCOUNT=real: on your account
	@$(if $(filter real,$(CONFORMANCE_ACCOUNT)),,$(LOCAL) )$(BIN)/python -m pytest tests/conformance $(ARGS)
	@$(if $(filter real,$(CONFORMANCE_ACCOUNT)),,echo "On the account of this shell's AWS credentials, for some cents:" \
	  "CONFORMANCE_ACCOUNT=real make conformance")

soak: install ## Kill at every point for real, 300 random histories, a long poll: some hours
	@$(LOCAL) $(BIN)/python -m pytest -m soak $(ARGS)

bench: install ## Measure speed and size into benchmarks/RESULTS.md; ARGS="--help" says what
	@$(LOCAL) $(BIN)/python -m benchmarks $(ARGS)

aws: install ## Start the embedded AWS and say how to point a shell at it; ARGS="--help" says what
	@$(BIN)/python -m local_aws up $(ARGS)

lint: install $(CHECKS)/.installed ## ruff, mypy, cfn-lint and checkov
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/cfn-lint
	@$(CHECKS)/bin/checkov --config-file .checkov.yaml --file $(wildcard *.cfn.yaml)

audit: $(CHECKS)/.installed ## Ask PyPI for known vulnerabilities of the pinned packages
	@for lock in requirements requirements-glue6; do \
	  $(CHECKS)/bin/pip-audit --strict --disable-pip --require-hashes -r $$lock.lock || exit 1; done

# checkov pins packages that the pipeline needs in other versions, so it has an environment of its own.
$(CHECKS)/.installed: requirements-checks.lock
	@echo "Installing checkov and pip-audit into $(CHECKS) (once, about a minute) ..."
	@$(PYTHON) -m venv --clear $(CHECKS)
	@$(CHECKS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements-checks.lock
	@touch $@

format: install ## Format the Python sources
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

notebook: install ## Put glue_jobs/capstone_etl.py into the notebook's script cell
	@$(BIN)/python -m tools.embed_job

sample-data: install ## Make the files in sample-data/ again
	@$(BIN)/python generate_sample_data.py --duplicates 0.01 --late 0.01 --malformed 0.002 --unknown-fields 0.01

events: install ## Draw what the generated events look like into docs/images/events.png
	@$(BIN)/python -m tools.events

diagrams: install ## Draw the diagrams in docs/images from tools/diagrams
	@$(BIN)/python -m tools.diagrams

record: install ## Run the demo and keep what the documents show of it in docs/recorded
	@$(LOCAL) $(BIN)/python -m tools.demo --record

docs: install ## Fill in what the documents say of the template, queries, runs and results
	@$(BIN)/python -m tools.documents

RESOLVE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-header --no-emit-index-url --no-emit-find-links --quiet

lock: install ## Resolve requirements*.txt into requirements*.lock
	@$(BIN)/python -m pip install --quiet uv==0.13.9
	@$(RESOLVE) requirements.txt -o requirements.lock
	@$(RESOLVE) requirements.txt --override requirements-glue6.txt -o requirements-glue6.lock
	@$(RESOLVE) requirements-checks.txt -o requirements-checks.lock

clean: ## Remove everything that these targets made
	rm -rf .venv .venv-glue6 $(CHECKS) build .local-aws .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
