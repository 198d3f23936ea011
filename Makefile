# The tasks of a developer. Every target prepares what it needs; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup test test-jazzy demo lint types build soak check-3b bench train-tiny tiny-detector tiny-decoder clean

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: ## make .venv, install pinned packages, build the interfaces, install the `clue` command
	@$(PYTHON) tools/prepare.py --venv $(VENV)

test: setup ## lint, types, import direction and all tests; ARGS="-k boxes" passes on to pytest
	@$(BIN)/python tools/check.py $(ARGS)

test-jazzy: ## interfaces and nodes under ROS 2 Jazzy, in .venv-jazzy
	@$(PYTHON) tools/prepare.py --venv .venv-jazzy --distro jazzy
	@.venv-jazzy/bin/python -m pytest test/test_interfaces.py test/ros $(ARGS)

demo: setup ## camera, node and simulated user over DDS: three requests, checked against the truth
	@$(BIN)/clue demo $(ARGS)

lint: setup ## ruff
	@$(BIN)/ruff check

types: setup ## mypy
	@$(BIN)/mypy

build: setup ## colcon build as on a robot, into build/ and install/
	@$(BIN)/python tools/colcon_command.py build $(ARGS)

soak: setup ## 2,000 hostile requests against one node; memory must not grow
	@CLUE_SOAK_REQUESTS=2000 $(BIN)/python -m pytest test/ros -m soak $(ARGS)

check-3b: setup ## PaliGemma2-3B-448 with random weights on this machine: 8 GB of memory, minutes
	@$(BIN)/python bench/check_3b.py $(ARGS)

bench: setup ## time the engine against plain transformers (the node: python bench/node.py)
	@$(BIN)/clue bench $(ARGS)

train-tiny: setup ## an embedded model like the shipped one, from nothing: about 5 hours; into runs/tiny; ARGS=--resume goes on
	@$(BIN)/clue train backbone --config config/training/tiny-backbone.yaml --out runs/backbone $(ARGS)
	@$(MAKE) --no-print-directory -j2 tiny-detector tiny-decoder
	@$(BIN)/clue model assemble runs/tiny --backbone runs/backbone/backbone --detector runs/detector --decoder runs/decoder --second-look --gate weighed

# Side by side, each on a core of its own.
tiny-detector tiny-decoder: tiny-%:
	@$(BIN)/clue train $* --config config/training/tiny-$*.yaml --out runs/$* $(ARGS)

clean: ## remove what was built; .venv stays
	@rm -rf build install log .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find clue_ros test tools bench -name __pycache__ -prune -exec rm -rf {} +
