"""Other cards, other banks, other times: replacing a card, passing a challenge, and buying again, with answers lost on the way. The ledger says who paid."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from journeys_life import life_stage
from journeys_stage import SESSIONS, account_of, eventually, problem, told

pytestmark = pytest.mark.long
LOST = ("drop_before", "drop_after")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with life_stage(tmp_path_factory.mktemp("cards")) as running:
        running.lever("behaviour", {"three_d_secure_reference": "issued"})
        yield running


def session_for_card(stage, name, card=None):
    body = {"account": account_of(name), "purpose": "replace_card"}
    answer = stage.call("POST", SESSIONS, auth=stage.stack.api_key, key=str(uuid.uuid4()), json=body)
    assert answer.status_code == 201, told(answer)
    if card is not None:
        stage.fill(answer.json(), card)
    return answer.json()


def replace_card(stage, session, **body):
    """The page's call."""
    path = f"{SESSIONS}/{session['id']}/completion"
    return stage.call("POST", path, auth=session["client_secret"], key=str(uuid.uuid4()), json=body)


def challenged(stage, session, *, card="three_d_secure"):
    """Fresh fields, the card in them, and a passed challenge: its reference."""
    token = stage.renew(session)["hosted_fields"]["token"]
    filled = stage.lever("fill", {"token": token, "card": card, "three_d_secure": "pass"})
    return filled["three_d_secure_reference"]


def card_of(stage, name):
    answer = stage.call("GET", f"/v1/accounts/{account_of(name)}/card", auth=stage.stack.api_key)
    assert answer.status_code == 200, told(answer)
    return answer.json()


def reactivate(stage, name, **terms):
    return stage.ask("POST", name, "/reactivation", json=terms)


def over(stage, name):
    """A plan that was canceled, and whose paid period is behind us."""
    stage.buy(name)
    until = datetime.fromisoformat(stage.cancel(name)["paid_until"])
    stage.go_to(until + timedelta(minutes=1))
    eventually(lambda: stage.account(name)["access"]["plan"] == "community")


def test_card_replaced_after_a_failed_renewal_pays_at_the_next_retry(stage, name):
    bought = stage.buy(name)
    stage.card_is(name, "INSUFFICIENT_FUNDS")
    stage.go_to(datetime.fromisoformat(bought["paid_until"]) + timedelta(minutes=5))
    eventually(lambda: stage.account(name)["access"]["reason"] == "grace", within=40)
    assert stage.charged(name) == ["87.00"]
    assert replace_card(stage, session_for_card(stage, name, "mastercard")).status_code == 200
    assert card_of(stage, name)["brand"] == "MASTERCARD"
    stage.go_to(stage.now() + timedelta(days=2))  # BlueSnap tries again by its own schedule
    eventually(lambda: stage.account(name)["access"]["reason"] == "paid", within=40)
    assert stage.charged(name) == ["87.00", "87.00"]


def test_declined_card_leaves_the_old_one_and_another_may_be_typed(stage, name):
    stage.buy(name)
    session = session_for_card(stage, name, "call_issuer")
    assert problem(replace_card(stage, session), 402, "card_declined")["reason"] == "declined"
    assert card_of(stage, name) == {"brand": "VISA", "last_four": "9299"}
    stage.fill(stage.renew(session), "amex")
    assert replace_card(stage, session).status_code == 200
    assert card_of(stage, name)["brand"] == "AMEX"


@pytest.mark.parametrize("mode", LOST)
@pytest.mark.parametrize("call", ["update_shopper", "update_subscription"])
def test_lost_answer_is_never_sent_again_and_the_card_may_be_typed_again(stage, name, call, mode):
    bought = stage.buy(name)
    session = session_for_card(stage, name, "mastercard")
    before = len(stage.received(call))
    stage.fail_next(call, mode)
    answer = replace_card(stage, session)
    assert answer.status_code in {200, 202}, told(answer)
    if stage.decided(session) == "open":
        assert len(stage.received(call)) == before + 1
        stage.fill(stage.renew(session), "mastercard")
        assert replace_card(stage, session).status_code == 200
    assert card_of(stage, name)["brand"] == "MASTERCARD"
    after = stage.subscription(name)
    assert [after[key] for key in ("id", "version", "total")] == [bought[key] for key in ("id", "version", "total")]
    assert stage.charged(name) == ["87.00"]


