"""Retention: idempotency keys and delivered events are forgotten after their time in database time, nothing that is under way is, and what then comes again does nothing twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from service.billing import tidy
from service.billing.life.cancellation import change_renewal
from service.billing.life.intents import Order
from service.store import events
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import ENTRIES, EVENTS, IDEMPOTENCY_KEYS, REFUNDS
from tests.support.outcomes import LOST
from tests.support.web import new_key

HOURS = 72


@pytest.fixture
def age(engine):
    """Every key was claimed that much earlier, and nobody works under it any more."""

    def age(running=False, **span):
        values = {"created_at": IDEMPOTENCY_KEYS.c.created_at - timedelta(**span)}
        if not running:
            values["lease_until"] = func.clock_timestamp()
        with engine.begin() as connection:
            connection.execute(update(IDEMPOTENCY_KEYS).values(**values))

    return age


def keys(web):
    with web.tools.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(IDEMPOTENCY_KEYS)).scalar_one()


def test_key_is_forgotten_after_its_hours_and_not_before(web, age):
    web.open()
    age(hours=HOURS - 1)
    assert tidy.purge_keys(web.tools) == 0
    age(hours=1)
    assert (tidy.purge_keys(web.tools), keys(web)) == (1, 0)


def test_business_time_forgets_nothing(web, clock):
    web.open()
    clock.advance(days=400)
    assert tidy.purge_keys(web.tools) == 0


def test_key_under_which_somebody_works_is_kept_however_old(web, bluesnap, age):
    purged = []

    def meanwhile():
        age(running=True, days=30)
        purged.append(tidy.purge_keys(web.tools))

    bluesnap.script("create_payment_fields_token", meanwhile=meanwhile)
    web.open()
    assert (purged, keys(web)) == ([0], 1)


def test_keys_of_a_session_whose_signup_is_undecided_are_kept(web, bluesnap, age):
    bluesnap.script("create_subscription", LOST, happens=True)
    session = web.open()
    assert web.complete(session).status_code == 202
    age(days=30)
    assert (tidy.purge_keys(web.tools), keys(web)) == (1, 1)  # the order is done; the completion is not
    web.settle()
    assert (tidy.purge_keys(web.tools), keys(web)) == (1, 0)


def test_unfinished_keys_are_kept_while_a_reactivation_is_undecided(web, bluesnap, age, clock):
    web.complete(web.open())
    ended = change_renewal(web.tools, Origin("operator"), "acct-a", Order.CANCEL)
    clock.advance(seconds=(ended.paid_until - clock()).total_seconds())
    bluesnap.change(ended.provider_subscription, status="CANCELED")
    bluesnap.next_charge = clock().date().replace(month=clock().month + 1)
    bluesnap.script("create_subscription", LOST, happens=True)
    key = new_key()
    assert web.reactivate(key=key).status_code == 202
    age(days=30)
    tidy.purge_keys(web.tools)
    assert keys(web) == 1
    web.settle()
    assert (tidy.purge_keys(web.tools), keys(web)) == (1, 0)


def test_many_keys_are_forgotten_in_batches(web, age, monkeypatch):
    for number in range(7):
        web.order(account=f"acct-{'abcdefg'[number]}")
    age(days=30)
    monkeypatch.setattr(tidy, "PURGED", 2)
    monkeypatch.setattr(tidy, "MOST_BATCHES", 3)
    assert [tidy.purge_keys(web.tools) for _ in range(3)] == [6, 1, 0]


# what then comes again does nothing twice


def forget(web, age):
    age(days=30)
    tidy.purge_keys(web.tools)
    assert keys(web) == 0


def test_completion_under_a_forgotten_key_sells_nothing_again(web, bluesnap, age):
    session, key = web.open(), new_key()
    first = web.complete(session, key=key)
    forget(web, age)
    again = web.complete(session, key=key)
    assert (again.status_code, again.json["id"]) == (201, first.json["id"])
    assert (len(bluesnap.subscriptions), len(bluesnap.shoppers)) == (1, 1)


def test_refund_under_a_forgotten_key_gives_nothing_again(web, bluesnap, age):
    web.complete(web.open())
    charge, key = web.desk.charges[0], new_key()
    body = {"amount": {"amount": "10.00", "currency": "USD"}, "reason": "other"}
    first = web.post(f"/v1/charges/{charge.id}/refunds", body, auth=web.key, key=key)
    forget(web, age)
    again = web.post(f"/v1/charges/{charge.id}/refunds", body, auth=web.key, key=key)
    assert (first.status_code, again.status_code, again.json["id"]) == (201, 201, first.json["id"])
    assert len(bluesnap.made("refund")) == len(web.desk.rows(REFUNDS)) == 1


def test_session_under_a_forgotten_key_is_another_one_that_buys_nothing_more(web, bluesnap, age):
    key = new_key()
    first = web.order(key=key)
    web.complete(first.json)
    forget(web, age)
    again = web.order(key=key)
    assert (again.status_code, again.json["code"]) == (409, "subscription_exists")
    assert len(bluesnap.subscriptions) == 1


# events


@pytest.fixture
def told(desk):
    """Makes an event of a new entry, in this state, so many days after it was delivered or made."""

    def make(state, days):
        desk.buy(account=f"acct-{state}-{'abcdefgh'[len(desk.rows(EVENTS))]}")
        moment = func.clock_timestamp() - timedelta(days=days)
        values = {"state": state, "attempts": 1, "created_at": moment, "type": "subscription.activated"}
        with desk.tools.engine.begin() as connection:
            entry = connection.execute(select(func.max(ENTRIES.c.number))).scalar_one()
            values |= {"delivered_at": moment} if state == events.DELIVERED else {}
            connection.execute(EVENTS.insert().values(id=new_id("ev"), entry=entry, **values))

    return make


def test_delivered_events_are_forgotten_after_thirty_days(desk, told):
    for days in (tidy.EVENT_DAYS - 1, tidy.EVENT_DAYS + 1):
        told(events.DELIVERED, days)
    entries = len(desk.acts)
    assert [tidy.purge_events(desk.tools) for _ in range(2)] == [1, 0]
    assert (len(desk.rows(EVENTS)), len(desk.acts)) == (1, entries)


@pytest.mark.parametrize("state", [events.FAILED, events.PENDING])
def test_event_that_was_not_delivered_is_kept_for_ever(desk, told, state):
    told(state, 4_000)
    assert tidy.purge_events(desk.tools) == 0


def test_one_round_of_tidying_does_all_of_it(web, told, age, clock):
    told(events.DELIVERED, 31)
    web.open()
    age(days=30)
    clock.advance(days=2)
    tidy.tidy(web.tools)
    assert (keys(web), web.desk.rows(EVENTS)) == (0, [])
    assert web.desk.acts[-1] == Act.FIELDS_SPENT.value
