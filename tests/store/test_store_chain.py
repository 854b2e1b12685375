"""The chain of the journal: numbers without gaps, hashes that can be reckoned again, and no change of a business record without a trace."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from service.cardguard import formats
from service.store import accounts, changes, charges, keeping, keys, subscriptions
from service.store.ids import new_id
from service.store.journal import Act, Origin, write
from service.store.models import (
    CHAIN,
    CHARGES,
    ENTRIES,
    IMAGE_KEYS,
    METADATA,
    NOTICES,
    SUBSCRIPTIONS,
    VERSIONS,
    Version,
)
from tests.support.databases import by_stealth
from tests.support.journal import mistakes
from tests.support.notices import charge_form, deliver
from tests.support.paid import CHARGE, NOW, ORIGIN, SUBSCRIPTION, insert_paid

BY_HAND = pytest.mark.by_hand


@pytest.fixture
def paid(engine):
    with engine.begin() as connection:
        insert_paid(connection)
    return engine


@pytest.fixture
def psql(engine, module_database):
    """Somebody at the database's own prompt."""
    with psycopg.connect(module_database, autocommit=True) as connection:
        yield connection


def note(connection, **values):
    write(connection, Act.SUBSCRIPTION_RENEWED, Origin("worker"), **{"subject": new_id("sub"), "image": {}, **values})


def entries(engine):
    with engine.connect() as connection:
        return connection.execute(select(ENTRIES).order_by(ENTRIES.c.number)).all()


def versions(engine, kind=None):
    statement = select(VERSIONS).order_by(VERSIONS.c.id)
    with engine.connect() as connection:
        rows = connection.execute(statement if kind is None else statement.where(VERSIONS.c.kind == kind)).mappings()
        return [Version(**row) for row in rows]


# numbers and hashes


def test_numbers_have_no_gap_however_many_write_and_roll_back_at_once(engine):
    def write_some(name):
        for turn in range(15):
            with engine.connect() as connection:
                for _ in range(turn % 3 + 1):
                    note(connection, account=f"acct-{turn % 4}")
                (connection.rollback if (turn + name) % 4 == 0 else connection.commit)()

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(write_some, name) for name in range(6)]:
            done.result()
    found = [entry.number for entry in entries(engine)]
    assert found == [*range(1, len(found) + 1)]
    assert len(found) > 100
    assert mistakes(engine) == []


def test_entries_of_a_transaction_keep_the_order_in_which_they_were_written(engine):
    with engine.begin() as connection:
        for word in "abc":
            note(connection, image={"word": word})
            with connection.begin_nested() as savepoint:
                note(connection, image={"word": "never"})
                savepoint.rollback()
    assert [(entry.number, entry.image["word"]) for entry in entries(engine)] == [(1, "a"), (2, "b"), (3, "c")]
    assert mistakes(engine) == []


def test_numbers_are_given_at_commit_and_not_before(engine):
    with engine.connect() as first, engine.begin() as second:
        note(first, image={"word": "begun first"})
        assert first.execute(select(ENTRIES.c.number, ENTRIES.c.hash)).one().number < 0
        note(second, image={"word": "ended first"})
        second.commit()
        first.commit()
    assert [entry.image["word"] for entry in entries(engine)] == ["ended first", "begun first"]


def test_hashes_are_reckoned_again_from_what_is_read_as_text(paid, desk):
    desk.buy(account="acct-b")
    deliver(desk.tools, charge_form())
    with paid.begin() as connection:
        keys.create(connection, name="shop", scopes=["accounts:read"], environment="simulator", now=NOW, origin=ORIGIN)
        note(
            connection, version=3, account="acct-b", image={"name": "a|b", "list": [1, None, True, "ü".encode().hex()]}
        )
    assert {version.kind for version in versions(paid)} > {
        "accounts",
        "signups",
        "notices",
        "api_keys",
        "api_key_scopes",
    }
    assert mistakes(paid) == []


