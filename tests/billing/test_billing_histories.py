"""Random histories of one subscription's notices: shuffled, told twice, late or replayed, they leave the same payments and disputes."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy import delete

from service.billing.hearing.notices import replay
from service.store.journal import Origin
from service.store.models import CHARGES, DISPUTES, NOTICES, TASKS
from tests.support.databases import by_stealth
from tests.support.notices import at_minute, charge_form, deliver, dispute_form

pytestmark = pytest.mark.long

WORDS = ("New", "Working", "Completed_Pending", "Closed", "Completed_Won", "Completed_Lost")
CHANGES = ("SUBSCRIPTION_CHARGE_FAILURE", "CANCEL_ON_RENEWAL", "CANCELLATION", "CONTRACT_CHANGE", "ACCOUNT_UPDATER")


def history(dice, bought, *, orderly):
    """What BlueSnap could say of one subscription, each by its own minute; orderly: no dispute goes on after its end."""
    bodies = []
    for number in range(dice.randrange(1, 4)):
        kinds = dice.sample(("CHARGE", "RECURRING"), dice.randrange(1, 3))
        payment = {"referenceNumber": f"730000{number}", "transactionDate": at_minute(number)}
        bodies += [charge_form(bought, transactionType=kind, **payment) for kind in kinds]
    for number in range(dice.randrange(3)):
        minutes = sorted(dice.sample(range(8), 3))
        words = dice.sample(WORDS, 3)
        for status, minute in zip(sorted(words, key=WORDS.index) if orderly else words, minutes, strict=True):
            time = {"transactionDate": at_minute(minute)}
            bodies.append(dispute_form(bought, status, f"750000{number}", **time))
    for number, kind in enumerate(dice.sample(CHANGES, 3)):
        bodies.append(charge_form(bought, transactionType=kind, transactionDate=at_minute(number)))
    bodies.append(charge_form(bought, transactionType="REFUND", reversalRefNum="7400001"))
    return bodies


def forget(desk):
    with by_stealth(desk.tools.engine) as connection:
        for table in (NOTICES, DISPUTES, TASKS):
            connection.execute(delete(table))
        connection.execute(delete(CHARGES).where(CHARGES.c.source == "notice"))


def state(desk):
    """What the notices left."""
    (subscription,) = desk.subscriptions
    return (
        {(row.reference, row.amount, row.charged_on) for row in desk.charges},
        {(row.reference, row.status, row.told_at, row.amount) for row in desk.rows(DISPUTES)},
        (subscription.status, subscription.version, subscription.paid_until, subscription.renews),
    )


def open_tasks(desk):
    return {(row.kind, row.reference) for row in desk.rows(TASKS) if row.state == "open"}


@pytest.mark.parametrize("seed", range(8))
def test_random_history_ends_alike_in_every_order(desk, bought, clock, seed):
    dice, orderly = random.Random(seed), seed % 2 == 0
    bodies = history(dice, bought, orderly=orderly)
    ends, tasks = [], []
    for _ in range(3):
        for body in bodies + dice.sample(bodies, 3):
            late = dice.random() < 0.3
            deliver(desk.tools, body, clock() - timedelta(hours=5 * late))
        for notice in desk.notices:
            replay(desk.tools, Origin("operator"), notice.id)
        ends.append(state(desk))
        tasks.append(open_tasks(desk))
        forget(desk)
        dice.shuffle(bodies)
    assert ends[0] == ends[1] == ends[2]
    assert not orderly or tasks[0] == tasks[1] == tasks[2]
    assert ends[0][2][:2] == ("active", 2)
