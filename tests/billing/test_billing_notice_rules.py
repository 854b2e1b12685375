"""Every type of notice has a rule, and what a notice means is the same however it is told."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import timedelta
from decimal import Decimal

import pytest

from service.billing.hearing.notice_rules import RULES, Does, meaning
from service.billing.money.disputes import MEANS
from service.bluesnap.notices import DISPUTE_STATUSES, OTHER, TYPES
from service.config import ROOT
from service.store import notices
from service.store.ids import new_id
from service.store.models import Notice
from tests.support.tools import START

#: How the guide says what a rule does.
WRITTEN = {
    Does.PAYMENT: "the payment is recorded",
    Does.DISPUTE: "the dispute is recorded",
    Does.LOOK: "BlueSnap is asked",
    Does.IGNORE: "ignored, `",
}
ROW = Notice(
    id=new_id("nt"), delivery=b"d" * 32, meaning=None, type="CHARGE", reference="7200001", provider_subscription="7100001",
    provider_shopper="7100002", amount=Decimal(290), currency="USD", reversal_reference="7400001",
    reversal_amount=Decimal(-290), dispute_status="new", provider_time=START, outcome="waiting", reason=None,
    received_at=START,
)  # fmt: skip


def row(kind, **values):
    return dataclasses.replace(ROW, type=kind, **values)


def test_every_documented_type_has_its_rule_and_no_other():
    assert set(RULES) == TYPES | {OTHER}


def test_reason_stands_with_what_is_ignored_and_nowhere_else():
    assert [kind for kind, rule in RULES.items() if (rule.does is Does.IGNORE) != (rule.reason is not None)] == []


@pytest.mark.parametrize(("does", "kinds"), [(Does.PAYMENT, notices.PAYMENTS), (Does.DISPUTE, notices.DISPUTE_TYPES)])
def test_store_and_rules_agree_on_what_is_recorded(does, kinds):
    assert {kind for kind, rule in RULES.items() if rule.does is does} == set(kinds)


def test_every_type_is_in_the_operators_guide_with_what_it_does():
    lines = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").splitlines()
    wrong = {
        kind
        for kind, rule in RULES.items()
        if not any(
            f"`{kind}`" in line and f"| {WRITTEN[rule.does]}" in line and (rule.reason or "") in line for line in lines
        )
    }
    assert wrong == set()


def test_every_status_of_a_dispute_means_something_but_closed():
    assert {*MEANS, "closed"} == {word.lower() for word in DISPUTE_STATUSES}


SAME = {
    "payment": [row("CHARGE"), row("RECURRING", amount=None, provider_time=START + timedelta(days=1))],
    "refund": [row("REFUND"), row("CANCELLATION_REFUND", amount=None)],
    "pending refund": [row("PENDING_REFUND"), row("PENDING_REFUND", reference=None)],
    "refund by dispute": [row("RDR"), row("RDR", provider_time=None)],
    "failed renewal": [row("SUBSCRIPTION_CHARGE_FAILURE"), row("SUBSCRIPTION_CHARGE_FAILURE", reference=None)],
    "later failed renewal": [row("SUBSCRIPTION_CHARGE_FAILURE", provider_time=START + timedelta(days=3))],
    "dispute": [
        row("CHARGEBACK"), row("CHARGEBACK", dispute_status=None), row("CHARGEBACK_STATUS_CHANGED", dispute_status="new"),
    ],
    "dispute that goes on": [row("CHARGEBACK_STATUS_CHANGED", dispute_status="working")],
    "change": [row("CONTRACT_CHANGE"), row("CONTRACT_CHANGE", amount=None)],
    "later change": [row("CONTRACT_CHANGE", provider_time=START + timedelta(minutes=1))],
    "another payment": [row("CHARGE", reference="7200002")],
    "another refund": [row("REFUND", reversal_reference="7400002")],
}  # fmt: skip


@pytest.mark.parametrize("what", SAME)
def test_what_is_told_in_other_words_means_the_same(what):
    assert len({meaning(told) for told in SAME[what]}) == 1
    assert meaning(SAME[what][0]) is not None


def test_things_that_are_not_the_same_never_mean_the_same():
    for one, other in itertools.combinations(SAME.values(), 2):
        assert meaning(one[0]) != meaning(other[0])


@pytest.mark.parametrize(
    "told",
    [
        row("CHARGE", reference=None),
        row("REFUND", reversal_reference=None),
        row("SUBSCRIPTION_CHARGE_FAILURE", provider_subscription=None),
        row("SUBSCRIPTION_CHARGE_FAILURE", provider_time=None),
        row("CHARGEBACK", reversal_reference=None),
        row("CHARGEBACK_STATUS_CHANGED", dispute_status=None),
        row("CONTRACT_CHANGE", provider_time=None),
        row("PAYOUT", reference=None, reversal_reference=None, provider_subscription=None, provider_shopper=None),
        row(OTHER),
    ],
    ids=lambda told: told.type,
)
def test_notice_without_its_reference_is_known_by_its_delivery_only(told):
    assert meaning(told) is None
