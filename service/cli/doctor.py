"""Finds what is wrong with a deployment, and says what to do."""

from __future__ import annotations

import argparse

from service.cli.common import FINE, FOUND, Commands, complain, say, tools


def register(commands: Commands) -> None:
    """Add `doctor`."""
    commands.add("doctor", examine)


def examine(arguments: argparse.Namespace) -> int:
    """Find what is wrong: notices, addresses, keys, clocks, plans, what waits. Changes nothing."""
    from service.billing.repair import doctor
    from service.billing.repair.doctor_checks import Severity
    from service.errors import Refusal

    try:
        findings = doctor.examine(tools())
    except Refusal:
        return complain("the simulator's clock does not answer")
    rows = [
        {
            "severity": one.severity.value, "finding": one.word, "subject": one.subject, "text": one.text,
            "to_do": one.to_do,
        }
        for one in findings
    ]  # fmt: skip
    lines = [
        f"{one.severity:9} {one.word}{' ' + one.subject if one.subject else ''}: {one.text}\n{'':9} to do: {one.to_do}"
        for one in findings
    ]
    say(arguments, rows, "\n".join(lines) or "nothing is wrong")
    return FOUND if any(one.severity is not Severity.NOTE for one in findings) else FINE
