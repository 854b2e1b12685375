"""Accounts that are to be forgotten: erase one, and after a recovery all of them again."""

from __future__ import annotations

import argparse

from service.cli.common import FINE, FOUND, Commands, complain, say, tools

SENTENCES = {
    "signup_undecided": "a purchase is under way, or nobody knows yet how it ended: `signups list`",
    "subscription_exists": "it has a subscription that is not over: cancel it, and wait for its end",
    "refund_undecided": "a refund is under way: `refunds list`",
    "dispute_open": "a dispute is open: `disputes list`",
    "task_open": "a matter about it waits for a person: `tasks list`",
}


def register(commands: Commands) -> None:
    """Add `accounts`."""
    group = commands.group("accounts", "accounts that are to be forgotten", "erase")
    erasing = group.add("erase", erase)
    which = erasing.add_mutually_exclusive_group(required=True)
    which.add_argument("account", nargs="?", metavar="ACCOUNT")
    which.add_argument("--again", action="store_true", help="all that were erased, after a recovery of the database")
    erasing.add_argument("--apply", action="store_true", help="do it; without it, only say what would be done")


def erase(arguments: argparse.Namespace) -> int:
    """Forget an account, here and at BlueSnap, for ever; exit status 1 if it may not be, or is not there."""
    from service.billing.erasure import erasing as forgetting
    from service.cardguard import formats

    our = tools()
    if not our.settings.erasure_keys:
        return complain("PANLESS_ERASURE_KEYS is not set: nobody could tell later that the account was erased")
    if arguments.again:
        return _again(arguments)
    known = formats.is_account(arguments.account) and not arguments.account.startswith(forgetting.PSEUDONYM)
    prospect = forgetting.look(our, arguments.account) if known else None
    if prospect is None:
        say(arguments, {"erased": False, "code": "account_unknown"}, "there is no such account")
        return FOUND
    if prospect.refused is not None:
        told = SENTENCES[prospect.refused]
        say(arguments, {"erased": False, "code": prospect.refused}, f"not erased: {prospect.refused}: {told}")
        return FOUND
    if not arguments.apply:
        rows = {name: number for name, number in prospect.rows.items() if number}
        listed = ", ".join(f"{number} of {name}" for name, number in rows.items())
        text = f"would take the account out of {listed}; {prospect.shoppers} shoppers at BlueSnap; --apply does it, for ever"
        say(arguments, {"erased": False, "rows": rows, "shoppers": prospect.shoppers}, text)
        return FINE
    return _apply(arguments)


def _apply(arguments: argparse.Namespace) -> int:
    from service.billing.erasure import erasing as forgetting
    from service.billing.erasure import tombstones
    from service.errors import ArchiveAway
    from service.store.journal import Origin
    from service.store.models import Tombstone

    our = tools()
    made = forgetting.erase(our, Origin("operator"), arguments.account)
    if not isinstance(made, Tombstone):  # somebody was faster than this command
        return complain("not erased: something has happened to the account just now")
    try:
        tombstones.copy(our)
    except ArchiveAway:
        complain("the archive does not answer; the worker will copy the tombstone")
    say(arguments, {"erased": True, "tombstone": made.id, "account": made.account}, f"erased; it is {made.account} now")
    return FINE


def _again(arguments: argparse.Namespace) -> int:
    from service.billing.erasure import tombstones
    from service.errors import ArchiveAway
    from service.store.journal import Origin

    our = tools()
    if our.archive is None:
        return complain("PANLESS_ARCHIVE_URL is not set: tombstones are in the archive")
    try:
        found = tombstones.again(our, Origin("operator"), apply=arguments.apply)
    except ArchiveAway:
        return complain("the archive does not answer")
    rows = [{"account": one.pseudonym, "outcome": one.outcome} for one in found]
    lines = [f"{one.pseudonym}  {one.outcome}" for one in found]
    say(arguments, rows, "\n".join(lines) or "nothing that was erased is here again")
    return FINE if all(one.outcome == "erased" for one in found) else FOUND