@pytest.mark.parametrize(
    "change",
    [
        update(ENTRIES).where(ENTRIES.c.number == 2).values(at=ENTRIES.c.at + timedelta(microseconds=1)),
        update(ENTRIES).where(ENTRIES.c.number == 2).values(reason="other"),
        update(ENTRIES).where(ENTRIES.c.number == 2).values(account=None),
        update(ENTRIES).where(ENTRIES.c.number == 2).values(image={}),
        update(VERSIONS).where(VERSIONS.c.entry == 2).values(gone=True),
        delete(VERSIONS).where(VERSIONS.c.entry == 2),
        delete(ENTRIES).where(ENTRIES.c.number == 2),
    ],
    ids=str,
)  # fmt: skip
def test_altered_entry_is_found_by_reckoning(paid, change):
    assert mistakes(paid) == []
    with by_stealth(paid) as connection:
        connection.execute(change)
    assert mistakes(paid)


def test_reason_is_kept_where_one_is_given(engine):
    with engine.begin() as connection:
        write(connection, Act.CARD_SHOWN, Origin("operator", reason="support_case"), subject=new_id("sub"), image={})
    assert [entry.reason for entry in entries(engine)] == ["support_case"]


def test_each_account_has_one_key_of_its_own(engine):
    for account in ("acct-a", "acct-b", "acct-a"):
        with engine.begin() as connection:
            note(connection, account=account)
            note(connection)
    with engine.connect() as connection:
        found = dict(connection.execute(select(IMAGE_KEYS.c.account, IMAGE_KEYS.c.key)).all())
    assert set(found) == {"acct-a", "acct-b"}
    assert found["acct-a"] != found["acct-b"]


# versions


def test_every_version_of_a_record_belongs_to_the_entry_of_its_change(paid):
    with paid.begin() as connection:
        changed = changes.change(connection, SUBSCRIPTION, Act.SUBSCRIPTION_ENDING, ORIGIN, renews=False)
        changes.change(connection, changed, Act.SUBSCRIPTION_ENDED, ORIGIN, status="ended")
    by_number = {entry.number: entry.act for entry in entries(paid)}
    kept = versions(paid, "subscriptions")
    assert [(one.row["status"], one.row["renews"], by_number[one.entry]) for one in kept] == [
        ("active", True, "subscription.activated"),
        ("active", False, "subscription.ended"),
        ("ended", False, "subscription.ended"),
    ]
    assert [by_number[one.entry] for one in versions(paid, "accounts")] == ["charge.recorded"]
    assert {one.account for one in versions(paid)} == {"acct-a"}


@pytest.mark.parametrize(
    "values",
    [{"look_at": NOW, "looked": 4}, {"pending_until": NOW}, {"status": "active", "members": 10}, {"look_at": None}],
    ids=str,
)
def test_what_only_steers_makes_no_version_and_no_entry(paid, values):
    before = (len(entries(paid)), len(versions(paid)))
    with paid.begin() as connection:
        connection.execute(update(SUBSCRIPTIONS).values(**values))
        subscriptions.looked_enough(connection, SUBSCRIPTION.id)
    assert (len(entries(paid)), len(versions(paid))) == before


@pytest.mark.parametrize("table", keeping.BUSINESS)
def test_every_column_is_kept_but_those_that_are_named(engine, table):
    with engine.connect() as connection:
        body = connection.execute(
            text("SELECT prosrc FROM pg_proc WHERE proname = :name"), {"name": f"keep_{table}"}
        ).scalar_one()
        update_of = connection.execute(
            text("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'keep_changes' AND tgrelid = CAST(:name AS regclass)"),
            {"name": table},
        ).scalar_one()  # fmt: skip
    for column in METADATA.tables[table].columns:
        left_out = column.name in keeping.LEFT_OUT
        assert (f"'{column.name}', " in body) is not left_out
        assert (f"old.{column.name}" in update_of) is not left_out


