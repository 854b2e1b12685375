"""Existing customers: links subscriptions that BlueSnap has already to accounts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.cli.common import FINE, FOUND, Commands, complain, operator, say, tools

if TYPE_CHECKING:
    from service.billing.repair.adoption import Row

LARGEST = 10_000_000  # bytes


def register(commands: Commands) -> None:
    """Add `adopt`."""
    adopt = commands.add("adopt", adopt_customers)
    adopt.add_argument("file", metavar="FILE", type=Path, help="CSV with the header account,subscription[,members]")
    adopt.add_argument("--apply", action="store_true", help="do it; without, say what would be done")


def adopt_customers(arguments: argparse.Namespace) -> int:
    """Link subscriptions that BlueSnap has already to accounts, line by line."""
    from service.billing.repair import adoption
    from service.errors import BlueSnapError, Refusal

    try:
        if arguments.file.stat().st_size > LARGEST:
            return complain("the file is too large; split it")
        rows = adoption.read(arguments.file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return complain("the file cannot be read as UTF-8 text")
    except adoption.NotAListError:
        return complain("the file does not begin with the header account,subscription or account,subscription,members")
    our = tools()
    try:
        told = adoption.adopt(our, operator(our), rows, apply=arguments.apply)
    except BlueSnapError as error:
        return complain(f"BlueSnap could not be asked ({error.cause}); nothing was linked")
    except Refusal:
        return complain("the simulator's clock does not answer")
    say(arguments, [_plain(row) for row in told], "\n".join(_lines(told)))
    return FOUND if any(row.rule for row in told) else FINE


def _plain(row: Row) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "line": row.number, "account": row.account, "subscription": row.reference, "outcome": row.outcome,
        "rule": row.rule.value if row.rule else None,
    }  # fmt: skip
    if row.link is not None:
        link, total = row.link, _total(row)
        plain |= {
            "plan": link.terms.plan, "plan_version": link.terms.plan_version, "members": link.terms.members,
            "total": {"amount": total, "currency": link.terms.currency}, "shopper": link.shopper,
            "next_charge": str(link.next_charge_on), "renews": link.renews,
        }  # fmt: skip
    return plain


def _total(row: Row) -> str | None:
    from service.billing.catalogue import Money

    return Money(row.link.terms.amount, row.link.terms.currency).text if row.link else None


def _lines(rows: list[Row]) -> list[str]:
    from collections import Counter

    counted = Counter(row.outcome for row in rows)
    return [*map(_line, rows), ", ".join(f"{number} {outcome}" for outcome, number in sorted(counted.items())) or "0"]


def _line(row: Row) -> str:
    from service.billing.repair.adoption_rules import MEANING

    named = f"line {row.number}: {row.account or '?'} {row.reference or '?'}: {row.outcome}"
    if row.rule is not None:
        return f"{named}, {row.rule}: {MEANING[row.rule]}"
    if row.link is None:
        return named
    terms = row.link.terms
    life = "renews" if row.link.renews else "ends"
    return (
        f"{named}, {terms.plan} version {terms.plan_version}, {terms.members} members, {_total(row)} {terms.currency}, "
        f"{life} {row.link.next_charge_on}, shopper {row.link.shopper}"
    )
