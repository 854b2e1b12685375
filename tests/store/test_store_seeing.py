"""What support may see, in the database: no row without a live grant, no row before the look is committed, and no other way for a role that may only call the functions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import ProgrammingError

from service.store import private, seeing
from service.store.journal import Origin
from service.store.models import CHECKPOINTS, DEPLOYMENT, ENTRIES
from tests.support.databases import by_stealth
from tests.support.granting import Granting, acting
from tests.support.people import leave
from tests.support.proving import entry_of_before, mark_copied, unproven

SIGNATURE = "(account_ref, our_id, our_id, our_id)"
FUNCTIONS = [
    "support_look(account_ref, our_id, our_id)",
    *(f"{name}{SIGNATURE}" for name in (*seeing.SEEN, "support_holds")),
]


@pytest.fixture
def granting(tools, their_issuer):
    return Granting(tools, their_issuer)


@pytest.fixture
def bought(desk):
    """Something to see: two accounts, each with a subscription and a charge."""
    desk.buy()
    desk.buy(account="acct-b")
    return desk


@pytest.fixture
def grant_id(granting, bought):
    return granting.live()


@pytest.fixture
def look(granting, engine):
    """Take a look, committed; None without a grant."""

    def take(account="acct-a", who=None):
        with engine.begin() as connection:
            return private.look(connection, account, (who or granting.anna).id, acting(who or granting.anna))

    return take


def seen(engine, taken):
    with engine.connect() as connection:
        return private.view(connection, taken)


def counted(engine, taken):
    return [len(rows) for rows in vars(seen(engine, taken)).values()]


def looks(engine):
    statement = select(ENTRIES).where(ENTRIES.c.act == "grant.looked").order_by(ENTRIES.c.number)
    with engine.connect() as connection:
        return connection.execute(statement).all()


def test_look_under_a_live_grant_shows_that_account_and_no_other(engine, grant_id, look):
    found = seen(engine, look())
    assert [one.account for one in found.subscriptions] == ["acct-a"]
    assert [one.subscription_id for one in found.charges] == [found.subscriptions[0].id]
    assert (found.refunds, found.disputes) == ([], [])


def test_every_look_is_an_entry_with_its_grant_and_request(engine, granting, grant_id, look):
    first, second = look(), look()
    entries = looks(engine)
    assert [(one.subject, one.account, one.request) for one in entries] == [
        (grant_id, "acct-a", first.request),
        (grant_id, "acct-a", second.request),
    ]
    assert {one.actor for one in entries} == {f"person:{granting.anna.id}"}
    assert entries[0].image == {"purpose": "payment_problem", "ticket": "SUP-1234", "break_glass": False}


@pytest.mark.parametrize("account", ["acct-b", "acct-z"])
def test_grant_of_one_account_is_none_for_another(engine, grant_id, look, account):
    assert look(account) is None
    assert looks(engine) == []


def test_grant_of_one_person_is_none_for_another(engine, granting, grant_id, look):
    assert look(who=granting.bert) is None
    assert looks(engine) == []


@pytest.mark.parametrize("state", ["requested", "refused", "withdrawn", "ended", "reviewed"])
def test_grant_that_is_not_live_shows_nothing(granting, grant_id, look, state):
    granting.move(grant_id, state=state)
    assert look() is None


def test_grant_shows_until_its_end_by_the_clock_of_the_database_and_nothing_after(engine, granting, grant_id, look):
    granting.let_end(grant_id, seconds=60)
    taken = look()
    assert counted(engine, taken) == [1, 1, 0, 0]
    granting.let_end(grant_id, seconds=-0.001)
    assert counted(engine, taken) == [0, 0, 0, 0]
    assert look() is None


def test_grant_that_is_ended_stops_a_look_that_is_under_way(engine, granting, grant_id, look):
    taken = look()
    granting.end(grant_id)
    assert counted(engine, taken) == [0, 0, 0, 0]


def test_person_who_has_left_sees_nothing_from_then_on(engine, granting, grant_id, look):
    taken = look()
    leave(engine, granting.anna)
    assert counted(engine, taken) == [0, 0, 0, 0]
    assert look() is None


def test_nothing_can_be_read_before_the_look_is_committed(engine, granting, grant_id):
    with engine.connect() as connection:
        taken = private.look(connection, "acct-a", granting.anna.id, acting(granting.anna))
        assert not private.holds(connection, taken)
        assert private.view(connection, taken).subscriptions == []
        connection.rollback()
    assert looks(engine) == []
    assert counted(engine, taken) == [0, 0, 0, 0]


def test_nothing_can_be_read_without_a_look_or_with_one_of_another_request(engine, granting, grant_id, look):
    taken = look()
    for changed in (
        private.Look("acct-a", grant_id, granting.anna.id, "req_" + "b" * 30),
        private.Look("acct-b", grant_id, granting.anna.id, taken.request),
        private.Look("acct-a", grant_id, granting.bert.id, taken.request),
        private.Look("acct-a", "gr_" + "b" * 30, granting.anna.id, taken.request),
    ):
        assert counted(engine, changed) == [0, 0, 0, 0]


def test_look_is_good_for_two_minutes_only(engine, granting, grant_id):
    asked = acting(granting.anna)
    with engine.begin() as connection:
        connection.execute(
            ENTRIES.insert().values(
                actor=asked.actor, act="grant.looked", subject=grant_id, account="acct-a", image={}, request=asked.request,
                at=func.clock_timestamp() - timedelta(minutes=2, seconds=1),
            )
        )  # fmt: skip
    assert counted(engine, private.Look("acct-a", grant_id, granting.anna.id, asked.request)) == [0, 0, 0, 0]


def test_look_outside_of_a_request_is_none(engine, granting, grant_id):
    with engine.begin() as connection:
        assert private.look(connection, "acct-a", granting.anna.id, Origin(f"person:{granting.anna.id}")) is None
    assert looks(engine) == []


def test_nothing_is_shown_while_the_journal_has_not_been_proven_for_an_hour(engine, grant_id, look):
    mark_copied(engine)
    entry_of_before(engine, minutes=59)
    taken = look()
    assert counted(engine, taken) == [1, 1, 0, 0]
    unproven(engine)
    before = looks(engine)
    assert look() is None
    assert counted(engine, taken) == [0, 0, 0, 0]
    assert looks(engine) == before
    mark_copied(engine)
    assert look() is not None
    assert counted(engine, taken) == [1, 1, 0, 0]


@pytest.mark.parametrize("state", ["signed", "refused"])
def test_checkpoint_that_is_not_in_the_archive_proves_nothing(engine, grant_id, look, state):
    unproven(engine)
    mark_copied(engine)
    assert look() is not None
    with engine.begin() as connection:
        newest = select(func.max(CHECKPOINTS.c.number)).scalar_subquery()
        connection.execute(update(CHECKPOINTS).where(CHECKPOINTS.c.number == newest).values(state=state))
    assert look() is None


@pytest.mark.parametrize(("environment", "shown"), [("production", False), ("sandbox", True)])
def test_production_must_be_proven_and_whatever_never_had_an_archive_need_not(
    engine, grant_id, look, environment, shown
):
    with by_stealth(engine) as connection:
        connection.execute(update(ENTRIES).values(at=ENTRIES.c.at - timedelta(minutes=61)))
    with engine.begin() as connection:
        was = connection.execute(select(DEPLOYMENT.c.environment)).scalar_one()
        connection.execute(update(DEPLOYMENT).values(environment=environment))
    try:
        assert (look() is not None) == shown
    finally:
        with engine.begin() as connection:
            connection.execute(update(DEPLOYMENT).values(environment=was))


def test_role_that_may_call_the_functions_reads_no_table(engine, granting, grant_id, look):
    taken = look()
    with engine.connect() as connection:
        as_support(connection, FUNCTIONS)
        assert [one.account for one in private.view(connection, taken).subscriptions] == ["acct-a"]
        for table in ("subscriptions", "charges", "accounts", "people", "access_grants", "entries"):
            assert denied(connection, f"SELECT * FROM {table}")
        assert denied(connection, "INSERT INTO access_grants DEFAULT VALUES")
        connection.rollback()


def test_functions_are_for_nobody_to_whom_they_were_not_given(engine, grant_id, look):
    taken = look()
    with engine.connect() as connection:
        as_support(connection, [])
        for name in (*seeing.SEEN, "support_holds"):
            assert denied(
                connection, f"SELECT * FROM {name}('acct-a', '{taken.grant}', '{taken.person}', '{taken.request}')"
            )
        assert denied(connection, f"SELECT support_look('acct-a', '{taken.person}', '{taken.request}')")
        connection.rollback()


def test_functions_belong_to_the_owner_and_fix_their_search_path(engine):
    statement = "SELECT proname, prosecdef, proconfig FROM pg_proc WHERE proname LIKE 'support\\_%' OR proname = 'journal_unproven'"
    with engine.connect() as connection:
        found = connection.execute(text(statement)).all()
    assert len(found) == len(seeing.FUNCTIONS)
    assert all(row.prosecdef and row.proconfig == ["search_path=pg_catalog, public, pg_temp"] for row in found)


def as_support(connection, functions):
    """A role that goes with this transaction."""
    connection.exec_driver_sql("CREATE ROLE support_of_a_test NOLOGIN")
    connection.exec_driver_sql("GRANT USAGE ON SCHEMA public TO support_of_a_test")
    for function in functions:
        connection.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION {function} TO support_of_a_test")
    connection.exec_driver_sql("SET LOCAL ROLE support_of_a_test")


def denied(connection, statement):
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement)
    except ProgrammingError as error:
        return error.orig.sqlstate == "42501"  # insufficient_privilege
    return False
