"""An account that is erased is in no table and no entry any more; the chain is whole, the audit stays green, and a forged erasure does not."""

from __future__ import annotations

import json

import pytest

from service.billing.erasure import erasing, retaining, shoppers, tombstones
from service.billing.repair import restoring
from service.billing.repair.restoring import RestoreRefusedError
from service.errors import Misconfigured, NotFound, Rejected, Unknown
from service.store import accounts, changes
from service.store.ids import new_id
from service.store.journal import Act, Origin
from service.store.models import ACCOUNTS, SHOPPER_DELETIONS, TOMBSTONES
from tests.support.databases import by_stealth
from tests.support.desk import PLATFORM

NAME = "acct-to-be-forgotten"


@pytest.fixture
def erased(finished, tools):
    """The tombstone of an account that was erased; another one lives."""
    finished("acct-b")
    return erasing.erase(tools, PLATFORM, finished(NAME))


def rows(tools, table):
    with tools.engine.connect() as connection:
        return connection.execute(table.select()).all()


def test_erased_account_is_named_nowhere_and_the_other_one_still_is(erased, everywhere):
    assert everywhere(NAME) == []
    assert "entries" in everywhere("acct-b")
    assert "subscriptions" in everywhere(erased.account)


def test_audit_of_a_journal_with_an_erased_account_is_green(erased, audit, desk):
    assert audit() == []
    desk.buy(account="acct-c")
    assert audit() == []


def test_erasure_leaves_an_entry_that_says_how_much_it_emptied(erased, engine):
    with engine.connect() as connection:
        entry = connection.exec_driver_sql("SELECT account, image FROM entries WHERE act = 'account.erased'").one()
        emptied = connection.exec_driver_sql("SELECT count(*) FROM entries WHERE image = '{}'").scalar_one()
    assert entry.account == erased.account
    assert entry.image["entries"] == emptied


def test_money_that_was_charged_is_still_known(erased, desk, engine):
    assert len(desk.charges) == 2
    assert {row.account for row in desk.subscriptions} == {"acct-b", erased.account}


def test_shopper_is_known_nowhere_but_where_bluesnap_is_to_delete_it(finished, tools, desk, everywhere):
    finished(NAME)
    (shopper,) = {row.provider_shopper for row in desk.subscriptions}
    erasing.erase(tools, PLATFORM, NAME)
    assert [row.provider_shopper for row in rows(tools, SHOPPER_DELETIONS)] == [shopper]
    assert {row.provider_shopper for row in (*desk.subscriptions, *desk.signups)} == {None}


def test_entry_that_is_emptied_as_if_by_an_erasure_is_found(erased, audit, engine):
    number = engine_scalar(engine, "SELECT min(number) FROM entries WHERE account = 'acct-b'")
    with by_stealth(engine) as connection:
        connection.exec_driver_sql(f"DELETE FROM versions WHERE entry = {number}")
        connection.exec_driver_sql(
            f"UPDATE entries SET image = '{{}}', account = '{erased.account}' WHERE number = {number}"
        )
    assert "erasure_forged" in {kind for kind, _ in audit()}


def test_entry_that_is_emptied_without_any_erasure_is_found(finished, audit, engine):
    finished("acct-b")
    with by_stealth(engine) as connection:
        connection.exec_driver_sql("DELETE FROM versions WHERE entry = 1")
        connection.exec_driver_sql("UPDATE entries SET image = '{}', account = 'erased-nobody' WHERE number = 1")
    assert ("content_edited", 1) in audit()


def engine_scalar(engine, statement):
    with engine.connect() as connection:
        return connection.exec_driver_sql(statement).scalar_one()


def test_journal_gives_way_to_nobody_else(erased, engine):
    for statement in ("UPDATE entries SET image = '{}'", "DELETE FROM versions", "DELETE FROM entries"):
        with pytest.raises(Exception, match="what is kept is not altered"), engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_account_with_a_live_subscription_is_not_erased(desk, tools, everywhere):
    desk.buy(account=NAME)
    assert erasing.look(tools, NAME).refused == "subscription_exists"
    assert erasing.erase(tools, PLATFORM, NAME) == "subscription_exists"
    assert "subscriptions" in everywhere(NAME)


