"""Beside the chain an audit finds rows that were altered with triggers off, entries that others speak of and that are gone, and guards that are off."""

from __future__ import annotations

import pytest


@pytest.fixture
def found_after(lived):
    """What is found after some statements, which are undone."""

    def found_after(*statements):
        with lived.undone():
            lived.stealthily(*statements)
            return lived.audit().findings

    return found_after


def test_row_that_was_altered_behind_the_journal_is_named_with_its_column(found_after, lived):
    entry = lived.ask("SELECT max(entry) FROM versions WHERE kind = 'subscriptions' AND account = 'acct-a'")
    (finding,) = found_after("UPDATE subscriptions SET members = 99 WHERE account = 'acct-a'")
    assert (finding.kind.value, finding.entry) == ("row_differs", entry)
    assert finding.differs.endswith("differs from its last version: members")
    assert "99" not in finding.differs


def test_row_that_was_deleted_or_put_in_behind_the_journal_is_found(found_after):
    (gone,) = found_after("DELETE FROM subscriptions WHERE account = 'acct-a'")
    assert "is gone" in gone.differs
    (made,) = found_after(
        "INSERT INTO subscriptions SELECT (jsonb_populate_record(s, jsonb_build_object('id', 'sub_' || repeat('b', 30), 'account', 'acct-a', "
        "'status', 'ended', 'provider_subscription', NULL))).* FROM subscriptions s WHERE account = 'acct-a'"
    )
    assert made.entry is None
    assert "is there" in made.differs


def test_column_that_is_in_no_version_may_change_behind_it(found_after):
    assert found_after("UPDATE subscriptions SET look_at = now(), looked = 3") == ()


def test_version_of_an_entry_that_there_is_not_is_found(found_after, lived):
    findings = found_after(f"UPDATE versions SET entry = {lived.last + 7} WHERE id = (SELECT max(id) FROM versions)")
    assert ("version_without_entry", lived.last + 7) in {(one.kind.value, one.entry) for one in findings}


def test_event_of_an_entry_that_there_is_not_is_found(found_after):
    (finding,) = found_after(
        "INSERT INTO events (id, entry, type, state, attempts, created_at) VALUES ('evt_' || repeat('b', 30), 999, 'any', 'failed', 0, now())"
    )
    assert (finding.kind.value, finding.entry) == ("event_without_entry", 999)


@pytest.mark.parametrize(
    ("off", "on", "told"),
    [
        (
            "ALTER TABLE signups DISABLE TRIGGER keep_rows",
            "ALTER TABLE signups ENABLE TRIGGER keep_rows",
            "signups: keep_rows",
        ),
        ("ALTER TABLE entries DISABLE TRIGGER ALL", "ALTER TABLE entries ENABLE TRIGGER ALL", "entries: link_entries"),
    ],
)
def test_guard_that_is_off_is_told(lived, off, on, told):
    lived.stealthily(off)
    assert told in lived.told("guard_off")
    lived.stealthily(on)
    assert lived.found() == []


def test_function_that_was_made_anew_is_told(lived):
    source = lived.ask("SELECT pg_get_functiondef('link_entries'::regproc)")
    lived.stealthily(source.replace("RETURN NULL", "RETURN NEW"))
    assert "link_entries()" in lived.told("guard_off")
    lived.stealthily(source)
    assert lived.found() == []


@pytest.mark.long
def test_ranges_of_two_processes_join_where_they_meet(lived):
    middle = lived.last // 2 + 1
    assert lived.found(worth=0, processes=2) == []
    for number in (middle - 1, middle, middle + 1):
        with lived.undone():
            lived.stealthily(f"UPDATE entries SET actor = 'bluesnap' WHERE number = {number}")
            assert lived.found(worth=0, processes=2) == [("edited", number)]
