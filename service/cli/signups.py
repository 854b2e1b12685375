"""Signups that are not settled: list, resolve. A person's word settles one only as far as BlueSnap bears it out; money moves only with `--apply`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from service.cli.common import FINE, FOUND, Commands, complain, operator, say, tools

if TYPE_CHECKING:
    from service.billing.buying.resolving import Resolved
    from service.billing.buying.surplus import Surplus

#: What `--state` takes, and the states that it stands for.
STATES = {
    "unknown": ("shopper_unknown", "subscription_unknown"),
    "stuck": ("stuck",),
    "undecided": ("shopper_requested", "shopper_vaulted", "subscription_requested", "card_requested"),
}
WORDS = {
    "kept": "settled: the account has that subscription",
    "released": "settled: the account is free again",
    "under_way": "the account has that subscription; not all of the rest is done or known: run it again in a few minutes",
    "not_stuck": "no such signup, or it is not stuck",
    "not_the_shoppers": "BlueSnap shows no such live subscription of this shopper that is not known here",
    "not_the_accounts": "this signup is settled: only what its account has can be kept",
    "differs": "that subscription is not what was asked for",
    "others_live": "nothing was changed: these are live too",
}
#: What is said of a cancellation, and of a payment.
CANCELLATIONS = {
    "to_cancel": "would be canceled",
    "canceled": "canceled",
    "unknown": "whether it is canceled is not known yet",
    "refused": "BlueSnap did not cancel it",
    "unread": "BlueSnap could not be read",
    "kept": "an account has it by now; left alone",
}
PAYMENTS = {
    "to_give_back": "would be given back",
    "given_back": "given back",
    "pending": "BlueSnap is giving it back",
    "unknown": "whether it was given back is not known yet; the worker finds out",
    "unread": "BlueSnap could not be read",
    "disputed": "disputed, so not given back",
    "refused": "BlueSnap did not give it back",
}


def register(commands: Commands) -> None:
    """Add `signups`."""
    group = commands.group("signups", "signups that are not settled", "list|resolve")
    group.add("list", list_signups).add_argument("--state", choices=sorted(STATES), help="only these")
    resolve = group.add("resolve", resolve_signup)
    resolve.add_argument("id", metavar="ID")
    how = resolve.add_mutually_exclusive_group(required=True)
    how.add_argument("--keep", metavar="SUBSCRIPTION", help="the account gets this subscription of BlueSnap's")
    how.add_argument("--release", action="store_true", help="nothing was sold: the account is free again")
    resolve.add_argument(
        "--apply", action="store_true", help="with --keep: cancel and give back what else was sold to this shopper"
    )


def list_signups(arguments: argparse.Namespace) -> int:
    """Signups whose end is not known, the oldest first; exit status 1 if one of them waits for a person."""
    from service.store import signups

    states = STATES[arguments.state] if arguments.state else [state for some in STATES.values() for state in some]
    with tools().engine.connect() as connection:
        found = signups.in_states(connection, states)
    rows = [
        {
            "id": one.id,
            "state": one.state,
            "cause": one.cause,
            "account": one.account,
            "session": one.session_id,
            "shopper": one.provider_shopper,
            "looked": one.looked,
            "begun_at": one.created_at.isoformat(timespec="seconds"),
        }
        for one in found
    ]
    lines = ["  ".join(str(value) for value in row.values() if value is not None) for row in rows]
    say(arguments, rows, "\n".join(lines) or "every signup is settled")
    return FOUND if any(one.state == "stuck" for one in found) else FINE


def resolve_signup(arguments: argparse.Namespace) -> int:
    """Settle a signup: keep one subscription and, with --apply, undo the others; or release the account. BlueSnap is read first."""
    from service.billing.buying import resolving
    from service.cardguard import formats
    from service.errors import BlueSnapError

    if arguments.apply and arguments.release:
        return complain("--apply goes with --keep")
    our = tools()
    origin = operator(our)
    known = formats.matches(formats.OUR_ID, arguments.id)
    named = arguments.keep is None or formats.matches(formats.PROVIDER_REF, arguments.keep)
    try:
        if not known or not named:
            done = resolving.Resolved(
                resolving.Resolution.NOT_STUCK if not known else resolving.Resolution.NOT_THE_SHOPPERS
            )
        elif arguments.keep is not None:
            done = resolving.keep(our, arguments.id, arguments.keep, origin, apply=arguments.apply)
        else:
            done = resolving.release(our, arguments.id, origin)
    except BlueSnapError as error:
        return complain(f"BlueSnap cannot be read ({error.cause}); nothing was changed")
    row = {
        "resolution": done.resolution.value,
        "differs": done.what,
        "live": list(done.live),
        "others": [_row_of(other) for other in done.others],
    }
    say(arguments, row, _text_of(done, keeps=arguments.keep is not None))
    return FINE if done.resolution in {resolving.Resolution.KEPT, resolving.Resolution.RELEASED} else FOUND


def _row_of(other: Surplus) -> dict[str, Any]:
    payments = [
        {"payment": one.reference, "amount": _plain(one.amount), "currency": one.currency, "outcome": one.outcome}
        for one in other.payments
    ]
    return {"subscription": other.reference, "outcome": other.outcome, "payments": payments}


def _text_of(done: Resolved, *, keeps: bool) -> str:
    word = done.resolution.value
    detail = done.what or ", ".join(done.live)
    lines = [f"{WORDS[word]}: {detail}" if detail else WORDS[word]]
    for other in done.others:
        lines.append(f"{other.reference}: {CANCELLATIONS[other.outcome]}")
        lines += [
            f"  payment {one.reference}, {_plain(one.amount)} {one.currency}: {PAYMENTS[one.outcome]}"
            for one in other.payments
        ]
    if word == "others_live":
        lines.append("with --apply this is done" if keeps else "settle it with --keep, or undo them at BlueSnap first")
    return "\n".join(lines)


def _plain(amount: Any) -> str:
    return f"{amount.normalize():f}"