def test_account_with_an_undecided_purchase_is_not_erased(desk, tools, bluesnap):
    bluesnap.script("create_subscription", Unknown("timed_out"), times=9)
    desk.complete(desk.open(account=NAME))
    assert erasing.erase(tools, PLATFORM, NAME) == "signup_undecided"


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        (
            "INSERT INTO tasks (id, kind, account, state, opened_at) VALUES ('tk_' || repeat('b', 30), 'any', '{}', 'open', now())",
            "task_open",
        ),
        (
            (
                "INSERT INTO disputes (id, reference, charge_reference, subscription_id, account, status, told_at, created_at) "
                "SELECT 'dp_' || repeat('b', 30), '1', '1', id, account, 'open', now(), now() FROM subscriptions WHERE account = '{}'"
            ),
            "dispute_open",
        ),
        (
            (
                "INSERT INTO refunds (id, charge_id, account, amount, currency, cancel_subscription, status, source, key, created_at) "
                "SELECT 'rf_' || repeat('b', 30), c.id, s.account, 1, 'USD', false, 'pending', 'api', gen_random_uuid(), now() "
                "FROM charges c JOIN subscriptions s ON s.id = c.subscription_id WHERE s.account = '{}'"
            ),
            "refund_undecided",
        ),
    ],
)
def test_account_with_an_open_matter_is_not_erased(finished, tools, engine, statement, word):
    finished(NAME)
    with by_stealth(engine) as connection:
        connection.exec_driver_sql(statement.format(NAME))
    assert erasing.erase(tools, PLATFORM, NAME) == word


def test_account_that_is_not_there_is_not_erased(tools):
    assert erasing.look(tools, NAME) is None
    assert erasing.erase(tools, PLATFORM, NAME) is None


def test_look_says_what_would_happen_and_changes_nothing(finished, tools, everywhere):
    finished(NAME)
    prospect = erasing.look(tools, NAME)
    assert (prospect.refused, prospect.shoppers) == (None, 1)
    assert prospect.rows["subscriptions"] == 1
    assert "accounts" in everywhere(NAME)


def test_name_that_was_erased_signs_up_as_a_new_account(erased, desk, tools, audit):
    assert accounts_of(tools, NAME) == []
    desk.buy(account=NAME)
    assert len(accounts_of(tools, NAME)) == 1
    tombstones.copy(tools)
    assert tombstones.again(tools, PLATFORM, apply=True) == []
    assert desk.access(NAME).plan == "team"
    assert audit() == []


def accounts_of(tools, name):
    return [row for row in rows(tools, ACCOUNTS) if row.account == name]


def test_tombstone_goes_to_the_archive_and_holds_no_name(erased, tools, archive):
    assert retaining.retain(tools) == 0
    (name,) = archive.names("tombstones/")
    kept = json.loads(archive.read(name))
    assert kept["account"] == erased.account
    assert NAME not in archive.read(name).decode()
    assert tombstones.copy(tools) == 0
    assert [row.state for row in rows(tools, TOMBSTONES)] == ["copied"]
    assert tombstones.unknown_here(tools) == []


@pytest.fixture
def recovered(finished, tools, engine):
    """The database of before an erasure, whose tombstone only the archive has."""
    finished(NAME)
    finished("acct-b")
    with by_stealth(engine) as connection:
        connection.exec_driver_sql("CREATE SCHEMA backup")
        for name in KEPT:
            connection.exec_driver_sql(f"CREATE TABLE backup.{name} AS TABLE {name}")
    tombstone = erasing.erase(tools, PLATFORM, NAME)
    tombstones.copy(tools)
    with by_stealth(engine) as connection:
        for name in KEPT:
            connection.exec_driver_sql(f"DELETE FROM {name}")
            connection.exec_driver_sql(f"INSERT INTO {name} SELECT * FROM backup.{name}")
        connection.exec_driver_sql("DROP SCHEMA backup CASCADE")
    return tombstone


KEPT = (
    "accounts", "checkout_sessions", "signups", "subscriptions", "charges", "prices", "entries", "versions", "image_keys", "chain",
    "tombstones", "shopper_deletions",
)  # fmt: skip


