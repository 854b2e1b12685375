"""Tidying: a payment-fields token is wiped with the session that it belonged to, and nothing else is touched."""

from __future__ import annotations

from service.billing import tidy
from service.errors import NeverSent


def test_tokens_of_expired_sessions_are_wiped(desk, clock):
    old = desk.open()
    clock.advance(minutes=desk.tools.settings.session_minutes)
    young = desk.open(account="acct-b")
    assert tidy.wipe_expired_fields(desk.tools) == 1
    kept = {row.id: row.fields_sealed for row in desk.sessions}
    assert kept[old] is None
    assert kept[young] is not None
    assert desk.status(old) == "expired"


def test_tidying_twice_changes_nothing_more(desk, clock):
    desk.open()
    clock.advance(days=2)
    assert [tidy.wipe_expired_fields(desk.tools) for _ in range(2)] == [1, 0]
    assert desk.acts[-1] == "session.fields_spent"


def test_open_sessions_keep_their_tokens(desk):
    desk.open()
    assert tidy.wipe_expired_fields(desk.tools) == 0


def test_undecided_sessions_are_left_alone_however_old(desk, bluesnap, clock):
    bluesnap.script("create_subscription", NeverSent("connection_refused"))
    session_id = desk.buy()
    clock.advance(days=9)
    assert tidy.wipe_expired_fields(desk.tools) == 0
    assert desk.status(session_id) == "confirming"
