"""Tools as operators run them: programs and commands under the settings of the stand, and every argument that a command takes. Sends no case."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from leaks_payloads import number
from leaks_registry import Observation

from service import cli
from service.config import ROOT
from service.evidence import command
from service.evidence.stand import Done

PROGRAMS = Path(__file__).resolve().parent / "programs"
#: What an argument may be while another one is tried, by its name; any other is a number.
ELSE = {
    "id": "none", "ids": "none", "file": "/nowhere.csv", "approved": "/nowhere.json", "url": "https://localhost:9/", "keep": "none",
}  # fmt: skip
#: They start a system or a server: what they take is not tried, what they do not take is.
NOT_RUN = {"prove"}


def environment(stage, **changed):
    """The environment of a program: ours, with the settings of the stand."""
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("PANLESS_", "DATABASE_URL", "PG"))
    }
    there = {"TMPDIR": str(stage.stand.temporary), "PYTHONPATH": str(ROOT)}
    return {**ours, **there, **stage.stand.settings, **changed}


def run_program(stage, name, told, *arguments, **changed):
    """Run one of `programs/`, with `told` on its standard input. What it said is among what the stand's commands said."""
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / f"{name}.py"), *arguments], cwd=ROOT, env=environment(stage, **changed),
        check=False, capture_output=True, timeout=120, input=json.dumps(told).encode(),
    )  # fmt: skip
    stage.stand.commands.append(Done(done.returncode, done.stdout, done.stderr))
    return done


def run_commands(stage, orders):
    """Exit statuses and output of many commands: each is arguments, and settings that differ."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "statuses"
        told = [{"arguments": arguments, "environ": environ} for arguments, environ in orders]
        done = run_program(stage, "commands", {"orders": told, "statuses": str(file)})
        assert done.returncode == 0, "the program that runs commands failed"
        statuses = json.loads(file.read_text(encoding="utf-8"))
    output = done.stdout + done.stderr
    assert b"Traceback" not in output, "a command ended by an exception"
    return statuses, output


def opclean(stage, output, check=lambda: None):
    """What tools said, none of which is the number; `check` looks further. The run searches it too, in all forms."""
    digits = number(stage.case).encode()

    def judge():
        assert digits not in output, "a tool has repeated the number"
        check()

    return Observation(said=output, judge=judge)


def rows(stage):
    """How many rows each table of ours holds."""
    return {name: count for name, count in stage.traces().items() if name.startswith("rows of ")}


def work(_):
    """Stands for the worker, which no case starts."""
    return 0


# every argument of every command; argparse shows them nowhere but in attributes of its own


def leaves(parser, path=()):
    """Every command with its parser."""
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not groups:
        yield path, parser
    for name, inner in (item for group in groups for item in group.choices.items()):
        yield from leaves(inner, (*path, name))


def values_of(parser):
    """The arguments of a command that take a value."""
    return [one for one in parser._actions if one.nargs != 0]


def needed(action):
    """Whether a command line is none without it."""
    return action.required or (not action.option_strings and action.nargs not in {"?", "*"})


def line_with(path, parser, tried, word):
    """A command line in which one argument is `word`, and what else is needed is as harmless as it may be."""
    line = [*path]
    for action in values_of(parser):
        if action is tried or needed(action):
            harmless = str(next(iter(action.choices or ()), ELSE.get(action.dest, "1")))
            line += [*action.option_strings[-1:], word if action is tried else harmless]
    return line


def typed_wrong(word):
    """The command lines in which it is each argument of each command in turn, then those in which it is what no command takes."""
    parser = cli._parser(work, (command.register,))
    yield [word]
    yield [f"--{word}"]
    for path, leaf in leaves(parser):
        for action in () if path[0] in NOT_RUN else values_of(leaf):
            yield line_with(path, leaf, action, word)
        whole = line_with(path, leaf, None, "")
        yield [*whole, f"--{word}"]
        yield [*whole, f"--json={word}"]
        yield [path[0], word]
