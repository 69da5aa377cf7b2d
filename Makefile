# The commands of a working day. `make` lists them; each sets up what it needs by itself.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ENV ?= production
PYTHON ?= python3
# The owner's file, or the shipped one (docs/updating.md).
ENVIRONMENTS := $(or $(wildcard config/own_environments.py),config/environments.py)
# A name that the file does not hold is refused before anybody waits for a set-up; later, and in
# whatever way the file makes its names, by the file's own reader.
ifeq ($(wildcard .venv/.ready)$(shell grep -ls '"$(ENV)"' $(ENVIRONMENTS)),)
$(error 'ENV' should name an environment of $(ENVIRONMENTS), got '$(ENV)')
endif

# Node 20 still runs the CDK; its banner would stand 11 lines deep before every synth.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export CDK_DISABLE_CLI_TELEMETRY := true
# Node's threads beside the one that works cost a synth 4 s of CPU in 18: they collect garbage of,
# and compile again, what ends in seconds.
export NODE_OPTIONS := $(NODE_OPTIONS) --v8-pool-size=0
export PYTHONUNBUFFERED := 1
# Certificates are those that the machine trusts, a company's own among them, for uv as for pip.
export UV_SYSTEM_CERTS := 1
# What runs on this machine is asked without a proxy, whichever the shell names for the rest.
comma := ,
export no_proxy := $(addsuffix $(comma),$(or $(no_proxy),$(NO_PROXY)))127.0.0.1,localhost,.localhost
export NO_PROXY := $(no_proxy)

CDK := node_modules/.bin/cdk --no-notices -c environment=$(ENV)

# Every target below is a command, and none is a file but those of setup.
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(firstword $(MAKEFILE_LIST)))
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

# `set up in N s` counts from here.
STARTED := $(shell date +%s)
setup: .venv/.ready .venv-emulator/.ready node_modules/.ready ## Install what is pinned, into .venv, .venv-emulator and node_modules
	@$(if $(INSTALLED),echo "set up in $$(( $$(date +%s) - $(STARTED) )) s",$(if $(filter setup,$(MAKECMDGOALS)),echo "set up already",:))

# A full disk or Ctrl-C leaves half a package, which no later installation repairs: a folder that is
# not marked as ready is made anew.
begun = @$(MAKE) --no-print-directory space; test -e $@ || rm -rf $(@D); rm -f $@

# pip brings uv, and uv the rest, each by the hashes of a lock file: `make lock` writes them.
UV := .venv/bin/uv pip install --quiet
.venv/.ready: requirements-uv.lock requirements-dev.lock pyproject.toml
	$(eval INSTALLED := yes)
	@$(MAKE) --no-print-directory python
	$(begun)
	@echo "Installing the pinned Python packages into .venv ..."
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(UV) --python .venv/bin/python --require-hashes -r requirements-dev.lock
	@$(UV) --python .venv/bin/python --no-deps --no-build-isolation -e .
	@touch $@

# The emulator's packages stand apart: it pins an older SDK than mainstay's.
.venv-emulator/.ready: local/requirements.lock .venv/.ready
	$(eval INSTALLED := yes)
	$(begun)
	@echo "Installing the pinned emulator into .venv-emulator ..."
	@test -x .venv-emulator/bin/python || .venv/bin/uv venv --quiet --python .venv/bin/python .venv-emulator
	@$(UV) --python .venv-emulator/bin/python --require-hashes -r local/requirements.lock
	@touch $@

# package-lock.json names no registry, so npm asks for each package's whereabouts unless it knows them.
node_modules/.ready: package.json package-lock.json
	$(eval INSTALLED := yes)
	@$(MAKE) --no-print-directory node
	$(begun)
	@echo "Installing the pinned Node packages into node_modules ..."
	@npm ci --silent --no-audit --no-fund --prefer-offline
	@touch $@

lock: .venv/.ready ## Write the lock files anew, after an edit of requirements*.txt
	@.venv/bin/python -m review.locks

# $(call apt,package) installs a package of Debian, or names it to who may not.
apt = as=; if test "$$(id -u)" != 0; then as="sudo -n"; sudo -n true 2>/dev/null \
	  || { echo "$(1) is missing: sudo apt-get install $(1)" >&2; exit 2; }; fi; \
	  echo "Installing $(1) ..."; install="$$as apt-get install -y -qq --no-install-recommends $(1)"; \
	  $$install >/dev/null 2>&1 || { $$as apt-get update -qq && $$install >/dev/null; }

