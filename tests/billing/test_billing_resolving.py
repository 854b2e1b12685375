"""A stuck signup ends by a person's word, and only as BlueSnap bears it out: the account gets one subscription or none, never two."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from service.billing.buying import resolving
from service.billing.buying.resolving import Resolution
from service.errors import BlueSnapError, Unknown
from service.store.journal import Origin
from service.store.models import ENTRIES
from tests.support.outcomes import LOST

PERSON = Origin("operator")
OTHER = "7199999"


@pytest.fixture
def stuck(desk, bluesnap):
    """A signup with two candidates; answers its session's id."""
    session_id = desk.open()
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(session_id)
    bluesnap.subscriptions.append(replace(bluesnap.subscriptions[0], subscription_id=OTHER))
    desk.settle()
    assert desk.states == ["stuck"]
    return session_id


def keep(desk, subscription):
    return resolving.keep(desk.tools, desk.signups[0].id, subscription, PERSON)


def release(desk):
    return resolving.release(desk.tools, desk.signups[0].id, PERSON)


def cancel(bluesnap, *subscriptions):
    for one in subscriptions:
        bluesnap.change(one, status="CANCELED")


def test_one_of_two_is_kept_once_the_other_is_cancelled(desk, bluesnap, stuck):
    first = bluesnap.subscriptions[0].subscription_id
    assert keep(desk, first).resolution is Resolution.OTHERS_LIVE
    assert desk.states == ["stuck"]
    cancel(bluesnap, OTHER)
    assert keep(desk, first).resolution is Resolution.KEPT
    assert (desk.status(stuck), desk.access().plan) == ("complete", "team")
    assert [row.provider_subscription for row in desk.subscriptions] == [first]


def test_kept_subscription_is_the_persons_act_in_the_journal(desk, bluesnap, stuck):
    cancel(bluesnap, OTHER)
    keep(desk, bluesnap.subscriptions[0].subscription_id)
    acts = {entry.act: entry.actor for entry in desk.rows(ENTRIES)}
    assert (acts["signup.active"], acts["subscription.activated"]) == ("operator", "operator")


def test_account_is_released_once_nothing_is_live(desk, bluesnap, stuck):
    first = bluesnap.subscriptions[0].subscription_id
    assert release(desk) == resolving.Resolved(Resolution.OTHERS_LIVE, live=(first, OTHER))
    cancel(bluesnap, first, OTHER)
    assert release(desk).resolution is Resolution.RELEASED
    assert (desk.states, desk.access().reason) == (["released"], "free")
    assert desk.status(desk.buy()) == "complete"


def test_stranger_is_not_kept(desk, bluesnap, stuck):
    assert keep(desk, "7000001").resolution is Resolution.NOT_THE_SHOPPERS
    desk.buy(account="acct-b")
    theirs = desk.subscriptions[-1].provider_subscription
    assert keep(desk, theirs).resolution is Resolution.NOT_THE_SHOPPERS
    assert desk.states[0] == "stuck"


def test_subscription_that_differs_is_not_kept(desk, bluesnap, stuck):
    cancel(bluesnap, OTHER)
    first = bluesnap.subscriptions[0].subscription_id
    bluesnap.change(first, amount=Decimal("29.00"))
    assert keep(desk, first) == resolving.Resolved(Resolution.DIFFERS, what="amount")
    assert desk.access().reason == "free"


@pytest.mark.parametrize("settle", [release, lambda desk: keep(desk, OTHER)], ids=["release", "keep"])
def test_bluesnap_that_cannot_be_read_changes_nothing(desk, bluesnap, stuck, settle):
    bluesnap.script("list_subscriptions", Unknown("timed_out"))
    with pytest.raises(BlueSnapError):
        settle(desk)
    assert desk.states == ["stuck"]


def test_settled_signup_is_not_settled_by_a_person(desk):
    desk.buy()
    before = desk.acts
    assert release(desk).resolution is Resolution.NOT_STUCK
    own = desk.subscriptions[0].provider_subscription
    assert keep(desk, OTHER) == resolving.Resolved(Resolution.NOT_THE_ACCOUNTS, live=(own,))
    assert desk.acts == before


def test_signup_that_the_worker_settles_is_left_to_it(desk, bluesnap):
    bluesnap.script("create_subscription", LOST, happens=True)
    desk.complete(desk.open())
    assert release(desk).resolution is Resolution.NOT_STUCK
    assert keep(desk, bluesnap.subscriptions[0].subscription_id).resolution is Resolution.NOT_STUCK
    assert desk.states == ["subscription_unknown"]


def test_second_word_about_the_same_signup_changes_nothing(desk, bluesnap, stuck):
    cancel(bluesnap, OTHER)
    first = bluesnap.subscriptions[0].subscription_id
    keep(desk, first)
    before = desk.acts
    assert release(desk).resolution is Resolution.NOT_STUCK
    assert keep(desk, first) == resolving.Resolved(Resolution.KEPT)
    assert desk.acts == before
