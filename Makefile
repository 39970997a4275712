# Needs Python 3.11 or newer and make; everything else is set up on first use. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVING := $(VENV)/serving
STAMP := $(VENV)/installed
# What looks at deploy/, and what a list of parts is made from; each has an environment of its own.
DEPLOY_TOOLS := build/deploy-tools
SBOM_TOOLS := build/sbom-tools
PARTS := build/serving
HOST ?= 127.0.0.1
PORT ?= 8000
# The tests of a file stay together, because they share what is costly to set up; files come in the order of their
# names, as those with the fewest tests, which would come last, take the longest.
IN_PARALLEL := --numprocesses=auto --dist=loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast e2e-hapi check format cards fixtures words burden bench bench-fetch bench-cohort replicas soak deploy-tools sbom lock clean

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(STAMP) ## Create the virtual environment from the lock file

run: $(SERVING) ## Serve on 127.0.0.1:8000
	@exec $(BIN)/python -m service serve --host $(HOST) --port $(PORT)

test: $(STAMP) ## Run the tests (ARGS="tests/web -k discovery" chooses some)
	@$(BIN)/python -m pytest $(IN_PARALLEL) $(ARGS)

# Collecting the calls that are made up from the description takes as long as making them.
test-fast: $(STAMP) ## Run the tests that are not slow (a minute on two cores)
	@$(BIN)/python -m pytest $(IN_PARALLEL) -m "not slow" --ignore=tests/web/test_description_holds.py $(ARGS)

e2e-hapi: $(STAMP) ## Test against HAPI FHIR, which Maven collects on first use (two minutes; needs Java and Maven)
	@E2E_HAPI=1 $(BIN)/python -m pytest tests/e2e $(ARGS)

check: $(STAMP) ## Run every check that is not a test; reports all failures before it fails
	@failed=""; \
	attempt() { \
		printf '\n== %s\n' "$$*"; \
		"$$@" || failed="$$failed\n  $$*"; \
	}; \
	attempt $(BIN)/ruff check; \
	attempt $(BIN)/ruff format --check; \
	attempt $(BIN)/mypy --strict service; \
	attempt $(BIN)/lint-imports --no-cache; \
	attempt $(BIN)/python -m service cards --check; \
	attempt $(BIN)/python -m fhir_fixtures.generate --check; \
	if [ -n "$$failed" ]; then printf '\nFailed:%b\n' "$$failed"; exit 1; fi; \
	printf '\nAll checks passed.\n'

format: $(STAMP) ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix --exit-zero
	@$(BIN)/ruff format

cards: $(STAMP) ## Write the files that are generated from cards/
	@$(BIN)/python -m service cards

fixtures: $(STAMP) ## Write the synthetic patients and requests again
	@$(BIN)/python -m fhir_fixtures.generate

words: $(STAMP) ## Measure how well texts are read in each language
	@$(BIN)/python -m tests.context

burden: $(STAMP) ## Print how often the charts of well-managed patients show cards (a minute)
	@$(BIN)/python -m tests.burden

bench: $(STAMP) ## Measure processor time, latency and memory (about four minutes)
	@$(BIN)/python -m tests.bench $(ARGS)

bench-fetch: $(STAMP) ## Measure a call that has to fetch everything from a FHIR server
	@$(BIN)/python -m tests.bench.fetch

bench-cohort: $(STAMP) ## Measure a whole hospital (PATIENTS=100000) against only parsing the same lines
	@$(BIN)/python -m tests.bench.cohort

replicas: $(STAMP) ## Try two replicas on one PostgreSQL behind nginx: replays, feedback, a crash, an upgrade
	@$(BIN)/python -m tests.bench.replicas

soak: $(STAMP) ## Call for SECONDS=600 with new charts and faulty FHIR servers; memory has to stay flat
	@$(BIN)/python -m tests.bench.soak --seconds $(or $(SECONDS),600)

deploy-tools: $(DEPLOY_TOOLS)/installed ## Install hadolint, checkov and kubernetes-validate for the tests of deploy/

sbom: $(SBOM_TOOLS)/installed $(PARTS)/installed ## Write what serving is made of, and its licences, into build/
	@$(SBOM_TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		-o build/sbom.cdx.json $(PARTS)/bin/python
	@$(PARTS)/bin/python deploy/licences.py build/sbom.cdx.json > build/licences.md
	@echo "build/sbom.cdx.json and build/licences.md"

lock: ## Choose the newest versions that pyproject.toml allows and write requirements.lock (needs uv)
	@uv=$$(PATH="$(BIN):$$PATH" command -v uv) || { echo "make lock needs uv: see https://docs.astral.sh/uv/" >&2; exit 1; }; \
	"$$uv" pip compile pyproject.toml --upgrade --generate-hashes -o requirements.lock && \
	"$$uv" pip compile pyproject.toml --generate-hashes --all-extras --group dev -c requirements.lock -o requirements-dev.lock && \
	"$$uv" pip compile pyproject.toml --generate-hashes --extra telemetry -c requirements-dev.lock -o requirements-telemetry.lock && \
	"$$uv" pip compile --group deploy --upgrade --generate-hashes -o requirements-deploy.lock && \
	"$$uv" pip compile --group sbom --upgrade --generate-hashes -o requirements-sbom.lock

clean: ## Remove the virtual environment and every cache
	@rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# To serve takes the runtime dependencies alone; everything else takes the tools of development as well.
$(SERVING): requirements.lock
	@$(call install,$<,$(VENV))
	@touch $@

$(STAMP): requirements-dev.lock
	@$(call install,$<,$(VENV))
	@touch $(SERVING) $@

$(DEPLOY_TOOLS)/installed: requirements-deploy.lock
	@$(call install,$<,$(DEPLOY_TOOLS))
	@touch $@

$(SBOM_TOOLS)/installed: requirements-sbom.lock
	@$(call install,$<,$(SBOM_TOOLS))
	@touch $@

$(PARTS)/installed: requirements.lock
	@$(call install,$<,$(PARTS))
	@$(PARTS)/bin/python -m pip uninstall --quiet --yes pip setuptools 2>/dev/null || true  # uv puts neither there
	@touch $@

define install
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "$(PYTHON) is missing or older than 3.11. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1; }; \
echo "Installing what $(1) names into $(2); this happens once and takes a minute or two."; \
if command -v uv >/dev/null 2>&1; then \
	{ [ -x $(2)/bin/python ] || uv venv --quiet --python "$$(command -v $(PYTHON))" $(2); } && \
	uv pip install --quiet --require-hashes --python $(2)/bin/python -r $(1); \
else \
	{ [ -x $(2)/bin/pip ] || $(PYTHON) -m venv --clear $(2) || { \
		echo "Could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
		exit 1; }; } && \
	$(2)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); \
fi
endef
