# The only entry points: people and CI call the same targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help run kernels test check format invoke bench synth deploy clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# --- set-up: each stamp is renewed when the file it stands for changes ----------------------------

$(BIN)/ionbox: requirements.txt pyproject.toml
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ionbox needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

KERNELS := layers/science/python/ionbox_science/libionbox_kernels.so

# the folder is renewed when a file comes or goes
KERNEL_SOURCES := layers/science/kernels

$(KERNELS): layers/science/build_kernels.py $(KERNEL_SOURCES) $(wildcard $(KERNEL_SOURCES)/*) | $(BIN)/ionbox
	@echo "Compiling the kernels ..."
	@$(BIN)/python layers/science/build_kernels.py

$(VENV)/.tests: $(BIN)/ionbox tests/requirements.txt
	@echo "Installing what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(VENV)/oracles/cpymspec-0.3.5 cpyMSpec==0.3.5
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

test: $(VENV)/.tests $(KERNELS) ## run the tests
	@$(BIN)/pytest

check: $(VENV)/.tests ## lint, format and type checks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.tests ## let ruff rewrite the sources
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

invoke: $(BIN)/ionbox $(KERNELS) ## run one handler on one event: make invoke F=plan_run E=tests/events/plan_run.json
	@$(BIN)/python -m ionbox.local.invoke $(F) $(E)

bench: $(VENV)/.tests $(KERNELS) ## time ionbox against the libraries it replaces
	@$(BIN)/python -m benchmarks

synth: ## CloudFormation template (not yet)
	@echo "make synth: not yet. The CDK stack is the next milestone but one; see CHANGELOG.md."; exit 1

deploy: ## install into an AWS account (not yet)
	@echo "make deploy: not yet. ionbox runs on this machine today: make run."; exit 1

clean: ## remove everything make created
	rm -rf $(VENV) $(EXAMPLE) build *.egg-info client/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis $(KERNELS)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
