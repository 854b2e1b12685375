"""Arguments that are not understood: the operator's door says which one, and never repeats what was typed."""

from __future__ import annotations

import argparse

import pytest

from service.cli.parser import Parser

NUMBER = "4012888888881881"


def most(text):
    raise argparse.ArgumentTypeError("must be a number from 1 to 10000")


@pytest.fixture
def complaint(capsys):
    parser = Parser(prog="panless")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list")
    listing.add_argument("--last", type=int)
    listing.add_argument("--state", choices=("open", "closed"))
    listing.add_argument("--most", type=most)
    listing.add_argument("--all", action="store_true")
    listing.add_argument("--id", required=True)

    def told(*arguments):
        with pytest.raises(SystemExit) as end:
            parser.parse_args(arguments)
        assert end.value.code == 2
        return capsys.readouterr().err

    return told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([NUMBER], "argument COMMAND: invalid choice (choose from 'list')"),
        (["list", "--id", "a", "--last", f"x{NUMBER}"], "argument --last: invalid int value"),
        (["list", "--id", "a", "--state", NUMBER], "argument --state: invalid choice (choose from 'open', 'closed')"),
        (["list", "--id", "a", NUMBER], "unrecognized arguments"),
        (["list", "--id", "a", f"--{NUMBER}"], "unrecognized arguments"),
        (["list", "--id", "a", f"--all={NUMBER}"], "argument --all: ignored explicit argument"),
        (["list", "--id", "a", "--last", f"1\n{NUMBER}"], "argument --last: invalid int value"),
        (["list", "--id", "a", "--most", NUMBER], "argument --most: must be a number from 1 to 10000"),
        (["list", "--last", "3"], "the following arguments are required: --id"),
        (["list", "--id"], "argument --id: expected one argument"),
    ],
)
def test_complaint_names_the_argument_and_not_what_was_typed(complaint, arguments, said):
    told = complaint(*arguments)
    assert told.splitlines()[-1].endswith(f"error: {said}")
    assert NUMBER not in told


def test_complaint_that_is_not_known_is_told_in_a_constant(capsys):
    with pytest.raises(SystemExit):
        Parser(prog="panless").error(f"something new about {NUMBER}")
    assert capsys.readouterr().err.endswith("panless: error: not understood\n")


def test_commands_of_a_parser_are_as_silent_as_itself():
    parser = Parser(prog="panless")
    assert isinstance(parser.add_subparsers().add_parser("one"), Parser)
    assert issubclass(Parser, argparse.ArgumentParser)
