"""What a look settles, and what it leaves because it cannot have seen it; which notices are listed, in which order."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import timedelta

import pytest
from sqlalchemy import insert

from service.store import changes, notices
from service.store.ids import new_id
from service.store.journal import Act
from service.store.models import NOTICES, Dispute, Notice
from service.store.notices import Filter
from tests.support.paid import CHARGE, NOW, ORIGIN, SUBSCRIPTION, insert_paid

OURS = SUBSCRIPTION.provider_subscription
DISPUTE = Dispute(
    id=new_id("dp"), reference="7500001", charge_reference=CHARGE.reference, subscription_id=SUBSCRIPTION.id,
    account="acct-a", status="open", amount=None, currency=None, stopped_renewal=False, told_at=NOW, created_at=NOW,
)  # fmt: skip
_NUMBERS = itertools.count()


@pytest.fixture
def connection(engine):
    with engine.begin() as opened:
        insert_paid(opened)
        yield opened


def keep(connection, kind, outcome="hint", **values):
    """A notice of ours; answers its id."""
    row = Notice(
        id=new_id("nt"), delivery=next(_NUMBERS).to_bytes(32), meaning=None, type=kind, reference=CHARGE.reference,
        provider_subscription=OURS, provider_shopper=None, amount=None, currency=None, outcome=outcome, received_at=NOW,
    )  # fmt: skip
    row = dataclasses.replace(row, **values)
    connection.execute(insert(NOTICES).values(**vars(row)))
    notices.settle(connection, row, ORIGIN, outcome=row.outcome, reason=row.reason)
    return row.id


def outcome(connection, notice_id):
    row = notices.get(connection, notice_id)
    return row.outcome, row.reason


SETTLED, LEFT = ("applied", "by_look"), ("hint", None)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("CANCELLATION", {}, SETTLED),
        ("REFUND", {"reference": "7299999"}, SETTLED),
        ("RECURRING", {}, SETTLED),
        ("RECURRING", {"reference": "7299999"}, LEFT),
        ("CHARGE", {"reference": None}, SETTLED),
        ("CHARGEBACK", {"reversal_reference": "7500001", "dispute_status": "new"}, SETTLED),
        ("CHARGEBACK", {"reversal_reference": "7500009", "dispute_status": "new"}, LEFT),
        ("CHARGEBACK", {"dispute_status": "new"}, LEFT),
        ("CHARGEBACK_STATUS_CHANGED", {"reversal_reference": "7500001", "dispute_status": "working"}, SETTLED),
        ("CHARGEBACK_STATUS_CHANGED", {"reversal_reference": "7500001", "dispute_status": "completed_won"}, LEFT),
        ("CHARGEBACK_STATUS_CHANGED", {"reversal_reference": "7500001", "dispute_status": "closed"}, LEFT),
        ("CANCELLATION", {"received_at": NOW + timedelta(seconds=1)}, LEFT),
        ("CANCELLATION", {"provider_subscription": "7100009"}, LEFT),
    ],
    ids=str,
)
def test_look_settles_what_it_can_have_seen(connection, kind, values, expected):
    changes.add(connection, DISPUTE, Act.DISPUTE_OPENED, ORIGIN)
    kept = keep(connection, kind, **values)
    assert notices.looked(connection, OURS, NOW, ORIGIN) == (expected is SETTLED)
    assert outcome(connection, kept) == expected


@pytest.mark.parametrize(("told", "status"), [("completed_won", "won"), ("completed_lost", "lost"), ("closed", "lost")])
def test_look_settles_an_end_that_it_brought_about(connection, told, status):
    changes.add(connection, dataclasses.replace(DISPUTE, status=status), Act.DISPUTE_OPENED, ORIGIN)
    kept = keep(connection, "CHARGEBACK_STATUS_CHANGED", reversal_reference="7500001", dispute_status=told)
    notices.looked(connection, OURS, NOW, ORIGIN)
    assert outcome(connection, kept) == SETTLED


@pytest.mark.parametrize("was", ["waiting", "failed", "ignored"])
def test_look_settles_hints_only(connection, was):
    kept = keep(connection, "CANCELLATION", was)
    assert notices.looked(connection, OURS, NOW, ORIGIN) == 0
    assert outcome(connection, kept) == (was, None)


def test_payments_that_hints_take_back_are_named_once_each(connection):
    for kind in notices.REVERSALS:
        keep(connection, kind)
    keep(connection, "RDR", reference="7200003")
    keep(connection, "REFUND", reference="7200004", outcome="applied")
    keep(connection, "REFUND", reference="7200005", provider_subscription="7100009")
    keep(connection, "REFUND", reference=None)
    keep(connection, "CANCELLATION", reference="7200006")
    assert notices.reversals(connection, OURS, []) == ["7200001", "7200003"]


def test_payment_and_shopper_lead_to_their_subscriptions(connection):
    assert notices.subscription_of_charge(connection, CHARGE.reference) == OURS
    assert notices.subscription_of_charge(connection, "7299999") is None
    assert notices.subscriptions_of_shopper(connection, "7100002") == [OURS]
    assert notices.subscriptions_of_shopper(connection, "7100009") == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), [0, 1, 2, 3]),
        (Filter(outcomes=("hint",)), [0, 2]),
        (Filter(outcomes=("hint", "failed")), [0, 2, 3]),
        (Filter(type="REFUND"), [1, 2]),
        (Filter(since=NOW + timedelta(hours=1)), [1, 2, 3]),
        (Filter(until=NOW + timedelta(hours=2)), [0, 1]),
        (Filter(("hint",), "REFUND", NOW, NOW + timedelta(days=1)), [2]),
    ],
    ids=str,
)
def test_notices_are_listed_by_what_was_asked_for(connection, wanted, expected):
    kinds = [("CHARGE", "hint"), ("REFUND", "applied"), ("REFUND", "hint"), ("RECURRING", "failed")]
    ids = []
    for hour, (kind, was) in enumerate(kinds):
        numbered = f"nt_{'b' * 29}{'bcdf'[hour]}"
        ids.append(keep(connection, kind, was, id=numbered, received_at=NOW + timedelta(hours=hour)))
    assert [row.id for row in notices.listed(connection, wanted, 10)] == [ids[number] for number in expected]
    assert [row.id for row in notices.newest(connection, wanted, 2)] == [ids[number] for number in expected][-2:]
    after = notices.listed(connection, wanted, 10, after=ids[1])
    assert [row.id for row in after] == [ids[number] for number in expected if number > 1]
