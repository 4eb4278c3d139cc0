# Every task of the project. `make help` lists them; nothing here needs Docker but `image`.

VENV   := .venv
PY     := $(VENV)/bin/python
UV     := $(VENV)/bin/uv
MEMBERS := $(wildcard libs/* host services/*)
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help setup lock

help:  ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/.installed  ## make .venv with the locked requirements and the workspace members

$(VENV)/.installed: requirements.lock pyproject.toml $(wildcard libs/*/pyproject.toml host/pyproject.toml services/*/pyproject.toml)
	@test -x $(PY) || python3 -m venv $(VENV)
	@test -x $(UV) || $(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) pip install --quiet --python $(PY) --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation $(foreach member,$(MEMBERS),-e ./$(member))
	@touch $@

lock:  ## resolve requirements.lock anew (hashes, no index address)
	$(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --group dev \
	  $(foreach name,kassenverbund kassenverbund-events kassenverbund-money kassenverbund-voucher kassenverbund-fiscal-signer kassenverbund-device-gateway,--no-emit-package $(name)) \
	  -o requirements.lock pyproject.toml
