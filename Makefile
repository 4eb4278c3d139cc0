# Every task of the project. `make help` lists them; nothing here needs Docker but `image`.

VENV   := .venv
PY     := $(VENV)/bin/python
UV     := $(VENV)/bin/uv
RUN    := $(VENV)/bin/kassenverbund
PYTEST := $(VENV)/bin/pytest
MEMBERS := $(wildcard libs/* host services/*)
UV_VERSION := 0.13.9

# Two workers by default. Tests of one file stay on one of them: they share what takes long to start.
WORKERS ?= 2
PARALLEL := -n $(WORKERS) --dist loadfile
# BUS=kafka: `run` and `demo` on a local Apache Kafka (or on KAFKA_BOOTSTRAP).
BUS ?=
SEED ?=
KAFKA_PORT ?= 9092
IMAGE ?= kassenverbund:dev

# Modules are compiled once and kept: without it every start of the program takes seconds longer.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup lock run demo test proofs unit contract integration browser simulate endurance line-cut bench lint types schemas \
	schemas-check image k8s kafka readers clean

help:  ## list the tasks
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/.installed  ## make .venv with the locked requirements and the workspace members

$(VENV)/.installed: requirements.lock pyproject.toml $(wildcard libs/*/pyproject.toml host/pyproject.toml services/*/pyproject.toml)
	@test -x $(PY) || python3 -m venv $(VENV)
	@test -x $(UV) || $(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation $(foreach member,$(MEMBERS),-e ./$(member))
	@touch $@

run: setup  ## start the example chain on this machine and stay up (BUS=kafka: on a local Kafka)
	@$(RUN) run $(if $(BUS),--bus $(BUS))

demo: setup  ## play the demo scene on a chain of its own, and end (BUS=kafka: on a local Kafka)
	@$(RUN) demo $(if $(BUS),--bus $(BUS))

# The longest first: then both workers end at about the same time.
test: setup  ## all tests but the long proofs (REQUIRE_KAFKA=1: fail where no Kafka can be had)
	$(PYTEST) $(PARALLEL) -m "not proof" $(wildcard tests) libs host services

proofs: setup  ## long histories under kills and faults; CI runs them after the tests
	$(PYTEST) $(PARALLEL) -m proof tests services

unit: setup  ## tests that need neither Kafka nor a browser, the slow ones left out
	$(PYTEST) $(PARALLEL) -m "not kafka and not browser and not slow" libs host services

contract: setup  ## the suites that every store and every bus has to pass, Kafka included
	$(PYTEST) $(PARALLEL) libs/events/tests

integration: setup  ## one test per business flow, on both buses
	$(PYTEST) $(PARALLEL) tests/integration

simulate: setup  ## seeded tills, faults, invariants (SEED=… repeats one)
	SEED=$(SEED) $(PYTEST) $(PARALLEL) tests/simulation

browser: setup  ## the web till in Debian's Chromium (REQUIRE_BROWSER=1: fail without); screenshots in var/screenshots
	$(PYTEST) -n 1 --dist loadfile tests/browser

endurance: setup  ## 10,000 processes of tills while signers are killed and TSEs fail (PROCESSES=… SEED=…)
	$(PY) -m tests.endurance $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(SEED),--seed $(SEED))

line-cut: setup  ## 5,000 sales while the line to the center is cut and the gateway killed (SALES=… SEED=… BUS=postgres)
	$(PY) -m tests.line_cut $(if $(SALES),--sales $(SALES)) $(if $(SEED),--seed $(SEED)) $(if $(BUS),--bus $(BUS))

bench: setup  ## ratios against bare references, in one run (see benchmarks/README.md)
	@for bench in $(filter-out benchmarks.__init__ benchmarks.report benchmarks.http_load benchmarks.vouchers_seed benchmarks.bulk benchmarks.cost_centers_seed benchmarks.cost_centers_servers,$(subst /,.,$(basename $(wildcard benchmarks/*.py)))); do \
	  $(PY) -m $$bench || exit 1; done

lint: setup  ## format, ruff, import rules, own lints
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	$(PY) tools/lints.py

# One call for all that is imported, then one per folder of tests: their modules share names.
TEST_FOLDERS = $(shell find libs host services -path '*/tests*' -name '*.py' -exec dirname {} + | sort -u)

types: setup  ## mypy, strict
	$(VENV)/bin/mypy libs/*/src host/src services/*/src tools benchmarks conftest.py tests
	@for folder in $(TEST_FOLDERS); do \
	  $(VENV)/bin/mypy --no-error-summary $$folder/*.py || exit 1; done

schemas: setup  ## write the published schemas, AsyncAPI documents and chain.schema.json anew
	$(RUN) schemas

schemas-check: setup  ## fail where a published schema is not as the code says, or breaks a reader
	$(RUN) schemas --check

image:  ## build the container image (needs Docker)
	docker build -f deploy/Dockerfile -t $(IMAGE) .

k8s: setup  ## render and validate the Kubernetes manifests
	deploy/k8s/render
	$(PYTEST) tests/deploy

kafka: setup  ## run a local Apache Kafka without Docker on KAFKA_PORT (Java 17, Maven)
	$(PY) -m events.bus.local_kafka --data var/kafka --jars var/kafka-jars --port $(KAFKA_PORT)

lock:  ## resolve requirements.lock anew (hashes, no index address)
	$(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --group dev \
	  $(foreach name,kassenverbund kassenverbund-events kassenverbund-money kassenverbund-voucher kassenverbund-costcenter kassenverbund-fiscal-signer kassenverbund-device-gateway,--no-emit-package $(name)) \
	  -o requirements.lock pyproject.toml
	deploy/lock
	$(PY) -c "import tomllib; print(*tomllib.load(open('services/device-gateway/pyproject.toml', 'rb'))['project']['optional-dependencies']['readers'], sep='\n')" \
	  | $(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    --no-emit-index-url -o requirements-readers.lock -

readers: setup  ## add what keyboard scanners and card readers need (Debian: installs its build packages)
	tools/readers

clean:  ## remove what was built; the data under var/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist build
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
