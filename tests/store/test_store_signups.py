"""Card attempts as rows: who holds one, which of them is about a card, and whose vault we filled."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from service.store import accounts, changes, signups
from service.store.changes import LostRaceError
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import CheckoutSession, Signup, Subscription

NOW = datetime(2031, 3, 10, 17, 0, tzinfo=UTC)
#: By the database's clock.
LONG_AGO = datetime(2021, 3, 10, tzinfo=UTC)
ORIGIN = Origin("worker")
SUBSCRIPTION = Subscription(
    id=new_id("sub"), account="acct-a", plan="team", plan_version=1, members=10, amount=Decimal("290.00"), currency="USD",
    status="active", renews=True, looked=0, version=1, created_at=NOW,
)  # fmt: skip
SESSION = CheckoutSession(
    id=new_id("cs"), account="acct-a", purpose="replace_card", three_d_secure_required=False, state="open", renewals=0,
    created_at=NOW, expires_at=NOW,
)  # fmt: skip
SIGNUP = Signup(
    id=new_id("su"), session_id=SESSION.id, account="acct-a", subscription_id=SUBSCRIPTION.id, state="card_requested",
    shopper_key=uuid.uuid4(), subscription_key=uuid.uuid4(), looked=0, fence=1, lease_until=LONG_AGO, called_at=NOW, created_at=NOW,
)  # fmt: skip


@pytest.fixture
def connection(engine):
    with engine.begin() as opened:
        accounts.lock(opened, "acct-a", NOW)
        for record in (SUBSCRIPTION, SESSION, SIGNUP):
            changes.add(opened, record, Act.CARD_REQUESTED, ORIGIN)
        yield opened


def test_holder_keeps_an_attempt_from_everybody_else(connection):
    assert signups.LEASE.due(connection, 10) == [SIGNUP.id]
    signups.keep(connection, SIGNUP, 60)
    assert signups.LEASE.due(connection, 10) == []
    assert signups.take(connection, SIGNUP.id, 60) is None


def test_attempt_that_was_taken_over_cannot_be_kept(connection):
    taken = signups.take(connection, SIGNUP.id, 60)
    with pytest.raises(LostRaceError):
        signups.keep(connection, SIGNUP, 60)
    signups.keep(connection, taken, 60)


def test_attempt_that_has_ended_cannot_be_kept(connection):
    changes.change(connection, SIGNUP, Act.SIGNUP_RELEASED, ORIGIN, state="released")
    with pytest.raises(LostRaceError):
        signups.keep(connection, SIGNUP, 60)


def test_attempt_about_a_card_is_found_while_it_is_undecided(connection):
    assert signups.of_card(connection, SUBSCRIPTION.id) == SIGNUP
    assert signups.of_card(connection, new_id("sub")) is None
    changes.change(connection, SIGNUP, Act.CARD_REPLACED, ORIGIN, state="replaced")
    assert signups.of_card(connection, SUBSCRIPTION.id) is None


@pytest.mark.parametrize(("session_id", "ours"), [(SESSION.id, True), (None, False)], ids=["session", "stored card"])
def test_vault_is_ours_if_a_session_has_filled_it(connection, session_id, ours):
    assert not signups.vaulted_here(connection, "7100001")
    vaulted = dataclasses.replace(SIGNUP, id=new_id("su"), session_id=session_id, provider_shopper="7100001")
    changes.add(connection, vaulted, Act.SHOPPER_REQUESTED, ORIGIN)
    assert signups.vaulted_here(connection, "7100001") is ours


@pytest.mark.parametrize(("state", "counted"), [("replaced", (1, 0)), ("declined", (1, 1)), ("released", (0, 0))])
def test_decided_attempts_about_a_card_count_as_card_attempts(connection, state, counted):
    changes.change(connection, SIGNUP, Act.CARD_REPLACED, ORIGIN, state=state)
    seen = signups.decided(connection, NOW - timedelta(minutes=5))
    assert (seen.decided, seen.declined) == counted
    assert signups.tried(connection, account="acct-a") == counted[0]
