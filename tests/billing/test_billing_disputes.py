"""Disputes: whatever is told of one, in whatever order and however often, it ends where BlueSnap's last word by its own time put it."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest

from service.billing.hearing.notices import Verdict, replay
from service.billing.money import disputes
from service.billing.money.disputes import LONG_AGO
from service.bluesnap.payloads import ChargebackSeen, Transaction
from service.store import accounts, charges
from service.store.disputes import is_disputed, lost, of_charges, open_of
from service.store.journal import Origin
from service.store.models import DISPUTES, TASKS
from tests.support.notices import at_minute, charge_form, deliver, dispute_form

WORDS = {"New": 0, "Working": 5, "Completed_Won": 9, "Completed_Lost": 9, "Closed": 12}


def told(desk, bought, *statuses, same_minute=False, note=""):
    """Deliver these words of one dispute, each with its own time at BlueSnap."""
    for status in statuses:
        time = at_minute(0 if same_minute else WORDS[status])
        deliver(desk.tools, dispute_form(bought, status, transactionDate=time, custom1=note))


def stands(desk):
    """How every dispute stands."""
    return [(row.reference, row.status, row.amount, row.told_at) for row in desk.rows(DISPUTES)]


def statuses(desk):
    return [row.status for row in desk.rows(DISPUTES)]


def open_tasks(desk):
    return [row.kind for row in desk.rows(TASKS) if row.state == "open"]


def test_dispute_is_recorded_with_its_charge_and_looked_at(desk, bought, clock):
    assert deliver(desk.tools, dispute_form(bought)) == Verdict("applied")
    (row,) = desk.rows(DISPUTES)
    assert (row.reference, row.status, row.amount, row.currency) == ("7500001", "open", Decimal(290), "USD")
    assert (row.charge_reference, row.subscription_id) == (bought.charge.transaction_id, desk.subscriptions[0].id)
    assert (row.account, row.told_at) == ("acct-a", clock())
    assert desk.acts[-1] == "dispute.opened"
    assert (desk.subscriptions[0].status, desk.subscriptions[0].look_at is not None) == ("active", True)


@pytest.mark.parametrize("same_minute", [False, True], ids=["in time", "in one minute"])
@pytest.mark.parametrize("end", ["Won", "Lost"])
def test_every_order_of_a_dispute_ends_alike(desk, bought, end, same_minute):
    words = ("New", "Working", f"Completed_{end}")
    for number, order in enumerate(itertools.permutations(words)):
        for note in ("first", "again"):
            for status in order:
                time = at_minute(0 if same_minute else WORDS[status])
                form = dispute_form(bought, status, f"750000{number}", transactionDate=time, custom1=note)
                deliver(desk.tools, form)
    ends = {(status, amount, at) for _, status, amount, at in stands(desk)}
    assert len(stands(desk)) == 6
    assert [(status, amount) for status, amount, _ in ends] == [(end.lower(), Decimal(290))]


def test_what_was_told_before_leaves_no_entry_the_second_time(desk, bought):
    told(desk, bought, "New", "Working", "Completed_Won")
    acts = desk.acts
    told(desk, bought, "Completed_Won", "New", "Working", note="again")
    assert desk.acts == acts


def test_dispute_can_be_opened_again_by_a_later_word(desk, bought):
    told(desk, bought, "New", "Completed_Won")
    later = dispute_form(bought, "Working", transactionDate=at_minute(20))
    assert deliver(desk.tools, later) == Verdict("applied")
    assert statuses(desk) == ["open"]


@pytest.mark.parametrize("order", list(itertools.permutations(("New", "Completed_Won", "Closed"))), ids="-".join)
def test_closing_takes_no_outcome_back(desk, bought, order):
    told(desk, bought, *order)
    assert (statuses(desk), open_tasks(desk)) == (["won"], [])


def test_closed_without_an_outcome_stays_open_for_a_person(desk, bought):
    told(desk, bought, "New", "Closed", "Closed")
    assert (statuses(desk), open_tasks(desk)) == (["open"], ["dispute_closed"])
    (dispute,) = desk.rows(DISPUTES)
    decided = disputes.decide(desk.tools, Origin("operator"), dispute.id, "lost")
    assert (decided.status, statuses(desk), open_tasks(desk)) == ("lost", ["lost"], [])
    assert desk.acts[-2:] == ["dispute.moved", "task.closed"]
    assert disputes.decide(desk.tools, Origin("operator"), dispute.id, "won") is None


def test_dispute_that_names_only_its_payment_is_found_by_it(desk, bought):
    form = dispute_form(bought, subscriptionId=None, accountId=None)
    assert deliver(desk.tools, form) == Verdict("applied")
    assert [row.account for row in desk.rows(DISPUTES)] == ["acct-a"]


@pytest.mark.parametrize(
    "form",
    [
        {"reversalRefNum": None},
        {"referenceNumber": None},
        {"status": "Working", "cbStatus": None},
        {"cbStatus": "Thinking"},
    ],
    ids=str,
)
def test_dispute_that_does_not_say_enough_is_a_hint(desk, bought, form):
    assert deliver(desk.tools, dispute_form(bought, **form)) == Verdict("hint", "incomplete")
    assert stands(desk) == []
    assert desk.subscriptions[0].look_at is not None


@pytest.mark.parametrize(
    ("form", "status", "amount"),
    [
        ({"cbStatus": "COMPLETED_LOST", "invoiceChargeAmount": "-1,290.00"}, "lost", Decimal(1290)),
        ({"cbStatus": "completed won", "reversalAmount": "-30.00"}, "won", Decimal(30)),
        ({"cbStatus": "Completed_Pending", "reversalAmount": "0.00"}, "open", Decimal(290)),
        ({"cbStatus": None, "transactionType": "CHARGEBACK"}, "open", Decimal(290)),
    ],
    ids=str,
)
def test_words_of_a_dispute_are_read_in_every_shape(desk, bought, form, status, amount):
    deliver(desk.tools, dispute_form(bought, "Working", **form))
    assert [(row.status, row.amount) for row in desk.rows(DISPUTES)] == [(status, amount)]


def test_largest_amount_that_was_told_is_what_may_be_gone(desk, bought):
    for minute, amount in ((0, "-30.00"), (2, "-50.00"), (1, "-40.00")):
        form = {"invoiceChargeAmount": amount, "transactionDate": at_minute(minute), "custom1": amount}
        deliver(desk.tools, dispute_form(bought, ("New", "Working", "Completed_Pending")[minute], **form))
    assert [row.amount for row in desk.rows(DISPUTES)] == [Decimal(50)]


def test_dispute_of_an_unknown_subscription_waits_for_its_activation(desk, bluesnap):
    heard = []

    def tell():
        heard.append(deliver(desk.tools, dispute_form(bluesnap.subscriptions[0])))

    bluesnap.script("create_subscription", afterwards=tell)
    desk.buy()
    assert heard == [Verdict("waiting", "subscription_unknown")]
    assert [row.outcome for row in desk.notices] == ["applied"]
    assert statuses(desk) == ["open"]
    assert desk.subscriptions[0].look_at is not None


@pytest.mark.parametrize("hours", [-5, 5], ids=["stale", "from the future"])
def test_doubtful_dispute_is_a_hint_that_a_person_can_make_count(desk, bought, clock, hours):
    signed = clock() + timedelta(hours=hours)
    assert deliver(desk.tools, dispute_form(bought), signed).outcome == "hint"
    assert stands(desk) == []
    (notice,) = desk.notices
    assert replay(desk.tools, Origin("operator"), notice.id) == Verdict("applied")
    assert statuses(desk) == ["open"]
    assert replay(desk.tools, Origin("operator"), notice.id) == Verdict("applied", "known_already")
    assert deliver(desk.tools, dispute_form(bought)).outcome == "repeated"
    assert len(stands(desk)) == 1


def test_undated_dispute_counts_from_when_it_was_heard_once_a_person_vouches(desk, bought, clock):
    assert deliver(desk.tools, dispute_form(bought, transactionDate=None)) == Verdict("hint", "undated")
    (notice,) = desk.notices
    clock.advance(hours=1)
    assert replay(desk.tools, Origin("operator"), notice.id) == Verdict("applied")
    assert [row.told_at for row in desk.rows(DISPUTES)] == [notice.received_at]


def test_many_words_at_once_make_one_dispute(desk, bought):
    words = ("New", "Working", "Completed_Pending", "Completed_Won")
    barrier = threading.Barrier(4)

    def tell(status):
        barrier.wait(10)
        return deliver(desk.tools, dispute_form(bought, status, transactionDate=at_minute(0))).outcome

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(tell, words)) == {"applied"}
    assert statuses(desk) == ["won"]


def shown(desk, *chargebacks):
    """A look has read the charge's transaction, and it shows these."""
    with desk.tools.engine.begin() as connection:
        subscription = accounts.subscription(connection, desk.subscriptions[0].id)
        (charge,) = charges.of_subscription(connection, subscription.id)
        seen = Transaction(
            transaction_id=charge.reference, amount=charge.amount, currency="USD", status="SUCCESS", kind=None, refunds=[],
            chargebacks=[*chargebacks], balance=None, original_id=None, reference=None,
        )  # fmt: skip
        now = desk.tools.clock()
        disputes.follow(connection, charge, seen, subscription, now=now, origin=Origin("worker"))


