"""Every way in which a call to BlueSnap can end, and every death during it, for every call of every act that changes something: nothing is held for ever.

What the caller is told, how often BlueSnap was asked to charge, and that the worker brings all of it to an end once BlueSnap answers again.
"""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from sqlalchemy import func, update

from service.billing.buying import settle
from service.billing.life import looks, terms
from service.billing.life.cancellation import change_renewal
from service.billing.life.intents import Order
from service.billing.money import refunds
from service.errors import (
    BlueSnapError,
    Code,
    Declined,
    DeclineReason,
    FieldsRefused,
    Misconfigured,
    NeverSent,
    NotFound,
    Refusal,
    Rejected,
    RetryLater,
    Unknown,
)
from service.store import signups
from service.store.models import REFUNDS, SIGNUPS, SUBSCRIPTIONS
from tests.support.databases import by_stealth
from tests.support.desk import PLATFORM

pytestmark = pytest.mark.long

ENDINGS = {
    "NeverSent": NeverSent("connection_refused"),
    "RetryLater": RetryLater("throttled", status=429),
    "Unknown": Unknown("read_timed_out"),
    "Declined": Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False, status=400),
    "FieldsRefused": FieldsRefused("fields_expired", Code.PAYMENT_FIELDS_TOKEN_EXPIRED, status=400),
    "Rejected": Rejected("invalid_request", status=400),
    "Misconfigured": Misconfigured("credentials_refused", status=401),
    "NotFound": NotFound("not_found", status=403),
    "SystemExit": SystemExit(1),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "a bug": ZeroDivisionError(),
}
#: These may have happened: every death too, wherever in the call it struck.
MAY_HAVE_HAPPENED = ("Unknown", "SystemExit", "KeyboardInterrupt", "a bug")


class Act:
    """Something that a caller may ask for. `calls` are all that it makes to BlueSnap; `changing` those of them that have an effect there."""

    def __init__(self, proven, bluesnap, clock):
        self.desk, self.bluesnap, self.clock = proven, bluesnap, clock
        self.prepare()

    def prepare(self):
        self.desk.buy()


class Complete(Act):
    calls = changing = ("create_shopper", "create_subscription")

    def prepare(self):
        self.session = self.desk.open()

    def do(self):
        self.desk.complete(self.session)


class ReplaceCard(Act):
    changing = ("add_card", "update_subscription", "delete_card")
    calls = ("get_subscription_card", "get_cards", *changing)

    def prepare(self):
        self.desk.buy()
        self.bluesnap.type_card("AMEX", "0126")
        self.session = self.desk.open_for_card()

    def do(self):
        self.desk.replace_card(self.session)


class Reactivate(Act):
    changing = ("create_subscription",)
    calls = ("get_subscription_card", "get_cards", "list_subscriptions", *changing)

    def prepare(self):
        self.desk.buy()
        canceled = change_renewal(self.desk.tools, PLATFORM, "acct-a", Order.CANCEL)
        self.clock.advance(seconds=(canceled.paid_until - self.clock()).total_seconds())
        self.bluesnap.change(canceled.provider_subscription, status="CANCELED")
        with by_stealth(self.desk.tools.engine) as connection:
            connection.execute(
                update(SUBSCRIPTIONS).values(status="ended", ended_at=func.now(), renews=False, look_at=None)
            )
        self.bluesnap.next_charge = self.clock().date().replace(month=self.clock().month + 1)

    def do(self):
        self.desk.reactivate()


class Cancel(Act):
    changing = ("update_subscription",)
    calls = (*changing, "get_subscription")

    def do(self):
        change_renewal(self.desk.tools, PLATFORM, "acct-a", Order.CANCEL)


class ChangeTerms(Act):
    changing = ("update_subscription",)
    calls = ("preview_switch", "get_subscription", *changing)

    def do(self):
        terms.change_terms(self.desk.tools, PLATFORM, "acct-a", terms.Wish("business", 12))


class Refunding(Act):
    calls = changing = ("refund",)

    def do(self):
        order = refunds.Order(Decimal("10.00"), "other", cancel_subscription=False)
        refunds.order(self.desk.tools, PLATFORM, self.desk.charges[0].id, order)


ACTS = (Complete, ReplaceCard, Reactivate, Cancel, ChangeTerms, Refunding)
CASES = [
    (act, call, ending, happens)
    for act in ACTS
    for call in act.calls
    for ending in ENDINGS
    for happens in (False, True)
    if not happens or (call in act.changing and ending in MAY_HAVE_HAPPENED)
]


def work(desk, rounds=8):
    """What the worker does while all leases and quiet periods pass."""
    for _ in range(rounds):
        now = func.clock_timestamp()
        with desk.tools.engine.begin() as connection:
            connection.execute(update(SIGNUPS).values(lease_until=now))
            connection.execute(update(REFUNDS).where(REFUNDS.c.lease_until.is_not(None)).values(lease_until=now))
            changing = SUBSCRIPTIONS.c.pending_change.is_not(None)
            connection.execute(update(SUBSCRIPTIONS).where(changing).values(look_at=now, pending_until=now))
        settle.settle_due(desk.tools)
        refunds.settle_due(desk.tools)
        looks.look_due(desk.tools)


def held(desk):
    """What is claimed, reserved or pending."""
    return {
        "signups": [row.state for row in desk.signups if row.state in {*signups.UNDECIDED, "stuck"}],
        "sessions": [row.state for row in desk.sessions if row.state == "confirming"],
        "claims": [row.status for row in desk.subscriptions if row.status == "incomplete"],
        "changes": [row.pending_change for row in desk.subscriptions if row.pending_change is not None],
        "refunds": [row.status for row in desk.rows(REFUNDS) if row.status in {"requested", "unknown"}],
    }


@pytest.mark.parametrize(
    ("act", "call", "ending", "happens"),
    CASES,
    ids=lambda value: value.__name__ if isinstance(value, type) else {True: "happens", False: ""}.get(value, value),
)
def test_nothing_is_held_for_ever_however_a_call_ends(proven, bluesnap, clock, act, call, ending, happens):
    doing, error = act(proven, bluesnap, clock), ENDINGS[ending]
    sold = len(bluesnap.subscriptions)
    bluesnap.script(call, error, happens=happens)
    told = (Refusal,) if isinstance(error, BlueSnapError) else (Refusal, type(error))
    with contextlib.suppress(told):
        doing.do()
    work(proven)
    assert held(proven) == {"signups": [], "sessions": [], "claims": [], "changes": [], "refunds": []}
    assert len(bluesnap.subscriptions) - sold <= 1
    assert len([row for row in proven.subscriptions if row.status == "active"]) <= 1
    given = [one.amount for made in bluesnap.given_back.values() for one in made]
    assert given in ([], [Decimal("10.00")])


def test_every_class_of_ending_is_tried_here():
    def classes(kind):
        return {one for sub in kind.__subclasses__() for one in (sub, *classes(sub))}

    assert {type(error) for error in ENDINGS.values()} >= classes(BlueSnapError)
