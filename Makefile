# Every target is one line that calls `python3 -m dev`, so all of it works without make too.
# Arguments: make test ARGS="-k decline"; another interpreter: make PYTHON=python3.12 test
PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help run reset test test-long leaks faults seeds soak mutants bench check advisories format lock openapi browser setup

help: ## list these targets
	@$(PYTHON) -m dev targets

run: ## start everything and print one address to open; Ctrl-C ends it
	@$(PYTHON) -m dev run $(ARGS)

reset: ## drop the data of `make run`
	@$(PYTHON) -m dev reset $(ARGS)

test: ## run all tests, contract and browser too
	@$(PYTHON) -m dev test $(ARGS)

test-long: ## run the tests that take long
	@$(PYTHON) -m dev test-long $(ARGS)

leaks: ## try every case of the leak matrix, and search every sink for what was sent
	@$(PYTHON) -m dev leaks $(ARGS)

faults: ## kill, cut and confuse a running system in every way of the list, and see that nothing is sold twice or lost
	@$(PYTHON) -m dev faults $(ARGS)

seeds: ## fifty random runs, each of hundreds of signups and notices and thirty faults
	@$(PYTHON) -m dev seeds $(ARGS)

soak: ## the same for tens of thousands of signups, notices and renewals (takes an hour and more)
	@$(PYTHON) -m dev soak $(ARGS)

mutants: ## change the guards' code a little at a time, and see that their tests notice (takes long)
	@$(PYTHON) -m dev mutants $(ARGS)

bench: ## measure everything beside floors and peers, and print a table (ARGS="guard --pairs 2": one row, shorter)
	@$(PYTHON) -m dev bench $(ARGS)

check: ## format, lint, types, layers, architecture, API description, Dockerfile
	@$(PYTHON) -m dev check $(ARGS)

advisories: ## say which known flaws our requirements have, and how old that knowledge is
	@$(PYTHON) -m dev advisories $(ARGS)

format: ## put the code into its format
	@$(PYTHON) -m dev format $(ARGS)

lock: ## pin the requirements with hashes (ARGS=--upgrade: to the newest)
	@$(PYTHON) -m dev lock $(ARGS)

openapi: ## write openapi.yaml from the doors' schemas
	@$(PYTHON) -m dev openapi $(ARGS)

browser: ## say which Chromium the browser tests use, or how to get one
	@$(PYTHON) -m dev browser $(ARGS)

setup: ## make .venv and nothing else
	@$(PYTHON) -m dev setup $(ARGS)