def test_all_that_is_left_out_is_a_column():
    columns = {column.name for table in keeping.BUSINESS for column in METADATA.tables[table].columns}
    assert set(keeping.LEFT_OUT) <= columns


def test_no_version_or_entry_holds_the_token_the_address_or_the_key(desk):
    session = desk.open(address="203.0.113.7")
    [open_session] = desk.sessions
    assert open_session.fields_sealed
    with desk.tools.engine.begin() as connection:
        _, secret = keys.create(
            connection, name="shop", scopes=["accounts:read"], environment="simulator", now=NOW, origin=ORIGIN
        )
    desk.complete(session)
    names = {name for one in versions(desk.tools.engine) for name in one.row}
    assert names.isdisjoint(keeping.LEFT_OUT)
    written = json.dumps([one.row for one in versions(desk.tools.engine)], default=str)
    for hidden in (open_session.fields_sealed.hex(), open_session.address.hex(), secret):
        assert hidden not in written
        assert hidden.translate(str.maketrans(keeping.DIGITS, keeping.LETTERS)) not in written


def test_record_can_be_put_back_from_its_version(paid, desk):
    deliver(desk.tools, charge_form())
    [notice] = desk.notices
    kept = versions(paid, "notices")[-1].row
    back = str.maketrans(keeping.LETTERS, keeping.DIGITS)
    assert bytes.fromhex(kept["delivery"].translate(back)) == notice.delivery
    with paid.connect() as connection:
        columns = [*CHARGES.columns.keys()]
        statement = text(
            """SELECT put.* FROM versions v, jsonb_populate_record(NULL::charges, v."row") put WHERE v.subject = :id"""
        )
        put = connection.execute(statement, {"id": CHARGE.id}).mappings().one()
        row = connection.execute(select(CHARGES).where(CHARGES.c.id == CHARGE.id)).mappings().one()
        assert [put[name] for name in columns] == [row[name] for name in columns]


# by hand


@BY_HAND
def test_change_by_hand_leaves_an_entry_with_the_login(paid, psql):
    psql.execute("UPDATE subscriptions SET members = 11")
    psql.execute("DELETE FROM charges")
    psql.execute("INSERT INTO accounts VALUES ('acct-b', now())")
    psql.execute("INSERT INTO accounts VALUES ('acct-c', now())")
    found = [(one.actor, one.act, one.account, one.image) for one in entries(paid)[2:]]
    assert found == [
        ("login:postgres", "hand.changed", "acct-a", {"table": "subscriptions"}),
        ("login:postgres", "hand.deleted", "acct-a", {"table": "charges"}),
        ("login:postgres", "hand.created", "acct-b", {"table": "accounts"}),
        ("login:postgres", "hand.created", "acct-c", {"table": "accounts"}),
    ]
    last = {(one.kind, one.subject): one for one in versions(paid)}
    assert last["charges", CHARGE.id].gone
    assert last["charges", CHARGE.id].row["reference"] == CHARGE.reference
    assert last["subscriptions", SUBSCRIPTION.id].row["members"] == 11
    assert mistakes(paid) == []


@BY_HAND
def test_everything_in_one_transaction_by_hand_is_told_apart(paid, psql):
    with psql.transaction():
        psql.execute("DELETE FROM charges")
        psql.execute("DELETE FROM subscriptions")
        psql.execute("DELETE FROM accounts")
    assert [(one.act, one.image["table"]) for one in entries(paid)[2:]] == [
        ("hand.deleted", "charges"),
        ("hand.deleted", "subscriptions"),
        ("hand.deleted", "accounts"),
    ]
    assert mistakes(paid) == []


@BY_HAND
def test_thousands_of_rows_by_hand_are_kept_within_seconds(engine, psql):
    psql.execute("INSERT INTO accounts SELECT 'acct-' || i, now() FROM generate_series(1, 3000) i")
    assert len(entries(engine)) == 3000
    assert mistakes(engine) == []


