"""Each of the twelve ways to tamper with a journal, done by a superuser with all triggers off, is found and named with its entry; undone, nothing is."""

from __future__ import annotations

import pytest

from service.audit.signing import Signer
from tests.audit.conftest import OTHER_KEY
from tests.support.tampering import REHASHED, copied, removed, renumbered

#: A place in the middle, between the two checkpoints.
N = 4


EDITS = {
    "act": f"UPDATE entries SET act = 'task.opened' WHERE number = {N}",
    "actor": f"UPDATE entries SET actor = 'worker' WHERE number = {N}",
    "version": f"UPDATE entries SET version = 77 WHERE number = {N}",
    "request": f"UPDATE entries SET request = 'req_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' WHERE number = {N}",
    "hash": f"UPDATE entries SET hash = sha256('other') WHERE number = {N}",
}


@pytest.fixture
def tampered(lived):
    """Tampers, answers what is found and what is told of the first of it; afterwards everything is put back, and nothing is found."""

    def tampered(*statements, kind):
        assert lived.found() == []
        with lived.undone():
            lived.stealthily(*statements)
            found, told = lived.found(), lived.told(kind)
        assert lived.found() == []
        return found, told

    return tampered


@pytest.mark.parametrize("what", EDITS)
def test_edit_of_a_chained_field_names_entry_and_field(tampered, what):
    found, told = tampered(EDITS[what], kind="edited")
    assert found == [("edited", N)]
    assert what in told


@pytest.mark.parametrize(
    "edit",
    [
        f"UPDATE entries SET image = image || '{{\"members\": 99}}' WHERE number = {N}",
        f"UPDATE entries SET account = 'acct-c' WHERE number = {N}",
        "UPDATE image_keys SET key = sha256('other') WHERE account = 'acct-b'",
    ],
)
def test_edit_of_an_image_its_account_or_its_key_is_found(tampered, edit):
    found, told = tampered(edit, kind="content_edited")
    assert {kind for kind, _ in found} == {"content_edited"}
    assert "image" in told


def test_edit_of_a_version_names_the_entry_that_it_belongs_to(tampered, lived):
    entry = lived.ask("SELECT max(entry) FROM versions WHERE kind = 'signups'")
    edit = (
        f"""UPDATE versions SET "row" = "row" || '{{"state": "declined"}}' WHERE entry = {entry} AND kind = 'signups'"""
    )
    found, _ = tampered(edit, kind="content_edited")
    assert ("content_edited", entry) in found


def test_deletion_in_the_middle_names_the_number_that_is_missing(tampered):
    found, _ = tampered(*removed(f"= {N}"), kind="deleted")
    assert ("deleted", N) in found


def test_deletion_in_the_middle_with_the_gap_closed_is_found_where_it_was(tampered):
    found, told = tampered(*removed(f"= {N}"), *renumbered(N + 1, -1), kind="deleted")
    assert ("deleted", N) in found
    assert "numbered anew" in told


def test_deletion_of_the_tail_names_the_first_that_is_missing(tampered, lived):
    last = lived.last
    found, _ = tampered(*removed(f"> {last - 2}"), kind="tail_deleted")
    assert ("tail_deleted", last - 1) in found


def test_truncation_names_all_entries(tampered, lived):
    last = lived.last
    assert tampered(*removed("> 0"), kind="truncated")[0][0] == ("truncated", 1)
    with lived.undone():
        lived.stealthily(*removed("> 0"))
        finding = next(one for one in lived.audit().findings if one.kind.value == "truncated")
    assert (finding.entry, finding.until) == (1, last)


@pytest.mark.parametrize("apart", [1, 3])
@pytest.mark.parametrize("columns", ["number", "all but the hash"])
def test_reordering_names_both_entries(tampered, apart, columns):
    one, other = N, N + apart
    swap = [
        f"UPDATE versions SET entry = -{one + other} + entry WHERE entry IN ({one}, {other})",
        "UPDATE versions SET entry = -entry WHERE entry < 0",
        f"UPDATE entries SET number = -{one + other} + number WHERE number IN ({one}, {other})",
        "UPDATE entries SET number = -number WHERE number < 0",
    ]
    if columns != "number":
        swap.append(
            f"UPDATE entries e SET hash = o.hash FROM entries o WHERE e.number IN ({one}, {other}) AND o.number = {one + other} - e.number"
        )
    found, _ = tampered(*swap, kind="reordered")
    assert {("reordered", one), ("reordered", other)} <= set(found)


def test_insertion_in_the_middle_is_found_where_it_is(tampered):
    entry = (
        "INSERT INTO entries (number, actor, act, subject, image, xid, content, hash) "
        f"SELECT {N}, 'worker', 'task.opened', subject, '{{}}', xid, sha256('any'), sha256('any') FROM entries WHERE number = {N + 1}"
    )
    found, _ = tampered(*renumbered(N, 1), entry, kind="inserted")
    assert ("inserted", N) in found


