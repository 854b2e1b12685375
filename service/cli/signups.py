"""Signups that are not settled: list, resolve. A person's word settles one only as far as BlueSnap bears it out; no money is moved here."""

from __future__ import annotations

import argparse

from service.cli.common import FINE, FOUND, Commands, complain, say, tools

#: What `--state` takes, and the states that it stands for.
STATES = {
    "unknown": ("shopper_unknown", "subscription_unknown"),
    "stuck": ("stuck",),
    "undecided": ("shopper_requested", "shopper_vaulted", "subscription_requested", "card_requested"),
}
WORDS = {
    "kept": "settled: the account has that subscription",
    "released": "settled: the account is free again",
    "not_stuck": "no such signup, or it is not stuck",
    "not_the_shoppers": "BlueSnap shows no such live subscription of this shopper that is not known here",
    "differs": "that subscription is not what was asked for",
    "others_live": "cancel and refund these at BlueSnap first",
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
    """Settle a stuck signup: keep the subscription that BlueSnap made of it, or release the account. BlueSnap is read first."""
    from service.billing.buying import resolving
    from service.cardguard import formats
    from service.errors import BlueSnapError
    from service.store.journal import Origin

    our, origin = tools(), Origin("operator")
    known = formats.matches(formats.OUR_ID, arguments.id)
    named = arguments.keep is None or formats.matches(formats.PROVIDER_REF, arguments.keep)
    try:
        if not known or not named:
            done = resolving.Resolved(
                resolving.Resolution.NOT_STUCK if not known else resolving.Resolution.NOT_THE_SHOPPERS
            )
        elif arguments.keep is not None:
            done = resolving.keep(our, arguments.id, arguments.keep, origin)
        else:
            done = resolving.release(our, arguments.id, origin)
    except BlueSnapError as error:
        return complain(f"BlueSnap cannot be read ({error.cause}); nothing was changed")
    word = done.resolution.value
    row = {"resolution": word, "differs": done.what, "live": list(done.live)}
    detail = done.what or ", ".join(done.live)
    say(arguments, row, f"{WORDS[word]}: {detail}" if detail else WORDS[word])
    return FINE if done.resolution in {resolving.Resolution.KEPT, resolving.Resolution.RELEASED} else FOUND