@BY_HAND
@pytest.mark.parametrize(
    ("name", "actor"),
    [("ana_k", "login:ana_k"), ("DBA-Team", "login:dba_team"), ("a4111111111111111", "login:a________________"), ("4", "login:_")],
)  # fmt: skip
def test_login_of_any_name_becomes_an_actor(engine, psql, name, actor):
    with psql.transaction(force_rollback=True):
        psql.execute(sql.SQL("CREATE ROLE {} SUPERUSER").format(sql.Identifier(name)))
        psql.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(name)))
        psql.execute("INSERT INTO accounts VALUES ('acct-b', now())")
        psql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert psql.execute("SELECT actor FROM entries").fetchall() == [(actor,)]
    assert formats.matches(formats.ACTOR, actor)


@BY_HAND
def test_record_that_comes_back_by_hand_is_created_again(paid, psql):
    psql.execute("CREATE TEMPORARY TABLE saved AS SELECT * FROM charges")
    psql.execute("DELETE FROM charges")
    psql.execute("INSERT INTO charges SELECT * FROM saved")
    psql.execute("UPDATE charges SET kind = 'initial'")
    assert [one.act for one in entries(paid)[2:]] == ["hand.deleted", "hand.created", "hand.changed"]


# what is refused


@pytest.mark.parametrize("table", [*keeping.BUSINESS, "entries", "versions"])
def test_table_that_is_kept_cannot_be_truncated(paid, psql, table):
    with pytest.raises(errors.InsufficientPrivilege, match="what is kept is not altered"):
        psql.execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET actor = 'operator'",
        "DELETE FROM entries",
        "UPDATE versions SET gone = true",
        "DELETE FROM versions",
        "INSERT INTO entries (actor, act, subject, image) SELECT actor, act, subject, image FROM entries; DELETE FROM entries WHERE number < 0",
    ],
)
def test_what_is_written_is_not_altered(paid, psql, statement):
    with pytest.raises(errors.InsufficientPrivilege, match="what is kept is not altered"):
        psql.execute(statement)
    assert len(entries(paid)) == 2
    assert mistakes(paid) == []


def test_record_keeps_its_name(paid, psql):
    with pytest.raises(errors.RestrictViolation, match="a record keeps its name"):
        psql.execute("UPDATE charges SET id = %s", (new_id("ch"),))


def test_change_that_cannot_be_kept_is_not_made(paid):
    with by_stealth(paid) as connection:
        connection.execute(delete(CHAIN))
    with pytest.raises(DBAPIError), paid.begin() as connection:
        changes.change(connection, SUBSCRIPTION, Act.SUBSCRIPTION_ENDING, ORIGIN, renews=False)
    with by_stealth(paid) as connection:
        connection.execute(CHAIN.insert().values(start=0, number=2, hash=bytes(32)))
    with paid.connect() as connection:
        assert accounts.subscription(connection, SUBSCRIPTION.id) == SUBSCRIPTION


def test_locks_of_records_and_of_the_chain_never_wait_for_each_other(paid):
    """Each takes the rows in its own order and appends in between: were the chain locked when an entry is written, two of them would deadlock."""

    def work(turn):
        with paid.begin() as connection:
            if turn % 2:
                note(connection, account="acct-a")
            connection.execute(select(SUBSCRIPTIONS.c.id).with_for_update())
            note(connection, account="acct-a")
            charge = dataclasses.replace(CHARGE, id=new_id("ch"), reference=f"{7_300_000 + turn}")
            charges.add(connection, charge, SUBSCRIPTION, ORIGIN)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, turn) for turn in range(40)]:
            done.result()
    assert mistakes(paid) == []
    with paid.connect() as connection:
        assert connection.execute(select(func.count()).select_from(CHARGES)).scalar_one() == 41
        assert connection.execute(select(func.count()).select_from(NOTICES)).scalar_one() == 0
