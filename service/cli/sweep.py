"""The sweep: what differs between BlueSnap and us, and its repair."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from service.cli.common import FINE, FOUND, Commands, complain, operator, say, tools

if TYPE_CHECKING:
    from service.billing.repair.sweep import Report
    from service.billing.repair.sweep_rules import Row


def register(commands: Commands) -> None:
    """Add `sweep`."""
    parser = commands.add("sweep", sweep)
    parser.add_argument("--apply", action="store_true", help="repair what a rule repairs, put the rest before a person")
    parser.add_argument(
        "--most", type=_count, metavar="N", help="repair up to N subscriptions instead of max(20, 1 %%)"
    )
    parser.add_argument("--charges", action="store_true", help="compare the charges of all, not only of what differs")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError("a whole number")
    return int(text)


def sweep(arguments: argparse.Namespace) -> int:
    """Compare every subscription with BlueSnap, in both directions, and with --apply repair what differs."""
    from service.billing.repair import sweep as sweeping
    from service.billing.repair.sweep_count import Charges
    from service.errors import BlueSnapError, Refusal

    our = tools()
    charges = Charges.ALL if arguments.charges else Charges.DIFFERING
    try:
        report = sweeping.sweep(our, apply=arguments.apply, most=arguments.most, origin=operator(our), charges=charges)
    except BlueSnapError as error:
        return complain(f"BlueSnap could not be read: {error.cause}; what was repaired before stays repaired")
    except Refusal as refused:
        return complain(f"could not run: {refused.code.value}")
    if report.outcome == "busy":
        return complain("another sweep is running")
    say(arguments, asdict(report), "\n".join([*map(_line, report.rows), _summary(report)]))
    if report.outcome == "stopped":
        return complain(
            f"stopped: {report.differing} differ, more than {report.limit}; nothing was repaired (--most N)"
        )
    return FINE if report.outcome in {"clean", "repaired"} else FOUND


def _line(row: Row) -> str:
    ends = "repaired" if row.repaired else "-"
    return f"{row.account or '-'}  {row.subscription or '-'}  {row.reference}  {row.difference}  {row.rule}  {ends}"


def _summary(report: Report) -> str:
    counts = {
        "compared": report.compared,
        "listed": report.listed,
        "differing": report.differing,
        "unread": report.unread,
    }
    passed_over = {f"only there, {word.replace('_', ' ')}": number for word, number in report.passed_over.items()}
    told = ", ".join(f"{name} {number}" for name, number in (counts | passed_over).items())
    return f"{report.outcome}: {told}; limit {report.limit}"