@pytest.mark.parametrize(
    ("status", "expected"),
    [(None, "open"), ("NEW", "open"), ("CLOSED", "open"), ("ODD", "open"), ("COMPLETED_LOST", "lost")],
)
def test_chargeback_that_a_transaction_shows_is_recorded_once(desk, bought, status, expected):
    for _ in range(2):
        shown(desk, ChargebackSeen("7500001", None, status))
    assert [(row.reference, row.status, row.amount) for row in desk.rows(DISPUTES)] == [("7500001", expected, None)]
    assert desk.acts.count("dispute.opened") == 1


def test_every_dated_word_is_newer_than_a_chargeback_that_was_only_seen(desk, bought):
    shown(desk, ChargebackSeen("7500001", Decimal(290), None))
    assert [row.told_at for row in desk.rows(DISPUTES)] == [LONG_AGO]
    told(desk, bought, "Completed_Won")
    assert statuses(desk) == ["won"]


def test_transaction_ends_an_open_dispute_and_opens_none_again(desk, bought, clock):
    told(desk, bought, "New")
    shown(desk, ChargebackSeen("7500001", None, "WORKING"))
    assert statuses(desk) == ["open"]
    clock.advance(minutes=30)
    shown(desk, ChargebackSeen("7500001", None, "COMPLETED_WON"))
    shown(desk, ChargebackSeen("7500001", None, "NEW"))
    assert statuses(desk) == ["won"]
    told(desk, bought, "Working")
    assert statuses(desk) == ["won"]


