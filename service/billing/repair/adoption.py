"""Link subscriptions that BlueSnap has already to accounts, from a list of theirs. Nothing at BlueSnap is changed, and what is doubtful is left to a person."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from service.billing import tasks
from service.billing.hearing.notices import apply_waiting
from service.billing.lifecycle import start_of_day
from service.billing.repair.adoption_rules import FOR_A_PERSON, Bounds, Link, Rule, is_whole, judge
from service.billing.tools import Tools
from service.bluesnap.payloads import Subscription as Found
from service.cardguard import formats
from service.errors import BlueSnapError, Misconfigured, NeverSent, NotFound, PanlessError
from service.store import accounts, changes, database, notices, prices
from service.store import tasks as tasks_store
from service.store.adoption import is_anothers
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import Subscription

HEADERS = (["account", "subscription"], ["account", "subscription", "members"])
REFERENCE = r"[1-9][0-9]{0,11}"  # what BlueSnap's client and our database take
#: Up to so many subscriptions are read one by one; beyond, BlueSnap's whole list is, by pages of 500.
FEW = 20
#: Matters about a subscription that its adoption settles.
SETTLED_TASKS = {"adoption_doubt", "unknown_subscription", "second_subscription"}
LINK, LINKED, KNOWN, REFUSED = "link", "linked", "known", "refused"


class NotAListError(PanlessError):
    """The text does not begin with the header."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the list and what becomes of it: `link` (would be linked), `linked`, `known` (nothing to do) or `refused` by a rule.

    `account` and `reference` are None where they were not in their exact format: nothing malformed is repeated.
    """

    number: int
    account: str | None = None
    reference: str | None = None
    members: int | None = None
    outcome: str | None = None
    rule: Rule | None = None
    link: Link | None = None
    found: Found | None = None


def refused(row: Row, rule: Rule) -> Row:
    """The line, refused by this rule."""
    return replace(row, outcome=REFUSED, rule=rule, link=None)


def read(text: str) -> list[Row]:
    """The lines of a CSV list with the header `account,subscription` and perhaps `,members`; blank ones are skipped. Raises NotAListError."""
    lines = text.removeprefix("\ufeff").splitlines()
    header = _cells(lines[0]) if lines else None
    if header not in HEADERS:
        raise NotAListError
    numbered = enumerate(lines[1:], start=2)
    return _without_contradictions([_row(number, line, len(header)) for number, line in numbered if line.strip()])


def _cells(line: str) -> list[str] | None:
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True))]
    except (csv.Error, StopIteration):
        return None


def _row(number: int, line: str, columns: int) -> Row:
    cells = _cells(line)
    row = Row(number=number)
    if cells is None or len(cells) != columns:
        return refused(row, Rule.LINE_MALFORMED)
    account, reference, members = (*cells, "")[:3]
    row = replace(row, account=account if formats.is_account(account) else None)
    row = replace(row, reference=reference if formats.matches(REFERENCE, reference) else None)
    if row.account is None:
        return refused(row, Rule.ACCOUNT_MALFORMED)
    if row.reference is None:
        return refused(row, Rule.SUBSCRIPTION_MALFORMED)
    if members and not formats.matches(r"[1-9][0-9]{0,5}", members):
        return refused(row, Rule.MEMBERS_MALFORMED)
    return replace(row, members=int(members) if members else None)


def _without_contradictions(rows: list[Row]) -> list[Row]:
    """Lines that contradict each other are all refused, since nobody knows which is meant; the same line again is nothing to do."""
    references, owners = defaultdict(set), defaultdict(set)
    for row in rows:
        if row.outcome is None:
            references[row.account].add(row.reference)
            owners[row.reference].add(row.account)
    seen: set[tuple[str | None, str | None]] = set()
    told = []
    for row in rows:
        pair = (row.account, row.reference)
        if row.outcome is not None:
            told.append(row)
        elif len(references[row.account]) > 1:
            told.append(refused(row, Rule.ACCOUNT_TWICE))
        elif len(owners[row.reference]) > 1:
            told.append(refused(row, Rule.SUBSCRIPTION_TWICE))
        else:
            told.append(replace(row, outcome=KNOWN) if pair in seen else row)
            seen.add(pair)
    return told


def adopt(tools: Tools, origin: Origin, rows: Sequence[Row], *, apply: bool) -> list[Row]:
    """Say what becomes of every line, and with `apply` do it, each line in its own transaction. Raises BlueSnapError if BlueSnap cannot be asked at all."""
    with tools.engine.connect() as connection:
        rows = [_at_home(connection, row) if row.outcome is None else row for row in rows]
    found = _at_bluesnap(tools, {row.reference for row in rows if row.outcome is None and row.reference is not None})
    rows = [_judged(tools, row, found) if row.outcome is None else row for row in rows]
    with tools.engine.connect() as connection:
        rows = [_at_home(connection, row) if row.outcome == LINK else row for row in rows]
    if not apply:
        return rows
    settles = _tasks_about(tools, {row.reference for row in rows if row.outcome == LINK})
    return [_carry_out(tools, origin, row, settles) for row in rows]


def _at_home(connection: Connection, row: Row) -> Row:
    """What our own records say of a line: linked already, taken, or nothing."""
    ours = accounts.subscription_of_provider(connection, row.reference or "")
    if ours is not None:
        return replace(row, outcome=KNOWN) if ours.account == row.account else refused(row, Rule.LINKED_ELSEWHERE)
    if accounts.claiming_subscription(connection, row.account or "") is not None:
        return refused(row, Rule.ACCOUNT_TAKEN)
    if row.link is not None and is_anothers(connection, row.link.shopper, row.account or ""):
        return refused(row, Rule.SHOPPER_ELSEWHERE)
    return row


def _at_bluesnap(tools: Tools, references: set[str]) -> dict[str, Found | Rule]:
    """What BlueSnap shows of each; what its list does not show, or not wholly, is read by itself."""
    found: dict[str, Found | Rule] = {}
    if len(references) > FEW:
        for one in tools.bluesnap.iterate_subscriptions():
            if one.subscription_id in references and is_whole(one):
                found[one.subscription_id] = one
            if len(found) == len(references):
                break
    for reference in sorted(references - found.keys()):
        found[reference] = _read_one(tools, reference)
    return found


def _read_one(tools: Tools, reference: str) -> Found | Rule:
    try:
        return tools.bluesnap.get_subscription(reference)
    except NotFound:
        return Rule.NOT_FOUND
    except (NeverSent, Misconfigured):
        raise  # the next line would fare no better
    except BlueSnapError:
        return Rule.NOT_ASKED


def _judged(tools: Tools, row: Row, found: Mapping[str, Found | Rule]) -> Row:
    seen = found[row.reference or ""]
    if isinstance(seen, Rule):
        return refused(row, seen)
    today = tools.clock().astimezone(tools.settings.billing_zone).date()
    bounds = Bounds(today, tools.settings.grace_days, tools.settings.max_members)
    verdict = judge(seen, tools.catalogue, bounds, row.members)
    row = replace(row, found=seen)
    return refused(row, verdict) if isinstance(verdict, Rule) else replace(row, outcome=LINK, link=verdict)


def _tasks_about(tools: Tools, references: Iterable[str | None]) -> dict[str, list[str]]:
    """The open tasks that an adoption settles, by the subscription's reference."""
    wanted, found = set(references), defaultdict(list)
    with tools.engine.connect() as connection:
        for task in tasks_store.listed(connection, ["open"]):
            if task.kind in SETTLED_TASKS and task.reference is not None and task.reference in wanted:
                found[task.reference].append(task.id)
    return found


