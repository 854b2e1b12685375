"""Every make target is one line that calls `python3 -m dev`, says what it means, and is a command there."""

from __future__ import annotations

import os
import re
import subprocess

from dev.cli import COMMANDS
from tests.architecture.rules import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
RULE = re.compile(r"^([a-z-]+):(.*)\n((?:\t.*\n?)*)", re.MULTILINE)


def wrong_targets(makefile):
    wrong = []
    for name, meaning, recipe in RULE.findall(makefile):
        command = "targets" if name == "help" else name
        if not re.fullmatch(rf"\t@\$\(PYTHON\) -m dev {command}( \$\(ARGS\))?\n?", recipe):
            wrong.append(f"{name}: {recipe!r}")
        if not re.fullmatch(r" ## \S.+", meaning):
            wrong.append(f"{name} does not say what it means")
    return wrong


def test_every_target_is_one_line_that_calls_dev():
    assert not wrong_targets(MAKEFILE)
    assert {name for name, *_ in RULE.findall(MAKEFILE)} == COMMANDS.keys() - {"targets", "stack"} | {"help"}


def test_make_alone_lists_every_target():
    environment = {"PATH": os.environ["PATH"]}  # without the MAKE variables of the `make check` that runs us
    listed = subprocess.run(["make"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in listed.splitlines()] == [name for name, *_ in RULE.findall(MAKEFILE)]


def test_target_of_two_lines_is_found():
    assert wrong_targets("test: ## tests\n\t@$(PYTHON) -m dev setup\n\t@$(PYTHON) -m dev test\n")
    assert wrong_targets("test:\n\t@$(PYTHON) -m dev test\n")