def test_chargeback_without_an_id_goes_to_a_person_once(desk, bought):
    for _ in range(2):
        shown(desk, ChargebackSeen(None, Decimal(290), "NEW"))
    assert (stands(desk), open_tasks(desk)) == ([], ["dispute_unnamed"])


def test_chargeback_without_an_id_is_the_one_that_notices_told(desk, bought):
    told(desk, bought, "New")
    shown(desk, ChargebackSeen(None, Decimal(290), "NEW"))
    assert open_tasks(desk) == []


def test_dispute_blocks_while_it_is_open_and_counts_when_lost(desk, bought):
    reference = bought.charge.transaction_id

    def told_of(connection):
        charge = charges.by_reference(connection, reference)
        return is_disputed(connection, reference), lost(charge, of_charges(connection, [reference]))

    with desk.tools.engine.connect() as connection:
        subscription = desk.subscriptions[0].id
        assert (told_of(connection), open_of(connection, subscription)) == ((False, 0), False)
        told(desk, bought, "New")
        assert (told_of(connection), open_of(connection, subscription)) == ((True, 0), True)
        told(desk, bought, "Completed_Lost")
        assert (told_of(connection), open_of(connection, subscription)) == ((False, Decimal(290)), False)


def test_lost_dispute_of_unknown_amount_takes_the_whole_charge(desk, bought):
    deliver(desk.tools, dispute_form(bought, "Completed_Lost", invoiceChargeAmount=None))
    reference = bought.charge.transaction_id
    with desk.tools.engine.connect() as connection:
        assert lost(charges.by_reference(connection, reference), of_charges(connection, [reference])) == Decimal(290)


def test_rapid_dispute_resolution_is_a_refund_to_look_for(desk, bought):
    form = charge_form(bought, transactionType="RDR", reversalRefNum="7500001", reversalAmount="-290.00")
    assert deliver(desk.tools, form) == Verdict("hint", "look")
    assert stands(desk) == []
