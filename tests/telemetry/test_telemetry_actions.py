"""One line for each act that the journal records, and none for what was rolled back."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from service.store import database, journal
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import ENTRIES
from tests.support.web import Web

SUBSCRIPTION = "/v1/accounts/acct-a/subscription"


def acts(logged):
    """The lines so far, without what says nothing of the act."""
    lines = [json.loads(line) for line in logged().splitlines()]
    return [
        {name: value for name, value in line.items() if name not in {"time", "level", "event"}}
        for line in lines
        if line["event"] == "action.recorded"
    ]


def entries(engine):
    """The journal, as the log should tell it."""
    columns = ENTRIES.c.act, ENTRIES.c.actor, ENTRIES.c.subject, ENTRIES.c.account, ENTRIES.c.request
    names = ("act", "actor", "subject", "account", "request_id")
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).order_by(ENTRIES.c.number)).all()
    return [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]


def write(connection, subject):
    journal.write(connection, Act.CARD_SHOWN, Origin("operator"), subject=subject, account="acct-a", image={})


def write_and_then(engine, act):
    """A transaction with an entry, at the end of which something else happens."""
    with engine.begin() as connection:
        write(connection, new_id("sub"))
        act(connection)


def every_act_of_a_customer(web):
    web.revoke(web.new_key("accounts:read")[0])
    session = web.open()
    assert web.complete(session).status_code == 201
    assert web.call("PATCH", SUBSCRIPTION, auth=web.key, json={"members": 12}).status_code == 200
    assert web.call("PATCH", SUBSCRIPTION, auth=web.key, json={"plan": "business"}).status_code == 200
    assert web.cancel().status_code == 200
    assert web.cancel(method="DELETE").status_code == 204
    assert web.card().status_code == 200
    web.bluesnap.type_card("AMEX", "0126")
    assert web.replace_card(web.open_for_card()).status_code == 200
    (charge,) = web.call("GET", "/v1/accounts/acct-a/charges", auth=web.key).json["charges"]
    refunded = web.post(f"/v1/charges/{charge['id']}/refunds", {"reason": "requested_by_customer"}, auth=web.key)
    assert refunded.status_code == 201


def test_each_act_of_a_customer_leaves_one_line(tools, bluesnap, logged):
    web = Web(tools, bluesnap)
    every_act_of_a_customer(web)
    told = acts(logged)
    assert told == entries(tools.engine)
    expected = {
        "key.created", "key.revoked", "session.opened", "session.completed", "signup.active",
        "subscription.change_requested", "subscription.changed", "subscription.ending", "subscription.resumed", "card.shown",
        "card.replaced", "refund.requested", "refund.succeeded",
    }  # fmt: skip
    assert expected <= {line["act"] for line in told}
    assert {line["actor"] for line in told if line["act"].startswith("key.")} == {"operator"}
    assert all("request_id" in line for line in told if line["actor"].startswith(("key:", "session:")))
    assert "~" not in logged()


def test_refused_request_leaves_no_act(web, logged):
    assert web.order(plan="none").status_code == 422
    assert acts(logged) == []


def test_act_that_is_rolled_back_leaves_no_line(engine, logged):
    def stop(_):
        raise LookupError

    with pytest.raises(LookupError):
        write_and_then(engine, stop)
    with engine.connect() as connection:
        write(connection, new_id("sub"))
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    assert acts(logged) == entries(engine) == []


def test_act_within_a_savepoint_leaves_a_line_if_it_stays(engine, logged):
    first, lost, kept, last = (new_id("sub") for _ in range(4))
    with engine.begin() as connection:
        write(connection, first)
        undone = connection.begin_nested()
        write(connection, lost)
        with connection.begin_nested():
            write(connection, lost)
        undone.rollback()
        with connection.begin_nested():
            write(connection, kept)
        write(connection, last)
    assert [line["subject"] for line in acts(logged)] == [first, kept, last]
    assert acts(logged) == entries(engine)


def test_two_transactions_of_one_connection_leave_their_own_lines(engine, logged):
    first, second, third = (new_id("sub") for _ in range(3))
    with engine.connect() as connection:
        write(connection, first)
        connection.commit()
        write(connection, second)
        connection.rollback()
        write(connection, third)
        connection.commit()
    assert [line["subject"] for line in acts(logged)] == [first, third]


def test_commit_that_fails_leaves_no_line(engine, logged):
    def break_a_rule_that_is_looked_at_last(connection):
        connection.execute(text("CREATE TEMP TABLE twice (a int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"))
        connection.execute(text("INSERT INTO twice VALUES (1), (1)"))

    with pytest.raises(DBAPIError):
        write_and_then(engine, break_a_rule_that_is_looked_at_last)
    assert acts(logged) == entries(engine) == []


def test_connection_that_is_lost_at_its_commit_leaves_no_line(engine, logged):
    def end_its_server_process(connection):
        number = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:number, 5000)"), {"number": number})

    with pytest.raises(DBAPIError):
        write_and_then(engine, end_its_server_process)
    assert acts(logged) == entries(engine) == []


def test_line_is_there_only_after_the_commit(engine, logged):
    with engine.begin() as connection:
        write(connection, new_id("sub"))
        assert acts(logged) == []
    assert len(acts(logged)) == 1


def test_engine_that_nobody_listens_to_still_writes_entries(module_database, engine):
    from sqlalchemy import create_engine

    plain = create_engine(database.url_of(module_database), hide_parameters=True)
    subject = new_id("sub")
    with plain.begin() as connection:
        write(connection, subject)
    plain.dispose()
    assert [entry["subject"] for entry in entries(engine)] == [subject]
