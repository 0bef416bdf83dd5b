# make run     trains, checks, transforms, deploys and predicts: the recipe `diabetes`, on this machine
# make test    passes the tests
# make test-page   passes the tests of the console's page, and sees that its build is up to date (needs Node)
# make test-image  passes the training code's tests on the versions of SageMaker's image
# make lint    everything that CI checks beside the tests
# make releases  tries every kind of release under load, with candidates that are no good, and counts each request
# make bench   measures it against plain scripts: a run, jobs, endpoints, batch transform; and how fast the console is
# make console builds the console's page anew (after a change in web/ or switchyard/console/schema.py; needs Node)
# make screenshots takes docs/images anew (needs Chromium)
# make cdk     writes infrastructure/cdk/cdk.out: the templates, as stacks of an AWS CDK app (needs Node)
# make render  writes workflows/*.asl.json anew (after a change in workflows/*.py)

PYTHON ?= python3
RECIPE ?= diabetes
ARGS ?=
# `required` fails the console's browser tests where there is no Chromium; otherwise they are skipped there.
BROWSER ?= if-found
# Much of a test is waiting for processes and for the SDK's pauses: three workers keep two cores busy.
WORKERS ?= 3
BIN := .venv/bin
AUTHOR := .venv-author/bin
SAM := .venv-sam/bin
CHECKOV := .venv-checkov/bin
CDK := .venv-cdk/bin
IMAGE := .venv-image/bin
REFERENCE := .venv-reference/bin
PYTORCH := .venv-pytorch/bin
# Dependency groups need a pip of 2025 or later.
PIP := pip==26.3
INSTALL := install --quiet --disable-pip-version-check
# What the environments beside .venv are for.
IS_author := the SDK that workflows are written with
IS_sam := the AWS SAM command line
IS_checkov := checkov, which looks for what is unsafe in the template
IS_cdk := the AWS CDK, whose library talks to Node
IS_image := scikit-learn 1.4.2, as in SageMaker's image
IS_reference := sagemaker-training, which SageMaker's containers run
# Compiling all of it takes longer than using the part that is used.
COMPILE_checkov := --no-compile
COMPILE_cdk := --no-compile
COMPILE_reference := --no-compile

.DEFAULT_GOAL := help
.PHONY: help run up test test-image lint format bench releases docs render author schema console screenshots cdk test-page environments clean

help:
	@sed -n 's/^# make/  make/p' Makefile

run: .venv/.ready
	@$(BIN)/switchyard run $(RECIPE) $(ARGS)

up: .venv/.ready
	@$(BIN)/switchyard up $(ARGS)

test: .venv/.ready-dev
	@SWITCHYARD_BROWSER=$(BROWSER) $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-image: .venv-image/.ready
	@$(IMAGE)/python -m pytest -q tests/training_code

test-page: console
	npm --prefix web run --silent lint
	npm --prefix web run --silent test
	@git diff --exit-code --stat -- switchyard/console/static web/src/api/types.ts || \
		{ echo "The console's build is not what is committed: run make console and commit what it changes."; exit 1; }

releases: .venv/.ready-dev
	@$(BIN)/python -m benchmarks.releases $(ARGS)

bench: .venv/.ready-dev
	@$(BIN)/python -m benchmarks $(ARGS)
	@$(BIN)/python -m benchmarks.sagemaker
	@$(BIN)/python -m benchmarks.console

lint: .venv/.ready-dev .venv-author/.ready .venv-sam/.ready .venv-checkov/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy lambdas/*.py lambdas/shared/*.py
	$(BIN)/lint-imports
	$(BIN)/switchyard check
	$(BIN)/statelint --ignore=URI,FLOAT workflows/*.asl.json
	$(AUTHOR)/python -m workflows.render --check
	AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(SAM)/sam validate --lint --template template.yaml
	for template in infrastructure/*.yml; do \
		AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(SAM)/sam validate --lint --template $$template || exit 1; \
	done
	$(CHECKOV)/checkov --config-file .checkov.yaml --file template.yaml infrastructure/endpoint-one-model.yml infrastructure/endpoint-two-models.yml

format: .venv/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

render: .venv-author/.ready
	$(AUTHOR)/python -m workflows.render

docs: .venv/.ready
	$(BIN)/python docs/generate.py

schema: .venv/.ready
	$(BIN)/python -m switchyard.recipes.schema > recipes/schema.json
	$(BIN)/python lambdas/contracts.py

console: .venv/.ready web/node_modules/.ready
	$(BIN)/python -m switchyard.console.schema | npm --prefix web run --silent types
	npm --prefix web run --silent build

screenshots: .venv/.ready-dev
	$(BIN)/python docs/screenshots.py

cdk: .venv-cdk/.ready
	@$(CDK)/python infrastructure/cdk/app.py

author: .venv-author/.ready

environments: .venv/.ready-dev .venv-author/.ready .venv-sam/.ready .venv-checkov/.ready .venv-cdk/.ready .venv-image/.ready .venv-reference/.ready web/node_modules/.ready

clean:
	rm -rf web/node_modules .venv .venv-author .venv-sam .venv-checkov .venv-cdk .venv-image .venv-reference .venv-pytorch .switchyard

.venv/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Switchyard needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 run"; exit 1; }
	@echo "Setting up .venv (once, half a minute to a minute) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip $(INSTALL) '$(PIP)'
	@touch $@

.venv/.ready: pyproject.toml constraints.txt .venv/.pip
	@$(BIN)/python -m pip $(INSTALL) --constraint constraints.txt --editable .
	@touch $@

.venv/.ready-dev: .venv/.ready
	@echo "Adding what the tests and linters need ..."
	@$(BIN)/python -m pip $(INSTALL) --constraint constraints.txt --group dev
	@touch $@

# Each of the others is filled by the pip of .venv, from the dependency group of its name.
.venv-pytorch/.ready: pyproject.toml constraints.txt .venv/.pip
	@echo "Setting up .venv-pytorch (the project with torch beside it; optional) ..."
	@$(PYTHON) -m venv --without-pip .venv-pytorch
	@$(BIN)/python -m pip --python .venv-pytorch/bin/python $(INSTALL) --constraint constraints.txt --group pytorch --editable .
	@touch $@

.venv-%/.ready: pyproject.toml constraints-%.txt .venv/.pip
	@echo "Setting up .venv-$* ($(IS_$*)) ..."
	@$(PYTHON) -m venv --without-pip .venv-$*
	@$(BIN)/python -m pip --python .venv-$*/bin/python $(INSTALL) $(COMPILE_$*) --constraint constraints-$*.txt --group $*
	@touch $@

web/node_modules/.ready: web/package.json web/package-lock.json
	@echo "Installing what the console's page is built with ..."
	@npm --prefix web ci --silent
	@touch $@