# MB: the three environments take 950, what is installed first the most of it.
SPACE ?= $(if $(wildcard .venv/.ready),300,1200)
space:
	@free=$$(df -Pm . | awk 'NR == 2 {print $$4}'); test "$$free" -ge $(SPACE) \
	  || { echo "$(SPACE) MB are needed in $(CURDIR), and $$free are free: make room, or clone to another disk" >&2; exit 2; }

python:
	@version=$$($(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3]); sys.exit(sys.version_info < (3, 11))') \
	  || { echo "Python 3.11 or newer is needed, and $(PYTHON) is $${version:-not there}: name one, such as PYTHON=python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(call apt,python3-venv); }

node:
	@version=$$(node --version 2>/dev/null) && test "$$(echo "$$version" | sed -E 's/^v([0-9]+).*/\1/')" -ge 20 \
	  || { echo "Node 20 or newer is needed, and node is $${version:-not there}" >&2; exit 2; }

synth: assembly ## Synthesize ENV (production, small, dev) into cdk.out, with every gate, and sum it up
	@.venv/bin/python -m review.summary --environment $(ENV) cdk.out

assembly: setup
	@echo "Synthesizing $(ENV) ..."
	@rm -rf cdk.out.new
	@$(CDK) synth --quiet --output cdk.out.new 2>&1 \
	  | sed -e '/^Supply a stack id/d' -e '/^Successfully synthesized/d'
	@rm -rf cdk.out && mv cdk.out.new cdk.out # a failed synth leaves the last good one

# The local target: its emulator listens on 127.0.0.1. ENDPOINT names another that runs already.
EMULATOR_PORT ?= 4570
ENDPOINT ?=
LOCAL := .venv/bin/python -m local --environment $(ENV) --port $(EMULATOR_PORT) $(if $(ENDPOINT),--endpoint $(ENDPOINT))

local: setup ## Deploy ENV with the real CDK CLI into an emulator on this machine, and run it
	@$(LOCAL) up

local-diff: setup ## What a deploy of the files as they are now would change there
	@$(LOCAL) diff

local-status: setup ## What runs there
	@$(LOCAL) status

local-destroy: setup ## Destroy its stacks; DRY_RUN=1 only prints what stays
	@$(LOCAL) destroy $(if $(DRY_RUN),--dry-run)

SEED ?= $(shell git rev-parse --short HEAD 2>/dev/null)
local-mutants: setup ## Take grants away at random (SEED): would the last run there have noticed?
	@.venv/bin/python -m local.mutants out/local/permissions.json $(foreach s,1 2 $(SEED),--seed $(s))

local-reset: setup ## End and forget everything of it
	@$(LOCAL) reset

preflight: assembly ## What is in the way of a deploy of ENV, and what to do in which order
	@.venv/bin/python -m deploy.preflight --environment $(ENV)

deploy: named assembly ## Check the AWS account of ENV, then deploy in waves; YES=1 confirms them all
	@.venv/bin/python -m deploy.deploy --environment $(ENV) $(if $(filter 1,$(YES)),--yes)

destroy: named assembly ## Print what would go and what stays, then destroy ENV; DRY_RUN=1 only prints
	@.venv/bin/python -m deploy.destroy --environment $(ENV) \
	  $(if $(filter 1,$(DRY_RUN)),--dry-run) $(if $(CONFIRM),--confirm $(CONFIRM))

# A command that changes an account has no default.
named:
	@test "$(origin ENV)" != file || { echo "name the environment, such as ENV=small"; exit 2; }

# A second worker on two cores: much of the suite waits for a process or for the other core.
WORKERS ?= 2
test: setup apache older-postgres kernel ## Every test that needs no AWS account, in WORKERS processes
	@.venv/bin/python -m pytest -m "not account" -n $(WORKERS) --durations=15

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: setup
	@node_modules/.bin/pyright --pythonpath .venv/bin/python

contracts: setup
	@.venv/bin/lint-imports

determinism: setup ## Two synths of ENV, compared byte for byte
	@.venv/bin/python -m review.determinism --environment $(ENV)

check: lint types contracts test determinism ## What CI runs: test, lint, types, import contracts, determinism

lines: setup ## Lines of code by room, beside those of another commit: make lines BASE=<commit>
	@.venv/bin/python -m review.lines --base '$(or $(BASE),HEAD)'

PORT ?= 8080
UPSTREAM ?=
RUN ?= .cache/edge
LIMITS ?= dry-run
edge: setup ## The edge on this machine: make edge PORT=8080 UPSTREAM=127.0.0.1:9000 RUN=<dir>
	@exec .venv/bin/python -m local.edge_process --port '$(PORT)' --upstream '$(UPSTREAM)' \
	  --run '$(RUN)' --limits '$(LIMITS)'

