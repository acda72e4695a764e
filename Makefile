# The only entry points: people and CI call the same targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := uv==0.13.9

.PHONY: help run kernels test check format invoke docs outline golden bench campaign fuzz rehearse wheels synth bootstrap deploy clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# $(call install,WHAT) into .venv. uv takes a tenth of pip's time; pip is for networks that only pip is
# configured for
define install
$(BIN)/uv pip install --quiet --python $(BIN)/python $(1) 2>/dev/null || \
	$(BIN)/pip install --quiet --disable-pip-version-check $(1)
endef

# --- set-up: each stamp is renewed when the file it stands for changes ----------------------------

$(VENV)/pyvenv.cfg:
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ionbox needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check $(UV) || true

$(BIN)/ionbox: requirements.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@$(call install,-r requirements.txt)
	@$(call install,--no-deps --no-build-isolation -e .)
	@touch $@

KERNELS := layers/science/python/ionbox_science/libionbox_kernels.so

# a folder is renewed when a file in it comes or goes
KERNEL_SOURCES := layers/science/kernels
KERNEL_FILES = $(wildcard $(addprefix $(KERNEL_SOURCES)/,*.h *.c */*.h */*.c))

$(KERNELS): layers/science/build_kernels.py $(KERNEL_SOURCES) $(wildcard $(KERNEL_SOURCES)/* $(KERNEL_SOURCES)/*/*) | $(BIN)/ionbox
	@echo "Compiling the kernels ..."
	@$(BIN)/python layers/science/build_kernels.py

$(VENV)/.tests: $(BIN)/ionbox tests/requirements.txt tests/export-requirements.txt
	@echo "Installing what the tests need ..."
	@$(call install,-r tests/requirements.txt)
	@$(call install,--no-deps --upgrade --target $(VENV)/oracles/cpymspec-0.3.5 cpyMSpec==0.3.5)
	@$(call install,--no-deps catboost==1.2.10)
	@touch $@

$(VENV)/.spatialdata: tests/spatialdata-requirements.txt | $(VENV)/.tests
	@echo "Installing SpatialData ..."
	@$(call install,-r $<)
	@touch $@

$(VENV)/.docs: docs/requirements.txt | $(BIN)/ionbox
	@echo "Installing Sphinx ..."
	@$(call install,-r $<)
	@touch $@

$(VENV)/.cdk: cdk/requirements.txt layers/science/build-requirements.txt | $(VENV)/pyvenv.cfg
	@echo "Installing the CDK and a cross-compiler ..."
	@$(call install,-r cdk/requirements.txt)
	@touch $@

# AWS's runtime for functions, for Python 3.13 whatever Python this is
$(VENV)/.rehearsal: tests/rehearsal/requirements.txt | $(VENV)/.tests
	@echo "Installing AWS's runtime client ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade --target $(VENV)/rehearsal-runtime \
		--python-version 3.13 --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
		--only-binary=:all: -r $<
	@touch $@

# asl-validator checks the state machine's definition as Step Functions would
$(VENV)/.asl: tests/cdk/package-lock.json | $(VENV)/.cdk
	@mkdir -p $(VENV)/asl && cp tests/cdk/package.json tests/cdk/package-lock.json $(VENV)/asl/
	@$(BIN)/python -m cdk.node npm ci --silent --no-audit --no-fund --prefix $(VENV)/asl
	@touch $@

# --- what people run -------------------------------------------------------------------------------

EXAMPLE := example

$(EXAMPLE)/lipids.tsv: | $(BIN)/ionbox $(KERNELS)
	@$(BIN)/ionbox lipids $@ --force

$(EXAMPLE)/simulated.imzML: $(EXAMPLE)/lipids.tsv | $(BIN)/ionbox $(KERNELS)
	@$(BIN)/ionbox simulate $@ --database $(EXAMPLE)/lipids.tsv --width 80 --height 60 --ions 200 --noise 300 --seed 1 --force