def test_card_that_needs_a_challenge_buys_with_a_passed_one(stage, name):
    session = stage.open(name, card="three_d_secure")
    assert problem(stage.complete(session, name), 402, "card_declined")["reason"] == "authentication_required"
    assert stage.read(session)["three_d_secure"] == "required"
    reference = challenged(stage, session)
    problem(stage.complete(session, name), 422, "three_d_secure_required")
    answer = stage.complete(session, name, three_d_secure_reference=reference)
    assert answer.status_code == 201, told(answer)
    assert stage.sold(name) == (1, 1)


def test_card_that_needs_a_challenge_replaces_another_with_a_passed_one(stage, name):
    stage.buy(name)
    session = session_for_card(stage, name, "three_d_secure")
    assert problem(replace_card(stage, session), 402, "card_declined")["reason"] == "authentication_required"
    reference = challenged(stage, session)
    assert replace_card(stage, session, three_d_secure_reference=reference).status_code == 200
    assert card_of(stage, name)["last_four"] == "1091"


def test_reference_of_another_challenge_does_not_help(stage, name):
    session = stage.open(name, card="three_d_secure")
    stage.complete(session, name)
    reference = challenged(stage, session)
    stage.fill(stage.renew(session), "three_d_secure")
    answer = stage.complete(session, name, three_d_secure_reference=reference)
    assert problem(answer, 402, "card_declined")["reason"] == "authentication_required"
    assert stage.sold(name) == (0, 0)


def test_cancellation_is_undone_within_the_period_and_bought_again_after_it(stage, name):
    bought = stage.buy(name)
    stage.cancel(name)
    undone = reactivate(stage, name)
    assert (undone.status_code, undone.json()["id"], undone.json()["renews"]) == (200, bought["id"], True)
    until = datetime.fromisoformat(stage.cancel(name)["paid_until"])
    stage.go_to(until + timedelta(minutes=1))
    again = eventually(lambda: (answer := reactivate(stage, name, plan="business", members=2)).ok and answer)
    assert (again.status_code, again.json()["total"]) == (201, {"amount": "98.00", "currency": "USD"})
    assert stage.account(name)["access"]["plan"] == "business"
    assert [entry["amount"] for entry in stage.done_for(name, "charge")] == ["87.00", "98.00"]


@pytest.mark.parametrize("mode", LOST)
def test_purchase_with_the_stored_card_whose_answer_is_lost_charges_once(stage, name, mode):
    over(stage, name)
    stage.fail_next("create_subscription", mode)
    answer = reactivate(stage, name)
    assert answer.status_code == 202, told(answer)
    eventually(lambda: stage.account(name)["access"]["plan"] == "team")
    assert stage.sold(name) == (2, 2)
    problem(reactivate(stage, name), 409, "subscription_exists")


def test_declined_stored_card_tells_the_platform_why(stage, name):
    over(stage, name)
    stage.card_is(name, "INSUFFICIENT_FUNDS")
    body = problem(reactivate(stage, name), 402, "card_declined")
    assert body["reason"] == "insufficient_funds"
    assert stage.sold(name) == (1, 1)
    stage.card_is(name, "success")
    assert reactivate(stage, name).status_code == 201


@pytest.mark.parametrize("call", ["get_shopper", "list_subscriptions"])
def test_trouble_before_the_purchase_charges_nothing_and_may_be_repeated(stage, name, call):
    over(stage, name)
    stage.fail_next(call, "status")
    problem(reactivate(stage, name), 502, "bluesnap_failed")
    assert stage.sold(name) == (1, 1)
    assert reactivate(stage, name).status_code == 201
    assert stage.sold(name) == (2, 2)
