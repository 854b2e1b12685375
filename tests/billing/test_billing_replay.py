"""Replaying a kept notice is an act of a person: it counts as fresh, leaves its entry, and never does twice what it has done."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from service.billing.hearing.notices import Verdict, replay
from service.store.ids import new_id
from service.store.journal import Origin
from service.store.models import ENTRIES, NOTICES
from tests.support.databases import by_stealth
from tests.support.notices import charge_form, deliver, dispute_form

PERSON = Origin("operator")


@pytest.fixture
def stale(desk, bought, clock):
    """The id of a kept notice of a renewal that came five hours late."""
    deliver(desk.tools, charge_form(bought, referenceNumber="7300001"), clock() - timedelta(hours=5))
    (notice,) = desk.notices
    assert (notice.outcome, len(desk.charges)) == ("hint", 1)
    return notice.id


def test_replayed_hint_counts_as_if_it_were_fresh(desk, stale):
    assert replay(desk.tools, PERSON, stale) == Verdict("applied")
    assert [(row.reference, row.amount) for row in desk.charges][1:] == [("7300001", Decimal(290))]
    assert [(row.outcome, row.reason) for row in desk.notices] == [("applied", None)]


def test_replay_leaves_an_entry_of_the_person_who_did_it(desk, stale):
    replay(desk.tools, Origin("operator", new_id("req")), stale)
    entry = desk.rows(ENTRIES)[-1]
    assert (entry.actor, entry.act, entry.subject, entry.account) == ("operator", "notice.replayed", stale, "acct-a")
    assert entry.image["outcome"] == "applied"
    assert {"delivery", "meaning"}.isdisjoint(entry.image)


def test_replay_of_what_was_done_does_nothing_a_second_time(desk, stale):
    replay(desk.tools, PERSON, stale)
    assert replay(desk.tools, PERSON, stale) == Verdict("applied", "known_already")
    assert len(desk.charges) == 2
    assert desk.acts.count("notice.replayed") == 2


def test_waiting_notice_is_applied_by_replay_once_its_subscription_is_known(desk, bluesnap):
    deliver(desk.tools, charge_form(referenceNumber="7300001"))
    (notice,) = desk.notices
    assert replay(desk.tools, PERSON, notice.id) == Verdict("waiting", "subscription_unknown")
    desk.buy()
    with by_stealth(desk.tools.engine) as connection:
        connection.execute(NOTICES.update().values(provider_subscription=bluesnap.subscriptions[0].subscription_id))
    assert replay(desk.tools, PERSON, notice.id) == Verdict("applied")
    assert len(desk.charges) == 2


def test_dispute_that_named_only_its_payment_finds_it_when_replayed(desk, bluesnap):
    form = dispute_form(subscriptionId=None, referenceNumber="7100006")
    assert deliver(desk.tools, form) == Verdict("waiting", "subscription_unknown")
    desk.buy()
    (notice,) = desk.notices
    with by_stealth(desk.tools.engine) as connection:
        reference = bluesnap.subscriptions[0].charge.transaction_id
        connection.execute(NOTICES.update().values(reference=reference))
    assert replay(desk.tools, PERSON, notice.id) == Verdict("applied")
    assert [row.provider_subscription for row in desk.notices] == [bluesnap.subscriptions[0].subscription_id]


def test_nobody_can_vouch_for_what_was_not_kept(desk, bought):
    body = charge_form(bought, referenceNumber="7300001") + b"&referenceNumber=7300002"
    assert deliver(desk.tools, body) == Verdict("hint", "incomplete")
    (notice,) = desk.notices
    assert replay(desk.tools, PERSON, notice.id) == Verdict("hint", "incomplete")
    assert len(desk.charges) == 1
    assert desk.subscriptions[0].look_at is not None


def test_notice_that_nobody_knows_cannot_be_replayed(desk):
    assert replay(desk.tools, PERSON, new_id("nt")) is None
    assert desk.acts == []


@pytest.mark.parametrize("hours", [-5, 5], ids=["stale", "from the future"])
def test_doubtful_notice_told_again_and_again_stays_one_hint(desk, bought, clock, hours):
    body = charge_form(bought, transactionType="CANCELLATION")
    for _ in range(3):
        assert deliver(desk.tools, body, clock() + timedelta(hours=hours)).outcome == "hint"
    assert (len(desk.notices), len(desk.charges)) == (1, 1)
    assert desk.subscriptions[0].status == "active"


def test_failed_notice_is_replayed_when_its_cause_is_gone(desk, bought):
    deliver(desk.tools, charge_form(bought, referenceNumber="7300001"))
    with by_stealth(desk.tools.engine) as connection:
        connection.execute(NOTICES.update().values(outcome="failed", reason="not_applicable"))
    (notice,) = desk.notices
    assert replay(desk.tools, PERSON, notice.id) == Verdict("applied", "known_already")
    assert [(row.outcome, row.reason) for row in desk.notices] == [("applied", "known_already")]
