"""Grants of a look at one account: list, show with what was looked at, request, approve, end, review. Whoever acts is the person whose database login it is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.cardguard import formats
from service.cli.common import FINE, FOUND, Commands, complain, operator, say, tools

if TYPE_CHECKING:
    from service.billing.support.grants import GrantView
    from service.billing.tools import Tools
    from service.store.journal import Origin

NOBODY = "your database login is not that of a person who may do this: see `people login` and `people add`"


@dataclass(frozen=True)
class Actor:
    """Who types: a login for the journal, and for everything else the person whose login it is."""

    origin: Origin
    person: str
    scopes: frozenset[str]


Step = Callable[["Tools", "Actor", str], "GrantView"]


def register(commands: Commands) -> None:
    """Add `grants`."""
    group = commands.group("grants", "temporary rights to see one account", "list|show|request|approve|end|review")
    listing = group.add("list", list_grants)
    listing.add_argument("--account", metavar="ACCOUNT", help="only those of one account")
    listing.add_argument("--to-review", action="store_true", help="only those that nobody has reviewed yet")
    group.add("show", show).add_argument("id", metavar="ID")
    request = group.add("request", ask)
    request.add_argument("--account", required=True, metavar="ACCOUNT")
    request.add_argument(
        "--purpose", required=True, metavar="PURPOSE", choices=formats.PURPOSES, help=", ".join(formats.PURPOSES)
    )
    request.add_argument("--ticket", required=True, metavar="TICKET", help="the case in support's own system: SUP-1234")
    request.add_argument("--minutes", type=int, metavar="N", help="how long it is needed")
    request.add_argument("--break-glass", action="store_true", help="begin at once, without a second person; it alarms")
    for name, command in (("approve", approve), ("end", end), ("review", review)):
        group.add(name, command).add_argument("id", metavar="ID")


def list_grants(arguments: argparse.Namespace) -> int:
    """The newest grants, oldest first; with --to-review exit status 1 if a review is overdue."""
    from service.billing.support import grants

    if arguments.account is not None and not formats.is_account(arguments.account):
        return complain("no account has such a name")
    our = tools()
    found = grants.listed(our, account=arguments.account, to_review=arguments.to_review)
    rows = [_row(view) for view in found]
    lines = ["  ".join(str(value) for value in row.values() if value not in {None, False}) for row in rows]
    say(arguments, rows, "\n".join(lines) or "no grants")
    overdue = arguments.to_review and any(view.overdue for view in found)
    return FOUND if overdue else FINE


def show(arguments: argparse.Namespace) -> int:
    """A grant, and every look that was taken under it: what its reviewer reads."""
    from service.billing.support import grants

    our = tools()
    view = _known(our, arguments.id)
    if view is None:
        return _unknown(arguments)
    looks = [
        {"number": entry.number, "at": entry.at.isoformat(timespec="seconds"), "actor": entry.actor, "account": entry.account, "request": entry.request}
        for entry in grants.looks(our, view.grant.id)
    ]  # fmt: skip
    row = _row(view)
    lines = [f"{name}: {value}" for name, value in row.items() if value is not None]
    lines += [f"look {one['number']}  {one['at']}  {one['actor']}  {one['request']}" for one in looks] or ["no looks"]
    say(arguments, {**row, "looks": looks}, "\n".join(lines))
    return FINE


def ask(arguments: argparse.Namespace) -> int:
    """Ask for a grant for yourself; another person must approve it."""
    from service.billing.support import grants
    from service.errors import Refusal

    wrong = [
        name
        for name, right in (
            ("--account", formats.is_account(arguments.account)),
            ("--ticket", formats.matches(formats.TICKET, arguments.ticket)),
            ("--minutes", arguments.minutes is None or arguments.minutes > 0),
        )
        if not right
    ]
    if wrong:
        return complain(f"not of its format: {', '.join(wrong)}")
    our = tools()
    actor = _actor(our)
    if actor is None or "grants:request" not in actor.scopes:
        return complain(NOBODY)
    wish = grants.Wish(
        arguments.account, arguments.purpose, arguments.ticket, arguments.minutes, break_glass=arguments.break_glass
    )
    try:
        view = grants.ask(our, actor.origin, actor.person, wish)
    except Refusal as refused:
        return complain(f"not requested: {refused.code.value}")
    say(arguments, _row(view), f"{view.grant.id} {view.status}")
    return FINE


def approve(arguments: argparse.Namespace) -> int:
    """Let a grant begin that somebody else has asked for, for somebody else."""
    from service.billing.support import grants

    return _step(arguments, {"grants:approve"}, lambda our, who, one: grants.approve(our, who.origin, who.person, one))


def end(arguments: argparse.Namespace) -> int:
    """End a grant at once, or refuse one that only waits."""
    from service.billing.support import grants

    def step(our: Tools, who: Actor, grant_id: str) -> GrantView:
        return grants.end(our, who.origin, who.person, grant_id, approves="grants:approve" in who.scopes)

    return _step(arguments, {"grants:approve", "grants:request"}, step)


def review(arguments: argparse.Namespace) -> int:
    """Say that you have read what was looked at under a grant that is over. Who had a part in it cannot."""
    from service.billing.support import grants

    return _step(
        arguments,
        {"grants:approve", "audit:read"},
        lambda our, who, one: grants.review(our, who.origin, who.person, one),
    )


def _step(arguments: argparse.Namespace, scopes: set[str], step: Step) -> int:
    from service.errors import Code, Refusal

    our = tools()
    if _known(our, arguments.id) is None:
        return _unknown(arguments)
    actor = _actor(our)
    if actor is None or actor.scopes.isdisjoint(scopes):
        return complain(NOBODY)
    try:
        view = step(our, actor, arguments.id)
    except Refusal as refused:
        why = {
            Code.SECOND_PERSON_NEEDED: "somebody who had no part in it must do this",
            Code.GRANT_NOT_OPEN: "it is past that: see `grants show`",
        }
        say(arguments, {"done": False, "code": refused.code.value}, why.get(refused.code, refused.code.value))
        return FOUND
    say(arguments, _row(view), f"{view.grant.id} {view.status}")
    return FINE


def _actor(our: Tools) -> Actor | None:
    from service.store import people

    origin = operator(our)
    with our.engine.connect() as connection:
        person = people.of_login(connection, origin.actor)
        if person is None:
            return None
        return Actor(origin, person.id, people.scopes_of(connection, person.id))


def _known(our: Tools, grant_id: str) -> GrantView | None:
    from service.billing.support import grants
    from service.errors import Refusal

    if not formats.matches(formats.GRANT_ID, grant_id):
        return None
    try:
        return grants.show(our, grant_id)
    except Refusal:
        return None


def _unknown(arguments: argparse.Namespace) -> int:
    say(arguments, {"done": False, "code": "grant_not_found"}, "no such grant")
    return FOUND


def _row(view: GrantView) -> dict[str, Any]:
    grant = view.grant
    moments = ("requested_at", "approved_at", "ends_at", "ended_at", "reviewed_at")
    plain = (
        "id",
        "account",
        "purpose",
        "ticket",
        "minutes",
        "break_glass",
        "requested_by",
        "approved_by",
        "ended_by",
        "reviewed_by",
    )
    told = {name: value.isoformat(timespec="seconds") if (value := getattr(grant, name)) else None for name in moments}
    due = view.review_due
    return {
        "status": view.status,
        **{name: getattr(grant, name) for name in plain},
        **told,
        "review_due": due.isoformat(timespec="seconds") if due is not None else None,
        "review_overdue": view.overdue,
    }
