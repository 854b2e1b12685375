"""Limits against card testing: by address prefix, by declines of a prefix, by declines of all; counted in the database, open again in time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.billing.buying.limits import address_digests
from service.errors import Code, Declined, DeclineReason, Refusal
from service.store.keyring import Keyring
from service.store.models import SESSIONS
from tests.support.desk import Desk
from tests.support.metrics import reading

SOFT = Declined("declined", DeclineReason.INSUFFICIENT_FUNDS, hard=False)
RING = Keyring([("one", b"o" * 32)])


def refused(act, *arguments, **how):
    with pytest.raises(Refusal) as told:
        act(*arguments, **how)
    return told.value


def attempt(desk, number, *, address=None, declined=False):
    """One card attempt of an account of its own; how it ended."""
    session_id = desk.open(account=f"acct-{'abcdefghijklmnopqrstuvwxyz'[number]}", address=address)
    if declined:
        desk.bluesnap.script("create_shopper", SOFT)
    try:
        return desk.complete(session_id).status
    except Refusal as refusal:
        return refusal.code.value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "192.0.2.254"),
        ("2001:db8:1:ff00::1", "2001:db8:1:ffff:ffff:ffff:ffff:ffff"),
        ("2001:DB8::1", "2001:db8::0001"),
    ],
)
def test_addresses_of_one_prefix_count_as_one(one, other):
    assert address_digests(RING, one) == address_digests(RING, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("192.0.2.1", "192.0.3.1"), ("2001:db8:1:fe00::1", "2001:db8:1:ff00::1"), ("192.0.2.1", "2001:db8::1")],
)
def test_addresses_of_different_prefixes_count_apart(one, other):
    assert address_digests(RING, one) != address_digests(RING, other)


def test_address_is_kept_as_a_keyed_digest_only(desk):
    desk.open(address="192.0.2.1")
    (kept,) = [row.address for row in desk.rows(SESSIONS)]
    assert [kept] == address_digests(desk.tools.keyring, "192.0.2.1")
    assert [kept] != address_digests(RING, "192.0.2.1")
    assert address_digests(RING, None) == []


def test_sessions_of_one_prefix_are_limited_for_ten_minutes(desk, bluesnap, clock):
    for turn in range(5):
        desk.open(account=f"acct-{turn}", address=f"192.0.2.{turn}")
    told = refused(desk.open, account="acct-z", address="192.0.2.99")
    assert (told.code, told.retry_after) == (Code.TOO_MANY_ATTEMPTS, 600)
    assert len(bluesnap.made("create_payment_fields_token")) == 5
    desk.open(account="acct-z", address="192.0.3.1")
    desk.open(account="acct-z")
    clock.advance(minutes=10, seconds=-1)
    refused(desk.open, account="acct-z", address="192.0.2.99")
    clock.advance(seconds=1)
    desk.open(account="acct-z", address="192.0.2.99")


def test_sessions_opened_at_the_same_moment_keep_the_limit(desk):
    def open_one(turn):
        try:
            return desk.open(account=f"acct-{turn}", address="192.0.2.1")
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(10) as pool:
        opened = list(pool.map(open_one, range(10)))
    assert opened.count(Code.TOO_MANY_ATTEMPTS) == 5
    assert len(desk.sessions) == 5


@pytest.fixture
def small(make_tools, bluesnap):
    """Breakers that wake after 8 attempts in all, or 3 of one prefix (a quarter, at least three), at 40 %."""
    return Desk(make_tools(breaker_minimum="8", sessions_per_address="100", attempts_per_account="100"), bluesnap)


def test_many_declines_stop_card_attempts_of_everybody_for_a_while(small, bluesnap, clock):
    before = reading("panless_limits_hit_total", limit="breaker_global")
    ends = [attempt(small, turn, declined=turn < 4) for turn in range(8)]
    assert ends.count("active") == 4
    vaulted = len(bluesnap.made("create_shopper"))
    session_id = small.open(account="acct-new")
    told = refused(small.complete, session_id)
    assert (told.code, told.retry_after) == (Code.TOO_MANY_ATTEMPTS, 300)
    assert small.status(session_id) == "open"
    assert len(bluesnap.made("create_shopper")) == vaulted
    assert reading("panless_limits_hit_total", limit="breaker_global") == before + 1
    clock.advance(minutes=5)
    assert small.complete(session_id).status == "active"


def test_fewer_declines_than_the_share_stop_nobody(small):
    ends = [attempt(small, turn, declined=turn < 3) for turn in range(8)]
    assert ends.count("active") == 5
    assert attempt(small, 8) == "active"


def test_few_attempts_stop_nobody_however_they_ended(small):
    for turn in range(7):
        assert attempt(small, turn, declined=True) == "card_declined"
    assert attempt(small, 7) == "active"


def test_declines_of_one_prefix_stop_that_prefix_alone(small):
    for turn in range(3):
        assert attempt(small, turn, address=f"192.0.2.{turn}", declined=True) == "card_declined"
    assert attempt(small, 3, address="192.0.2.77") == "too_many_attempts"
    assert attempt(small, 4, address="192.0.3.1") == "active"
    assert attempt(small, 5) == "active"


def test_address_of_a_trusted_proxy_counts_where_the_platform_gave_none(small):
    for name in "abc":
        small.bluesnap.script("create_shopper", SOFT)
        refused(small.complete, small.open(account=f"acct-{name}"), address="192.0.2.1")
    assert refused(small.complete, small.open(account="acct-d"), address="192.0.2.9").code is Code.TOO_MANY_ATTEMPTS
    assert small.complete(small.open(account="acct-d"), address="192.0.3.1").status == "active"


def test_address_given_by_the_platform_outweighs_the_proxys(small):
    for turn in range(3):
        attempt(small, turn, address="192.0.2.1", declined=True)
    told = refused(small.complete, small.open(account="acct-z", address="192.0.2.1"), address="198.51.100.1")
    assert told.code is Code.TOO_MANY_ATTEMPTS
