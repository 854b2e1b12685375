"""Rows come back as they were: deleted ones and changed ones, each with its entry, and nothing else moves. BlueSnap is asked afterwards."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from service.billing.buying import settle
from service.billing.life import looks
from service.billing.life.cancellation import Order, change_renewal
from service.billing.money import refunds
from service.billing.repair import restoring
from service.billing.repair.restoring import RestoreRefusedError
from service.errors import Code, Unknown
from service.store import keys
from service.store.history import TABLES
from service.store.journal import Origin
from service.store.models import ENTRIES, SIGNUPS, SUBSCRIPTIONS
from tests.support.desk import PLATFORM
from tests.support.granting import Granting
from tests.support.notices import charge_form, deliver, dispute_form
from tests.support.outcomes import refused
from tests.support.past import OF_ACCOUNT, by_hand, lose, lying, moment

pytestmark = pytest.mark.by_hand
OPERATOR = Origin("operator", reason="mistake")
NAMELESS = {"name": "backend", "scopes": ["accounts:read", "checkout:write"], "environment": "simulator"}


#: What is no account's, and what never comes back.
OTHERS = {"api_keys", "api_key_scopes", "people", "people_scopes", "reviews", *restoring.RIGHTS}


def test_every_kept_table_is_of_an_account_here_or_said_not_to_be():
    assert set(TABLES) == set(OF_ACCOUNT) | OTHERS


def restore(tools, at, name="acct-a", *, apply=True):
    return restoring.restore(tools, name, at, apply=apply, origin=OPERATOR)


def does(done):
    return {(one.kind, one.does) for one in done.changes}


def entries(tools):
    with tools.engine.connect() as connection:
        return connection.execute(select(ENTRIES).order_by(ENTRIES.c.number)).all()


@pytest.fixture
def full(desk, bluesnap):
    """An account with a row of every kind; answers the moment after."""
    desk.buy()
    bought = bluesnap.subscriptions[0]
    deliver(desk.tools, charge_form(bought))
    wanted = refunds.Order(Decimal("10.00"), "duplicate", cancel_subscription=False)
    refunds.order(desk.tools, PLATFORM, desk.charges[0].id, wanted)
    deliver(desk.tools, dispute_form(bought))
    by_hand(
        desk.tools.engine,
        "INSERT INTO tasks (id, kind, subject, account, state, opened_at) VALUES (:id, 'overcharge', :charge, 'acct-a', 'open', now())",
        id="tk_" + "b" * 30, charge=desk.charges[0].id,
    )  # fmt: skip
    desk.open("acct-other")
    return moment(desk.tools.engine)


def test_rows_deleted_by_hand_come_back_equal(desk, tools, full):
    before, others = lying(tools.engine), lying(tools.engine, "acct-other")
    assert set(lose(tools.engine)) == {table for table, rows in before.items() if rows}
    assert len([rows for rows in before.values() if rows]) == 10
    assert not any(lying(tools.engine).values())
    done = restore(tools, full)
    assert (done.applied, done.later) == (True, [])
    assert lying(tools.engine) == before
    assert lying(tools.engine, "acct-other") == others
    last = entries(tools)[-len(done.changes) :]
    assert {(row.act, row.actor, row.reason) for row in last} == {("record.restored", "operator", "mistake")}
    assert {row.xid for row in last} == {last[0].xid}
    assert last[0].image["table"] == "accounts"


def test_without_apply_nothing_is_done_and_the_same_is_said(tools, full):
    lose(tools.engine)
    number = entries(tools)[-1].number
    said = restore(tools, full, apply=False)
    assert not any(lying(tools.engine).values())
    assert entries(tools)[-1].number == number
    done = restore(tools, full)
    assert (said.applied, done.applied, said.changes, said.looks) == (False, True, done.changes, done.looks)


def test_restoring_again_changes_nothing_more(tools, full):
    lose(tools.engine)
    restore(tools, full)
    number = entries(tools)[-1].number
    again = restore(tools, full)
    assert not again.differs
    assert {change for _, change in does(again)} == {"same"}
    assert entries(tools)[-1].number == number


def test_changed_row_gets_its_values_back_and_a_version_of_its_own(desk, tools):
    desk.buy()
    at, before = moment(tools.engine), desk.subscriptions[0]
    by_hand(tools.engine, "UPDATE subscriptions SET members = 99, plan = 'business'")
    done = restore(tools, at, before.id)
    [change] = done.changes
    assert (change.does, change.columns) == ("update", {"members": (99, 10), "plan": ("business", "team")})
    after = desk.subscriptions[0]
    assert (after.members, after.plan, after.version) == (10, "team", before.version + 1)


def test_row_that_came_later_is_named_and_stays(desk, tools):
    desk.buy()
    at = moment(tools.engine)
    session = desk.open_for_card()
    done = restore(tools, at)
    assert [(one.kind, one.subject) for one in done.later] == [("checkout_sessions", session)]
    assert session in {row.id for row in desk.sessions}


def test_single_record_brings_the_rows_that_it_refers_to(desk, tools):
    desk.buy()
    at, charge = moment(tools.engine), desk.charges[0].id
    lose(tools.engine)
    done = restore(tools, at, charge)
    assert [one.kind for one in done.changes] == ["accounts", "subscriptions", "charges"]
    assert ([row.id for row in desk.charges], desk.signups) == ([charge], [])


def test_look_is_ordered_and_finds_what_bluesnap_did_meanwhile(desk, bluesnap, tools):
    desk.buy()
    at = moment(tools.engine)
    lose(tools.engine)
    bluesnap.change(bluesnap.subscriptions[0].subscription_id, status="CANCELED", auto_renew=False)
    done = restore(tools, at)
    assert done.looks == [desk.subscriptions[0].id]
    assert desk.subscriptions[0].status == "active"
    assert looks.look_due(tools) == 1
    assert desk.subscriptions[0].renews is False


def test_token_of_an_open_session_stays_lost_and_the_page_renews_it(desk, tools):
    session = desk.open()
    at = moment(tools.engine)
    lose(tools.engine)
    done = restore(tools, at)
    assert [one.notes for one in done.changes if one.kind == "checkout_sessions"] == [
        ("without its payment-fields token: the page renews it",)
    ]
    assert (desk.view(session).status, desk.view(session).fields_token) == ("open", None)
    desk.renew(session)
    desk.complete(session)
    assert desk.view(session).status == "complete"


def test_newer_live_subscription_is_in_the_way_and_nothing_comes_back(desk, tools):
    desk.buy()
    at = moment(tools.engine)
    lose(tools.engine)
    desk.buy()
    before = lying(tools.engine)
    with pytest.raises(RestoreRefusedError) as caught:
        restore(tools, at)
    assert (caught.value.word, caught.value.row.kind) == ("subscription_exists", "subscriptions")
    assert lying(tools.engine) == before


def test_charge_that_a_look_found_again_is_in_the_way(desk, tools):
    desk.buy()
    at, charge = moment(tools.engine), desk.charges[0].id
    by_hand(tools.engine, "DELETE FROM charges")
    by_hand(tools.engine, "UPDATE subscriptions SET look_at = now()")
    looks.look_due(tools)
    assert [row.id for row in desk.charges] != [charge]
    with pytest.raises(RestoreRefusedError) as caught:
        restore(tools, at, charge)
    assert (caught.value.word, caught.value.rule) == ("taken", "charges_reference_key")


@pytest.mark.parametrize("proven", ["true", "false"])
def test_undecided_purchase_that_comes_back_is_looked_for_and_never_repeated(make_tools, bluesnap, proven):
    from tests.support.desk import Desk

    desk = Desk(make_tools(idempotency_proven=proven), bluesnap)
    bluesnap.script("create_subscription", Unknown("read_timed_out"))
    desk.complete(desk.open())
    at = moment(desk.tools.engine)
    lose(desk.tools.engine)
    restore(desk.tools, at)
    assert desk.states == ["subscription_unknown"]
    assert settle.settle_due(desk.tools) == 1
    assert len(bluesnap.made("create_subscription")) == 1
    assert desk.states == ["stuck"], "a person is asked"


def test_purchase_that_bluesnap_carried_out_is_adopted_after_its_rows_came_back(desk, bluesnap, tools):
    bluesnap.script("create_subscription", Unknown("read_timed_out"), happens=True)
    desk.complete(desk.open())
    at = moment(tools.engine)
    lose(tools.engine)
    restore(tools, at)
    assert settle.settle_due(tools) == 1
    assert (desk.states, len(bluesnap.made("create_subscription"))) == (["active"], 1)


def test_process_that_held_a_signup_before_has_lost_it(desk, bluesnap, tools):
    bluesnap.script("create_subscription", Unknown("read_timed_out"))
    desk.complete(desk.open())
    at, held = moment(tools.engine), desk.signups[0].fence
    lose(tools.engine)
    restore(tools, at)
    assert desk.signups[0].fence > held + 1_000_000


def test_refund_that_comes_back_is_looked_for_and_given_once(desk, bluesnap, tools):
    desk.buy()
    bluesnap.script("refund", Unknown("read_timed_out"), happens=True)
    wanted = refunds.Order(Decimal("10.00"), "duplicate", cancel_subscription=False, key=uuid.uuid4())
    given = refunds.order(tools, PLATFORM, desk.charges[0].id, wanted)
    assert given.status == "unknown"
    at = moment(tools.engine)
    by_hand(tools.engine, "DELETE FROM refunds")
    restore(tools, at, given.id)
    refunds.settle_due(tools)
    assert len(bluesnap.made("refund")) == 1
    assert len(bluesnap.given(desk.charges[0].reference)) == 1


def test_ordered_change_of_a_restored_subscription_waits_until_it_can_be_over(desk, bluesnap, tools):
    desk.buy()
    bluesnap.script("update_subscription", Unknown("read_timed_out"))
    change_renewal(tools, PLATFORM, "acct-a", Order.CANCEL)
    at = moment(tools.engine)
    lose(tools.engine)
    restore(tools, at)
    assert refused(change_renewal, tools, PLATFORM, "acct-a", Order.CANCEL).code == Code.SUBSCRIPTION_CHANGED
    with tools.engine.connect() as connection:
        left = connection.execute(select(SUBSCRIPTIONS.c.pending_until)).scalar_one() - moment(tools.engine)
    assert timedelta(seconds=tools.settings.total_seconds) < left < timedelta(hours=1)


def test_key_comes_back_with_its_scopes_and_a_revoked_one_stays_revoked(tools, clock):
    with tools.engine.begin() as connection:
        key, text = keys.create(connection, **NAMELESS, now=clock(), origin=PLATFORM)
    at = moment(tools.engine)
    by_hand(tools.engine, "DELETE FROM api_key_scopes WHERE scope = 'accounts:read'")
    by_hand(tools.engine, "DELETE FROM api_key_scopes")
    by_hand(tools.engine, "DELETE FROM api_keys")
    restore(tools, at, key.id)
    with tools.engine.begin() as connection:
        assert keys.find(connection, text).key == key
        assert keys.scopes_of(connection, key.id) == set(NAMELESS["scopes"])
        keys.revoke(connection, key.id, now=clock(), origin=PLATFORM)
    assert not restore(tools, at, key.id).differs
    by_hand(tools.engine, "DELETE FROM api_key_scopes")
    by_hand(tools.engine, "DELETE FROM api_keys")
    done = restore(tools, at, key.id)
    assert [one.notes for one in done.changes if one.kind == "api_keys"] == [("its end has come since, and stays",)]
    with tools.engine.connect() as connection:
        assert keys.find(connection, text).key.revoked_at is not None


@pytest.mark.parametrize("name", ["acct-never", "sub_" + "b" * 30])
def test_what_was_not_there_cannot_come_back(tools, full, name):
    with pytest.raises(RestoreRefusedError, match="unknown"):
        restore(tools, full, name)


def test_moment_before_the_account_or_to_come_is_refused(desk, tools):
    before = moment(tools.engine)
    desk.buy()
    with pytest.raises(RestoreRefusedError, match="unknown"):
        restore(tools, before)
    with pytest.raises(RestoreRefusedError, match="in_future"):
        restore(tools, moment(tools.engine) + timedelta(minutes=1))


def test_account_may_be_named_like_one_of_our_ids(desk, tools):
    name = "sub_" + "c" * 30
    desk.buy(account=name)
    at, before = moment(tools.engine), lying(tools.engine, name)
    lose(tools.engine, name)
    restore(tools, at, name)
    assert lying(tools.engine, name) == before


def test_rows_that_changed_their_state_since_go_back_together(desk, tools):
    session = desk.open()
    at = moment(tools.engine)
    desk.complete(session)
    done = restore(tools, at)
    assert ("checkout_sessions", "update") in does(done)
    assert desk.status(session) == "open"
    assert {one.kind for one in done.later} == {"signups", "subscriptions", "charges", "prices"}
    assert desk.rows(SIGNUPS)[0].state == "active"


def test_grant_of_access_that_is_over_does_not_come_back(desk, tools, their_issuer):
    granting = Granting(tools, their_issuer)
    grant, session = granting.live(), desk.open()
    at = moment(tools.engine)
    granting.end(grant)
    with pytest.raises(RestoreRefusedError, match="right"):
        restore(tools, at, grant)
    by_hand(tools.engine, "DELETE FROM checkout_sessions")
    assert ("checkout_sessions", "insert") in does(restore(tools, at))
    assert (granting.status(grant), desk.status(session)) == ("ended", "open")


def test_person_who_left_does_not_come_in_again(tools, their_issuer):
    anna = Granting(tools, their_issuer).anna
    at = moment(tools.engine)
    by_hand(tools.engine, "UPDATE people SET left_at = now() WHERE id = :id", id=anna.id)
    assert not restore(tools, at, anna.id).differs
