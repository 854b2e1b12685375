"""Purchases that could be made twice or be lost: refused repeats, shared shoppers, undone cancellations, look-ups that never succeed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sqlalchemy import func, update

from service.billing.buying import limits, settle
from service.billing.life import looks
from service.billing.life.cancellation import change_renewal
from service.billing.life.intents import Order
from service.bluesnap.payloads import ChargebackSeen
from service.errors import Code, Misconfigured, NeverSent, NotFound, Refusal, Rejected, RetryLater
from service.store.disputes import is_disputed
from service.store.models import SIGNUPS, SUBSCRIPTIONS
from tests.support.databases import by_stealth
from tests.support.desk import PLATFORM, Desk
from tests.support.notices import deliver, dispute_form
from tests.support.outcomes import LOST, refused

NO_RIGHT = NotFound("not_found", status=403)


@pytest.fixture
def proven(make_tools, bluesnap):
    """A desk of a deployment whose BlueSnap keeps idempotency keys."""
    return Desk(make_tools(idempotency_proven="true"), bluesnap)


@pytest.mark.parametrize("error", [RetryLater("key_in_progress", status=409), NeverSent("connect_failed")])
def test_postponed_repeat_is_not_made_again_when_bluesnap_has_forgotten_the_key(proven, bluesnap, error):
    bluesnap.script("create_subscription", LOST, happens=True)
    bluesnap.script("list_subscriptions", NO_RIGHT, times=5)
    proven.buy()
    bluesnap.script("create_subscription", error)
    proven.settle()
    proven.age(hours=30)
    bluesnap.keeps_keys = False
    proven.settle()
    assert len(bluesnap.subscriptions) == 1


@pytest.mark.parametrize("error", [Misconfigured("no_right", status=403), Rejected("rejected", status=400)])
def test_refused_repeat_proves_nothing_about_the_first_call(proven, bluesnap, error):
    session_id = proven.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    bluesnap.script("list_subscriptions", NO_RIGHT)
    proven.complete(session_id)
    bluesnap.script("create_subscription", error)
    proven.settle()
    assert proven.states == ["subscription_unknown"]
    assert refused(proven.renew, session_id).code is Code.SIGNUP_UNDECIDED
    assert len(bluesnap.subscriptions) == 1


def test_look_up_that_never_succeeds_reaches_a_person(desk, bluesnap):
    bluesnap.script("create_subscription", LOST)
    bluesnap.script("list_subscriptions", Misconfigured("credentials", status=401), times=5)
    desk.buy()
    desk.age(hours=72)
    desk.settle()
    assert desk.states == ["stuck"]


def test_addresses_of_both_kinds_of_socket_have_their_own_prefixes(tools):
    def prefix(address):
        return limits.address_digests(tools.keyring, address)

    assert prefix("::ffff:203.0.113.7") != prefix("::ffff:198.51.100.9")
    assert prefix("::ffff:203.0.113.7") == prefix("203.0.113.7")


def test_purchase_that_was_found_by_looking_has_its_charge_looked_up(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.buy()
    desk.settle()
    assert desk.states == ["active"]
    looks.look_due(desk.tools)
    assert [row.reference for row in desk.charges] == [
        bluesnap.charges[bluesnap.subscriptions[0].subscription_id][0].transaction_id
    ]


def test_plan_is_not_bought_again_while_an_undoing_is_unknown(desk, bluesnap, clock):
    desk.buy()
    canceled = change_renewal(desk.tools, PLATFORM, "acct-a", Order.CANCEL)
    bluesnap.script("update_subscription", LOST)
    change_renewal(desk.tools, PLATFORM, "acct-a", Order.RESUME)
    clock.advance(seconds=(canceled.paid_until - clock()).total_seconds())
    assert refused(desk.reactivate).code is Code.SUBSCRIPTION_CHANGED
    assert len(bluesnap.subscriptions) == 1


@pytest.fixture
def sharing(proven, bluesnap):
    """Two accounts of one shopper at BlueSnap, as adoption may link them, whose plans are over."""
    proven.buy(account="acct-a")
    proven.buy(account="acct-b")
    shopper = bluesnap.subscriptions[0].shopper_id
    over = {"provider_shopper": shopper, "status": "ended", "ended_at": func.now(), "renews": False}
    with by_stealth(proven.tools.engine) as connection:
        connection.execute(SIGNUPS.delete())
        connection.execute(update(SUBSCRIPTIONS).values(over))
    for one in [*bluesnap.subscriptions]:
        bluesnap.change(one.subscription_id, status="CANCELED", shopper_id=shopper)
        bluesnap.charged_card[one.subscription_id] = next(iter(bluesnap.cards_of(shopper)))
    return proven


def test_accounts_of_one_shopper_never_take_each_others_purchase(sharing, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)  # of the first: charged, and the answer lost
    bluesnap.script("create_subscription", LOST)  # of the second: never arrived
    bluesnap.script("list_subscriptions", meanwhile=lambda: sharing.reactivate(account="acct-a"))
    with suppress(Refusal):
        sharing.reactivate(account="acct-b")
    sharing.settle()
    settle.settle_due(sharing.tools)
    living = [row.account for row in sharing.subscriptions if row.status == "active"]
    assert living == ["acct-a"]


def test_dispute_of_a_payment_that_we_hear_of_later_is_found(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.buy()
    desk.settle()
    charge = bluesnap.charges[bluesnap.subscriptions[0].subscription_id][0]
    told = dispute_form(None, referenceNumber=charge.transaction_id, subscriptionId=None, accountId=None)
    assert deliver(desk.tools, told).outcome == "waiting"
    bluesnap.chargebacks[charge.transaction_id].append(ChargebackSeen("7500001", charge.amount, "NEW"))
    looks.look_due(desk.tools)
    with desk.tools.engine.connect() as connection:
        assert is_disputed(connection, charge.transaction_id)
