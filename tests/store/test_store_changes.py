"""Every change of a business record leaves its entry in the same transaction, without a secret in it; of two changes at once one loses."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from service.store import accounts, changes, keys
from service.store.changes import LostRaceError
from service.store.ids import new_id
from service.store.journal import LEFT_OUT, Act, Origin, image_of
from service.store.models import ENTRIES, CheckoutSession, Signup, Subscription

NOW = datetime(2031, 3, 10, 17, 0, 0, 250_000, tzinfo=UTC)
ORIGIN = Origin(f"key:{new_id('key')}", new_id("req"))
SUBSCRIPTION = Subscription(
    id=new_id("sub"), account="acct-a", plan="team", plan_version=1, members=10, amount=Decimal("290.00"), currency="USD",
    status="incomplete", provider_subscription="7100001", provider_shopper="7100002", next_charge_on=date(2031, 4, 10),
    paid_until=NOW, renews=True, ended_at=NOW, look_at=NOW, looked=0, pending_change="cancellation", pending_until=NOW,
    pending_plan="business", pending_plan_version=1, pending_members=9, next_plan="team", next_plan_version=1, applies_from=date(2031, 4, 10), version=1, created_at=NOW,
)  # fmt: skip
SESSION = CheckoutSession(
    id=new_id("cs"), account="acct-a", purpose="subscribe", plan="team", plan_version=1, members=10, amount=Decimal("290.00"),
    currency="USD", three_d_secure_required=True, state="open", decline_reason="refused", fields_sealed=b"secret" * 10, fields_expire_at=NOW, renewals=0,
    address=b"a" * 32, created_at=NOW, expires_at=NOW, ended_at=NOW, subscription_id=None, key_id="one",
)  # fmt: skip
SIGNUP = Signup(
    id=new_id("su"), session_id=SESSION.id, account="acct-a", subscription_id=SUBSCRIPTION.id, state="shopper_requested",
    provider_shopper="7100002", shopper_key=uuid.UUID(int=5, version=4), subscription_key=uuid.UUID(int=6, version=4),
    fraud_session="f1", three_d_secure="7100003", address=b"a" * 32, cause="read_timed_out", looked=0, fence=1,
    lease_until=NOW, called_at=NOW, created_at=NOW,
)  # fmt: skip
RECORDS = {"session": SESSION, "subscription": SUBSCRIPTION, "signup": SIGNUP}
SECRETS = {
    "session": {"fields_sealed", "address", "key_id"},
    "subscription": {"look_at", "looked", "pending_until"},
    "signup": {
        "shopper_key", "subscription_key", "fraud_session", "three_d_secure", "address", "fence", "lease_until", "called_at", "looked",
    },
}  # fmt: skip


@pytest.fixture
def connection(engine):
    with engine.begin() as opened:
        accounts.lock(opened, "acct-a", NOW)
        for record in (SUBSCRIPTION, SESSION, SIGNUP):
            changes.add(opened, record, Act.SESSION_OPENED, ORIGIN)
        yield opened


def entries(connection, subject):
    statement = select(ENTRIES).where(ENTRIES.c.subject == subject).order_by(ENTRIES.c.number)
    return connection.execute(statement).all()


@pytest.mark.parametrize("name", RECORDS)
def test_image_holds_everything_but_the_secrets(name):
    record = RECORDS[name]
    known = {item.name for item in dataclasses.fields(record) if getattr(record, item.name) is not None}
    assert set(image_of(record)) == known - SECRETS[name]
    assert known & LEFT_OUT == SECRETS[name]


@pytest.mark.parametrize("name", RECORDS)
def test_adding_a_record_writes_its_entry(connection, name):
    record = RECORDS[name]
    (entry,) = entries(connection, record.id)
    assert (entry.actor, entry.request, entry.act) == (ORIGIN.actor, ORIGIN.request, "session.opened")
    assert entry.account == "acct-a"
    assert entry.image == image_of(record)
    assert entry.version == getattr(record, "version", None)


def test_changing_a_record_writes_how_it_is_afterwards(connection):
    changed = changes.change(connection, SUBSCRIPTION, Act.SUBSCRIPTION_ACTIVATED, ORIGIN, status="active")
    assert (changed.status, changed.version) == ("active", 2)
    assert accounts.subscription(connection, SUBSCRIPTION.id) == changed
    entry = entries(connection, SUBSCRIPTION.id)[-1]
    assert (entry.act, entry.version, entry.image["status"]) == ("subscription.activated", 2, "active")


def test_money_and_times_in_an_image_are_exact_text():
    image = image_of(SUBSCRIPTION)
    assert image["amount"] == "290.00"
    assert image["paid_until"] == "2031-03-10T17:00:00.250000Z"
    assert image["next_charge_on"] == "2031-04-10"


def test_second_change_of_the_same_version_loses(connection):
    changes.change(connection, SUBSCRIPTION, Act.SUBSCRIPTION_ACTIVATED, ORIGIN, status="active")
    written = len(entries(connection, SUBSCRIPTION.id))
    with pytest.raises(LostRaceError):
        changes.change(connection, SUBSCRIPTION, Act.SUBSCRIPTION_VOIDED, ORIGIN, status="void")
    assert accounts.subscription(connection, SUBSCRIPTION.id).status == "active"
    assert len(entries(connection, SUBSCRIPTION.id)) == written


def test_change_behind_an_old_fence_loses(connection):
    taken = dataclasses.replace(SIGNUP, fence=2)
    with pytest.raises(LostRaceError):
        changes.change(connection, taken, Act.SIGNUP_DECLINED, ORIGIN, state="declined")
    assert len(entries(connection, SIGNUP.id)) == 1


def test_change_and_entry_are_undone_together(engine):
    with engine.connect() as opened:
        transaction = opened.begin()
        accounts.lock(opened, "acct-a", NOW)
        changes.add(opened, SESSION, Act.SESSION_OPENED, ORIGIN)
        transaction.rollback()
        assert accounts.session(opened, SESSION.id) is None
        assert entries(opened, SESSION.id) == []


def test_account_has_one_live_or_undecided_purchase_at_most(connection):
    second = dataclasses.replace(SUBSCRIPTION, id=new_id("sub"), provider_subscription=None)
    nested = connection.begin_nested()
    with pytest.raises(Exception, match="one_purchase_per_account"):
        changes.add(connection, second, Act.SUBSCRIPTION_CLAIMED, ORIGIN)
    nested.rollback()
    changes.change(connection, SUBSCRIPTION, Act.SUBSCRIPTION_VOIDED, ORIGIN, status="void")
    changes.add(connection, second, Act.SUBSCRIPTION_CLAIMED, ORIGIN)
    assert accounts.claiming_subscription(connection, "acct-a") == second


def test_key_is_kept_as_a_digest_and_its_text_nowhere(connection):
    key, text = keys.create(
        connection, name="demo-shop", scopes=["accounts:read"], environment="simulator", now=NOW, origin=ORIGIN
    )
    assert keys.find(connection, text) == keys.Found(key, ended=False)
    assert keys.find(connection, text[:-1] + ("A" if text[-1] != "A" else "B")) is None
    assert keys.scopes_of(connection, key.id) == {"accounts:read"}
    (entry,) = entries(connection, key.id)
    assert (entry.act, entry.image) == ("key.created", {"name": "demo-shop", "scopes": ["accounts:read"], "days": 365})
    assert text not in repr(key)


def test_revoked_key_stays_known_and_is_revoked_once(connection):
    key, text = keys.create(
        connection, name="demo-shop", scopes=["accounts:read"], environment="simulator", now=NOW, origin=ORIGIN
    )
    assert keys.revoke(connection, key.id, now=NOW, origin=ORIGIN)
    assert not keys.revoke(connection, key.id, now=NOW, origin=ORIGIN)
    assert keys.find(connection, text).key.revoked_at == NOW
    assert [entry.act for entry in entries(connection, key.id)] == ["key.created", "key.revoked"]
    assert [one.id for one in keys.listed(connection)] == [key.id]