run: $(BIN)/ionbox $(KERNELS) $(EXAMPLE)/simulated.imzML ## annotate a simulated example dataset
	@$(BIN)/ionbox annotate $(EXAMPLE)/simulated.imzML --database $(EXAMPLE)/lipids.tsv --out $(EXAMPLE)/results

kernels: $(BIN)/ionbox ## compile the C kernels (every target that needs them does, if need be)
	@$(BIN)/python layers/science/build_kernels.py

TEST_WORKERS ?= 2

# in CI nothing is skipped for want of a library; make TEST_ALL=1 test does the same elsewhere
TEST_ALL ?= $(CI)

test: $(VENV)/.tests $(VENV)/.asl $(KERNELS) $(if $(TEST_ALL),$(VENV)/.spatialdata) ## run the tests
	@$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --ignore tests/rehearsal

check: $(VENV)/.tests $(VENV)/.cdk ## lint, format and type checks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/clang-format --dry-run --Werror $(KERNEL_FILES)
	@$(BIN)/mypy

format: $(VENV)/.tests ## let ruff and clang-format rewrite the sources
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/clang-format -i $(KERNEL_FILES)

invoke: $(BIN)/ionbox $(KERNELS) ## run one handler on one event: make invoke F=plan_run E=tests/events/plan_run.json
	@$(BIN)/python -m ionbox.cli.invoke $(F) $(E)

docs: $(VENV)/.docs ## make a site of all documents and docstrings, in build/docs; broken links are errors
	@rm -rf build/docs
	@$(BIN)/sphinx-build -q -W --keep-going -c docs -d build/docs-cache . build/docs
	@$(BIN)/python -m docs.check_site build/docs

outline: $(BIN)/ionbox ## draw again what documents show of the code: statemachine/README.md, docs/rings.svg
	@$(BIN)/python -m statemachine.outline
	@$(BIN)/python -m docs.draw_rings

golden: $(VENV)/.tests $(KERNELS) ## make again what the tests compare results with, after raising RESULTS_VERSION
	@$(BIN)/python -m tests.results_shape
	@rm -rf $(EXAMPLE)
	@$(MAKE) --no-print-directory run outline
	@POWERTOOLS_LOG_LEVEL=WARNING $(BIN)/python -m tests.handlers.make_events

bench: $(VENV)/.tests $(KERNELS) ## time ionbox against the libraries it replaces
	@$(BIN)/python -m benchmarks

campaign: $(VENV)/.tests $(KERNELS) ## disturb N runs (300) with faults, run each again: make campaign N=300 SEED=1
	@$(BIN)/python -m tests.campaign $(if $(N),--trials $(N)) $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/.tests $(KERNELS) ## try N hostile inputs (10,000): make fuzz N=10000; SEED=… N=1 makes one again
	@$(BIN)/python -m tests.fuzz $(if $(N),--inputs $(N)) $(if $(SEED),--seed $(SEED))

rehearse: $(VENV)/.rehearsal $(KERNELS) synth ## deploy the stack into an emulated account on this machine and run it
	@IONBOX_REHEARSE=1 $(BIN)/pytest tests/rehearsal

wheels: $(BIN)/ionbox ## the sdist, and wheels for Linux and macOS, in dist
	@$(BIN)/python build_wheels.py dist

synth: $(VENV)/.cdk ## CloudFormation template of the AWS stack, in cdk.out: no docker, no credentials
	@$(BIN)/python -m cdk.app

bootstrap: $(VENV)/.cdk ## prepare an AWS account and region for deploy, once: AWS_REGION=eu-central-1 make bootstrap
	@$(BIN)/python -m cdk.node npx --yes aws-cdk@2.1148.1 bootstrap $(ARGS)

# the newest command line, 3.0, does not read what the pinned library writes
deploy: $(VENV)/.cdk ## install into the AWS account of your credentials: make deploy ARGS="-c max_runs=10"
	@$(BIN)/python -m cdk.node npx --yes aws-cdk@2.1148.1 deploy $(ARGS)

clean: ## remove everything make created
	rm -rf $(VENV) $(EXAMPLE) build dist cdk.out *.egg-info client/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis $(KERNELS)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