def _carry_out(tools: Tools, origin: Origin, row: Row, settles: Mapping[str, list[str]]) -> Row:
    if row.outcome == LINK and row.link is not None:
        return _linked(tools, origin, row, settles)
    if row.rule in FOR_A_PERSON and row.found is not None:
        with tools.engine.begin() as connection:
            tasks.open_task(
                connection, "adoption_doubt", origin, reference=row.reference, account=row.account,
                amount=row.found.amount, currency=row.found.currency,
            )  # fmt: skip
    return row


def _linked(tools: Tools, origin: Origin, row: Row, settles: Mapping[str, list[str]]) -> Row:
    """Link one line, unless somebody else was faster. Its look, which is due at once, records what was paid before."""
    account, reference, now = row.account or "", row.reference or "", tools.clock()
    with tools.engine.begin() as connection:
        notices.hold(connection, reference)
        accounts.lock(connection, account, now)
        present = _at_home(connection, row)
        if present.outcome != LINK or row.link is None:
            connection.rollback()
            return present
        subscription = _subscription(connection, tools, row, row.link)
        subscription = changes.add(connection, subscription, Act.SUBSCRIPTION_ADOPTED, origin)
        today = now.astimezone(tools.settings.billing_zone).date()
        prices.agree(connection, subscription, today, origin=origin, now=now)
        apply_waiting(connection, tools, subscription)
        for task_id in settles.get(reference, ()):
            tasks.close(connection, task_id, "done", origin)
    return replace(row, outcome=LINKED)


def _subscription(connection: Connection, tools: Tools, row: Row, link: Link) -> Subscription:
    return Subscription(
        id=new_id("sub"), account=row.account or "", **vars(link.terms), status="active",
        provider_subscription=row.reference, provider_shopper=link.shopper, next_charge_on=link.next_charge_on,
        paid_until=start_of_day(link.next_charge_on, tools.settings.billing_zone), renews=link.renews, ended_at=None,
        look_at=database.now(connection), looked=0, pending_change=None, pending_until=None, pending_plan=None,
        pending_plan_version=None, pending_members=None, next_plan=None, next_plan_version=None, applies_from=None,
        version=1, created_at=tools.clock(),
    )  # fmt: skip