def test_what_a_recovery_brought_back_is_found_and_erased_again(recovered, tools, everywhere, audit):
    assert "subscriptions" in everywhere(NAME)
    assert len(tombstones.unknown_here(tools)) == 1
    assert [one.outcome for one in tombstones.again(tools, PLATFORM, apply=False)] == ["due"]
    assert "subscriptions" in everywhere(NAME)
    (done,) = tombstones.again(tools, PLATFORM, apply=True)
    assert (done.pseudonym, done.outcome) == (recovered.account, "erased")
    assert everywhere(NAME) == []
    assert tombstones.unknown_here(tools) == []
    assert tombstones.again(tools, PLATFORM, apply=True) == []
    assert audit() == []


def test_nothing_is_restored_of_what_a_recovery_brought_back(recovered, tools, engine):
    with engine.connect() as connection:
        now = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    with pytest.raises(RestoreRefusedError, match="account_erased"):
        restoring.restore(tools, NAME, now, apply=True, origin=Origin("operator", reason="mistake"))


def test_nothing_is_there_to_restore_of_an_account_that_was_erased(finished, tools, engine):
    finished(NAME)
    with engine.connect() as connection:
        before = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    erasing.erase(tools, PLATFORM, NAME)
    with pytest.raises(RestoreRefusedError, match="unknown"):
        restoring.restore(tools, NAME, before, apply=True, origin=Origin("operator", reason="mistake"))


def test_recovery_with_a_subscription_that_lives_again_says_so(recovered, tools, engine):
    with engine.begin() as connection:
        over = accounts.latest_subscription(connection, NAME)
        changes.change(connection, over, Act.SUBSCRIPTION_RESUMED, Origin("worker"), status="active")
    assert [one.outcome for one in tombstones.again(tools, PLATFORM, apply=True)] == ["subscription_exists"]


def due(engine, deletion=None):
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE shopper_deletions SET next_at = now() WHERE state = 'waiting'")


def test_bluesnap_is_asked_to_delete_a_shopper_no_earlier_than_it_allows(erased, tools, engine):
    (row,) = rows(tools, SHOPPER_DELETIONS)
    assert (row.next_at - row.created_at).days >= 365
    assert shoppers.delete_due(tools) == 0


@pytest.mark.parametrize("error", [None, NotFound("not_found")])
def test_shopper_that_bluesnap_deletes_or_has_not_is_forgotten(erased, tools, engine, bluesnap, error):
    if error:
        bluesnap.script("delete_shopper", error)
    due(engine)
    assert shoppers.delete_due(tools) == 1
    (row,) = rows(tools, SHOPPER_DELETIONS)
    assert (row.state, row.provider_shopper, row.next_at) == ("done", None, None)
    assert shoppers.delete_due(tools) == 0


@pytest.mark.parametrize(
    ("error", "days"),
    [(Rejected("shopper_needed"), 7), (Unknown("timed_out"), 0), (Misconfigured("wrong_credentials"), 0)],
)
def test_shopper_that_bluesnap_does_not_delete_yet_is_asked_for_again(erased, tools, engine, bluesnap, error, days):
    bluesnap.script("delete_shopper", error)
    due(engine)
    shoppers.delete_due(tools)
    (row,) = rows(tools, SHOPPER_DELETIONS)
    assert (row.state, row.attempts, row.cause) == ("waiting", 1, error.cause)
    left = engine_scalar(engine, "SELECT extract(epoch FROM next_at - now()) FROM shopper_deletions")
    assert days * 86_400 - 60 <= left <= days * 86_400 + 3_600
    due(engine)
    shoppers.delete_due(tools)
    assert [row.state for row in rows(tools, SHOPPER_DELETIONS)] == ["done"]


def test_shopper_of_another_account_too_is_left_alone(finished, tools, engine, desk):
    finished(NAME)
    finished("acct-b")
    with by_stealth(engine) as connection:
        connection.exec_driver_sql(
            "UPDATE subscriptions SET provider_shopper = (SELECT max(provider_shopper) FROM subscriptions WHERE account = 'acct-b')"
        )
        connection.exec_driver_sql(f"UPDATE signups SET provider_shopper = NULL WHERE account = '{NAME}'")
    erasing.erase(tools, PLATFORM, NAME)
    assert rows(tools, SHOPPER_DELETIONS) == []


def test_ids_of_tombstones_tell_nothing_of_the_account(erased):
    assert erased.id.startswith("tb_")
    assert len(new_id("tb")) == len(erased.id)
    assert erased.account == "erased-" + erased.id.partition("_")[2]