service: setup ## The identity service on this machine, with a tenant: make service PORT=8080
	@exec .venv/bin/python -m local.identity_service --port '$(PORT)'

bench-service: setup ## CPU of a session's validation and of a login, into out/
	@.venv/bin/python -m benchmarks.service

UPGRADE_OPTIONS ?=
LOG ?=
edge-diff: setup apache ## What the edge does otherwise than the legacy chain: make edge-diff LOG=<access log>
	@.venv/bin/python -m migration $(if $(LOG),--log '$(LOG)')

bench-edge: setup apache wrk ## CPU, floods and log of the edge, the legacy chain and a bare proxy, into out/; REPEAT=5: its ratio alone
	@.venv/bin/python -m benchmarks.edge $(if $(REPEAT),--repeat $(REPEAT))

promotion-drill: setup ## kill -9 of a loaded master, its own reader takes over: into out/promotion.json
	@.venv/bin/python -m gameday.promotion

burst-drill: setup ## dev deployed here takes 20 bursts of 500 logins, then 100,000 requests of which a third leave early: out/bursts.json
	@.venv/bin/python -m gameday.bursts

reconcile-drill: setup ## A master is lost with writes that it had not sent; every one is accounted for: out/reconcile.json
	@.venv/bin/python -m gameday.reconcile

recover-drill: setup ## A mistaken DELETE on one machine, and its rows back from the delayed replica
	@.venv/bin/python -m gameday.recover

upgrade: setup ## The eight-step upgrade under load on this machine, into out/: UPGRADE_OPTIONS="--bake 30"
	@.venv/bin/python -m gameday.upgrade $(UPGRADE_OPTIONS)

bench-backup: setup ## An archive and its restores, in CPU, memory, requests and bytes, into out/
	@.venv/bin/python -m benchmarks.backup

wrk: # the benchmark's load
	@command -v wrk >/dev/null || { $(call apt,wrk); }

# Where Debian puts servers; not everybody's PATH has it.
SBIN ?= /usr/sbin
apache: # the legacy chain's server; the package without the service that would start by itself
	@command -v apache2 >/dev/null || test -x $(SBIN)/apache2 || { $(call apt,apache2-bin); }

# The programs of an older major version, which dumps refuse: Debian 12 has 15, Ubuntu 24.04 has 16.
OLDER_POSTGRES ?= /usr/lib/postgresql/1[3-6]/bin
older-postgres:
	@compgen -G '$(OLDER_POSTGRES)/pg_restore' >/dev/null || { $(call apt,postgresql-client); }

kernel: # a Linux that runs as a program and mounts XFS, and what makes XFS
	@{ command -v linux.uml && test -x $(SBIN)/mkfs.xfs; } >/dev/null || { $(call apt,user-mode-linux xfsprogs); }

BASE ?= origin/main
diff: setup ## What ENV's templates would change against BASE=<git ref>, as Markdown
	@.venv/bin/python -m review.template_diff --base $(BASE) --environment $(ENV)

same-templates: setup ## Compare every template with those of BASE=<git ref>, asset hashes masked; ENV=small for one
	@.venv/bin/python -m review.same_templates --base $(BASE) \
	  $(if $(filter command environment,$(firstword $(origin ENV))),--environment $(ENV))

migrations: setup ## What of each migration may do more than add, by PostgreSQL's own parser
	@.venv/bin/python -m review.migrations

picture: assembly ## Draw ENV from its templates: docs/architecture.svg for production, else into out/
	@.venv/bin/python -m review.picture cdk.out \
	  --out $(if $(filter production,$(ENV)),docs/architecture.svg,out/architecture-$(ENV).svg)

claims: setup ## Render docs/claims.md from docs/claims.toml
	@.venv/bin/python -m review.claims

upgrade-page: setup ## Render docs/runbooks/upgrade.md from the table of steps
	@.venv/bin/python -m review.upgrade_page

upgrade-faults: assembly ## Every fault at every state of an upgrade of ENV, in memory, into out/
	@.venv/bin/python -m tests.upgrade.faults --assembly cdk.out --out out/upgrade-faults.json

snapshots: setup ## Accept the golden templates as they are now
	@.venv/bin/python -m pytest -q tests/test_snapshots.py --update-snapshots

clean: ## Remove what was synthesized and measured
	@rm -rf cdk.out cdk.out.new out .cache