def test_insertion_behind_the_end_is_found(tampered, lived):
    last = lived.last
    entry = f"INSERT INTO entries (number, actor, act, subject, image, content, hash) SELECT {last + 1}, 'worker', act, subject, '{{}}', content, hash FROM entries WHERE number = 1"
    found, _ = tampered(entry, kind="inserted")
    assert ("inserted", last + 1) in found


def test_insertion_without_a_number_is_found(tampered):
    entry = "INSERT INTO entries (actor, act, subject, image) SELECT actor, act, subject, '{}' FROM entries WHERE number = 1"
    assert tampered(entry, kind="inserted")[0] == [("inserted", None)]


def test_duplicate_behind_the_end_names_it_and_its_original(tampered, lived):
    last = lived.last
    found, told = tampered(
        copied(N, last + 1),
        f"UPDATE chain SET number = {last + 1}, hash = (SELECT hash FROM entries WHERE number = {N})",
        kind="duplicated",
    )
    assert ("duplicated", last + 1) in found
    assert told == f"it is a copy of entry {N}"


def test_duplicate_under_the_same_number_is_found(lived):
    # the primary key is in the way of that, and of events; a superuser takes both away
    with lived.undone():
        lived.stealthily(
            "ALTER TABLE events DROP CONSTRAINT events_entry_fkey",
            "ALTER TABLE entries DROP CONSTRAINT entries_pkey",
            copied(N, N),
        )
        assert ("duplicated", N) in lived.found()
    lived.stealthily(
        "ALTER TABLE entries ADD PRIMARY KEY (number)",
        "ALTER TABLE events ADD CONSTRAINT events_entry_fkey FOREIGN KEY (entry) REFERENCES entries (number)",
    )
    assert lived.found() == []


def test_swapped_columns_are_named(tampered, lived):
    entry = lived.ask("SELECT number FROM entries WHERE request IS NOT NULL")
    swap = f"UPDATE entries SET request = subject, subject = request WHERE number = {entry}"
    found, told = tampered(swap, kind="columns_swapped")
    assert found == [("columns_swapped", entry)]
    assert told == "subject and request have each other's value"


def test_time_that_was_altered_by_an_hour_is_told_with_by_how_much(tampered):
    found, told = tampered(f"UPDATE entries SET at = at - interval '1 hour' WHERE number = {N}", kind="time_edited")
    assert found == [("time_edited", N)]
    assert "3600 s earlier" in told


def test_time_that_was_altered_by_any_span_is_found_by_its_neighbours(tampered):
    edit = f"UPDATE entries SET at = at + interval '7 minutes 3.21 seconds' WHERE number = {N}"
    found, told = tampered(edit, kind="time_edited")
    assert found == [("time_edited", N)]
    assert "outside" in told


def test_old_backup_is_found_by_the_archive(lived, desk):
    lived.stealthily("CREATE SCHEMA backup", *(f"CREATE TABLE backup.{name} AS TABLE {name}" for name in EVERYTHING))
    last = lived.last
    desk.buy(account="acct-c")
    assert lived.checkpoint() == 1
    assert lived.found() == []
    newest = lived.last
    with lived.undone():
        lived.stealthily(
            *(f"DELETE FROM {name}" for name in EVERYTHING),
            *(f"INSERT INTO {name} SELECT * FROM backup.{name}" for name in EVERYTHING),
        )
        findings = lived.audit().findings
        assert [(one.kind.value, one.entry, one.until) for one in findings] == [("old_backup", last + 1, newest)]
        assert [text for text in lived.audit(archive=None).not_shown if "old backup" in text]
    lived.stealthily("DROP SCHEMA backup CASCADE")


EVERYTHING = (
    "entries", "versions", "image_keys", "checkpoints", "chain", "accounts", "checkout_sessions", "signups", "subscriptions", "prices", "charges",
)  # fmt: skip


@pytest.mark.parametrize("archived", [True, False])
def test_full_rewrite_without_the_key_is_found_by_what_was_signed(tampered, lived, archived):
    edit = f"UPDATE entries SET act = 'task.opened' WHERE number = {N}"
    statements = [edit, REHASHED.format(first=N)]
    if archived:
        statements.append("DELETE FROM checkpoints")
    found, told = tampered(*statements, kind="rewritten")
    assert ("rewritten", 1) in found
    assert ("archive" in told) is archived


def test_rewrite_that_is_signed_by_another_key_is_found(lived):
    with lived.undone():
        lived.stealthily(
            f"UPDATE entries SET act = 'task.opened' WHERE number = {N}",
            REHASHED.format(first=N),
            "DELETE FROM checkpoints",
        )
        lived.checkpoint(signer=Signer("simulator", [("one", OTHER_KEY[1])], []))
        found = lived.found()
    assert {"rewritten", "checkpoint_forged"} <= {kind for kind, _ in found}
    assert lived.found() == []


def test_fork_is_found_where_both_histories_are_signed(lived):
    with lived.undone():
        lived.stealthily(
            f"UPDATE entries SET act = 'task.opened' WHERE number = {N}",
            REHASHED.format(first=N),
            "DELETE FROM checkpoints",
        )
        assert lived.checkpoint() == 1
        assert [kind for kind, _ in lived.found()] == ["forked"]
    assert lived.found() == []
