"""Disputes of charges: list, settle. A person says how one ended only where BlueSnap does not."""

from __future__ import annotations

import argparse
from typing import Any

from service.cli.common import FINE, FOUND, Commands, operator, say, tools


def register(commands: Commands) -> None:
    """Add `disputes`."""
    group = commands.group("disputes", "disputes of charges (chargebacks)", "list|settle")
    group.add("list", list_disputes).add_argument("--status", choices=("open", "won", "lost"))
    settle = group.add("settle", settle_dispute)
    settle.add_argument("id", metavar="ID")
    settle.add_argument("status", choices=("won", "lost"))


def list_disputes(arguments: argparse.Namespace) -> int:
    """All disputes, the first heard of first."""
    from service.store import disputes

    with tools().engine.connect() as connection:
        found = disputes.listed(connection, arguments.status)
    rows: list[dict[str, Any]] = [
        {
            "id": one.id,
            "status": one.status,
            "account": one.account,
            "reference": one.reference,
            "charge_reference": one.charge_reference,
            "amount": None if one.amount is None else f"{one.amount.normalize():f}",
            "currency": one.currency,
            "opened_at": one.created_at.isoformat(timespec="seconds"),
        }
        for one in found
    ]
    lines = [
        f"{row['id']}  {row['status']:4}  {row['account']}  {row['charge_reference']}  {row['amount'] or '-'} {row['currency'] or ''}".rstrip()
        for row in rows
    ]
    say(arguments, rows, "\n".join(lines) or "no disputes")
    return FINE


def settle_dispute(arguments: argparse.Namespace) -> int:
    """Say how an open dispute ended, where BlueSnap's notices do not. A newer notice still counts."""
    from service.billing.money import disputes
    from service.cardguard import formats

    our = tools()
    known = formats.matches(formats.OUR_ID, arguments.id)
    settled = disputes.decide(our, operator(our), arguments.id, arguments.status) if known else None
    say(arguments, {"settled": settled is not None}, "settled" if settled else "no such dispute, or not open")
    return FINE if settled else FOUND
