"""Adopted is only what was asked for: a candidate that differs, a second one, or half an answer never becomes a plan by itself."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.metrics import reading
from tests.support.outcomes import LOST, TROUBLES


def test_two_candidates_go_to_a_person(desk, bluesnap):
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(session_id)
    bluesnap.subscriptions.append(replace(bluesnap.subscriptions[0], subscription_id="7199999"))
    desk.settle()
    (signup,) = desk.signups
    assert (signup.state, signup.cause) == ("stuck", "two_candidates")
    assert desk.access().reason == "free"


def test_subscription_of_another_account_is_no_candidate(desk, bluesnap):
    desk.buy(account="acct-b")
    known = replace(bluesnap.subscriptions[0], charge=None)
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    bluesnap.script("list_subscriptions", change=lambda found: [known, *found])
    desk.complete(session_id)
    desk.settle()
    assert desk.status(session_id) == "complete"
    assert len({row.provider_subscription for row in desk.subscriptions}) == 2


def altered(**values):
    return lambda found: replace(found, **values)


MISMATCHES = {
    "plan": altered(plan_id="2340002"),
    "quantity": altered(quantity=10),
    "amount": altered(amount=Decimal("29.00")),
    "currency": altered(currency="EUR"),
    "status": altered(status="CANCELED"),
    "first_charge": lambda found: replace(found, charge=replace(found.charge, amount=Decimal("2900.00"))),
}


@pytest.mark.parametrize("what", MISMATCHES)
def test_answer_that_is_not_what_was_asked_for_activates_nothing(desk, bluesnap, what):
    session_id = desk.open()
    bluesnap.script("create_subscription", change=MISMATCHES[what])
    before = reading("panless_signup_mismatches_total", what=what)
    assert desk.complete(session_id) is None
    (signup,) = desk.signups
    assert (signup.state, signup.cause) == ("stuck", f"mismatch.{what}")
    assert desk.access().reason == "free"
    assert desk.charges == []
    assert reading("panless_signup_mismatches_total", what=what) == before + 1


@pytest.mark.parametrize("what", [what for what in MISMATCHES if what != "first_charge"])
def test_found_subscription_that_differs_is_not_adopted(desk, bluesnap, what):
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.buy()
    bluesnap.subscriptions = [MISMATCHES[what](one) for one in bluesnap.subscriptions]
    desk.settle()
    (signup,) = desk.signups
    assert (signup.state, signup.cause) == ("stuck", f"mismatch.{what}")
    assert len(bluesnap.made("create_subscription")) == 1


def test_first_charge_in_another_currency_activates_nothing(desk, bluesnap):
    bluesnap.script(
        "create_subscription", change=lambda found: replace(found, charge=replace(found.charge, currency="EUR"))
    )
    desk.buy()
    assert desk.signups[0].cause == "mismatch.first_charge"
    assert desk.access().reason == "free"


def test_subscription_without_a_next_charge_date_is_not_believed(desk, bluesnap):
    bluesnap.next_charge = None
    desk.buy()
    assert desk.signups[0].cause == "mismatch.next_charge_date"
    assert desk.access().reason == "free"


THIN = {"plan_id": None, "amount": None, "currency": None, "quantity": None, "next_charge_date": None, "charge": None}


def test_answer_of_four_fields_is_read_again_as_a_whole(desk, bluesnap):
    bluesnap.script("create_subscription", change=altered(**THIN))
    session_id = desk.buy()
    assert desk.status(session_id) == "complete"
    assert bluesnap.made("get_subscription") == [{"subscription_id": bluesnap.subscriptions[0].subscription_id}]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda error: error.cause)
def test_answer_that_cannot_be_read_as_a_whole_is_unknown(desk, bluesnap, trouble):
    bluesnap.script("create_subscription", change=altered(**THIN))
    bluesnap.script("get_subscription", trouble)
    session_id = desk.buy()
    assert (desk.status(session_id), desk.states) == ("confirming", ["subscription_unknown"])
    desk.settle()
    assert desk.status(session_id) == "complete"
    assert len(bluesnap.made("create_subscription")) == 1


def test_found_subscription_that_stays_thin_is_looked_at_again(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    bluesnap.script("list_subscriptions", change=lambda found: [replace(one, **THIN) for one in found])
    bluesnap.script("get_subscription", LOST)
    session_id = desk.buy()
    desk.settle()
    assert (desk.status(session_id), desk.states) == ("confirming", ["subscription_unknown"])
    desk.settle()
    assert desk.status(session_id) == "complete"


def test_subscription_of_another_shopper_is_never_adopted(desk, bluesnap):
    desk.buy(account="acct-b")
    foreign = replace(bluesnap.subscriptions[0], subscription_id="7999999", charge=None)
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST)
    desk.complete(session_id)
    bluesnap.script("list_subscriptions", change=lambda _: [foreign])
    desk.settle()
    assert "7999999" not in {row.provider_subscription for row in desk.subscriptions}
