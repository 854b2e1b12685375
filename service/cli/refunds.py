"""Refunds whose end is not known: list, settle. A person says how one ended only where nobody else can tell; no money is moved here."""

from __future__ import annotations

import argparse
from typing import Any

from service.cli.common import FINE, FOUND, Commands, operator, say, tools


def register(commands: Commands) -> None:
    """Add `refunds`."""
    group = commands.group("refunds", "refunds whose end is not known", "list|settle")
    group.add("list", list_refunds)
    settle = group.add("settle", settle_refund)
    settle.add_argument("id", metavar="ID")
    settle.add_argument("how", choices=("given", "not_given"))


def list_refunds(arguments: argparse.Namespace) -> int:
    """Refunds that are under way, unknown or pending, the oldest first; exit status 1 if one of them waits for a person."""
    from service.store import refunds

    with tools().engine.connect() as connection:
        found = refunds.undecided(connection)
    rows: list[dict[str, Any]] = [
        {
            "id": one.id,
            "status": one.status,
            "account": one.account,
            "charge": one.charge_id,
            "amount": f"{one.amount.normalize():f}",
            "currency": one.currency,
            "waits_for": "person" if one.lease_until is None else "worker",
            "ordered_at": one.created_at.isoformat(timespec="seconds"),
        }
        for one in found
    ]
    lines = ["  ".join(row.values()) for row in rows]
    say(arguments, rows, "\n".join(lines) or "no refund is undecided")
    return FOUND if any(row["waits_for"] == "person" for row in rows) else FINE


def settle_refund(arguments: argparse.Namespace) -> int:
    """Say whether a refund that waits for a person was given. What BlueSnap shows later still counts."""
    from service.billing.money import refunds
    from service.cardguard import formats

    our, given = tools(), arguments.how == "given"
    known = formats.matches(formats.OUR_ID, arguments.id)
    settled = refunds.decide(our, arguments.id, operator(our), given=given) if known else None
    status = settled.status if settled is not None else None
    say(
        arguments,
        {"settled": settled is not None, "status": status},
        status or "no such refund, or it waits for no person",
    )
    return FINE if settled is not None else FOUND
