"""The feed: whoever reads on from where he was reads every entry exactly once, however late its transaction commits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from service.cardguard import formats
from service.store import entries
from service.store.entries import Cursor
from service.store.ids import new_id
from service.store.journal import Act, Origin, write
from service.store.models import ENTRIES

LARGEST = 5 * 20**14 - 1
NUMBERS = st.integers(0, LARGEST)


def note(connection, word="a"):
    """Write an entry."""
    write(connection, Act.SUBSCRIPTION_RENEWED, Origin("worker"), subject=new_id("sub"), image={"word": word})


def begin_to_write(connection):
    """The transaction has its place in the feed from now on."""
    connection.execute(select(func.pg_current_xact_id()))


def words(engine, after=None, limit=100):
    """What a reader sees, and where he goes on from."""
    with engine.connect() as connection:
        found, place = entries.page(connection, after, limit)
    return [entry.image["word"] for entry in found], place


def test_entry_of_a_late_commit_is_not_missed(engine):
    with engine.connect() as early, engine.connect() as late:
        note(early, "early")
        note(late, "late")
        late.commit()
        seen, place = words(engine)
        assert (seen, place) == ([], None), "the entry behind the open one must wait for it"
        early.commit()
    assert words(engine, place)[0] == ["early", "late"]


def test_number_that_is_lower_may_come_later_and_is_not_missed(engine):
    with engine.connect() as first, engine.connect() as second:
        begin_to_write(first)
        note(second, "low number")
        second.commit()
        note(first, "high number")
        first.commit()
    seen, place = words(engine, limit=1)
    assert seen == ["high number"]
    assert words(engine, place)[0] == ["low number"]


def test_entry_that_is_rolled_back_holds_nobody_up(engine):
    with engine.connect() as first, engine.begin() as second:
        note(first, "never")
        note(second, "for ever")
        first.rollback()
    assert words(engine)[0] == ["for ever"]


def test_reader_who_only_reads_holds_nobody_up(engine):
    with engine.connect() as reader:
        reader.execute(select(func.count()).select_from(ENTRIES))
        with engine.begin() as connection:
            note(connection)
        assert words(engine)[0] == ["a"]


def test_savepoint_does_not_change_the_place_of_an_entry(engine):
    with engine.connect() as first, engine.connect() as second:
        note(first, "one")
        note(second, "three")
        with first.begin_nested():
            note(first, "two")
        second.commit()
        assert words(engine)[0] == []
        first.commit()
    assert words(engine)[0] == ["one", "two", "three"]


def test_pages_join_without_a_gap(engine):
    for turn in range(7):
        with engine.begin() as connection:
            note(connection, f"{turn}")
    seen, place = [], None
    for expected in (3, 3, 1, 0):
        found, place = words(engine, place, 3)
        assert len(found) == expected
        seen += found
    assert seen == [f"{turn}" for turn in range(7)]


def test_empty_page_leaves_the_reader_where_he_is(engine):
    assert words(engine) == ([], None)
    assert words(engine, Cursor(5, 7)) == ([], Cursor(5, 7))


def test_end_of_the_feed_is_behind_all_that_can_be_shown(engine):
    with engine.connect() as connection:
        assert entries.end(connection) == Cursor(0, 0)
    with engine.begin() as connection:
        note(connection)
    with engine.connect() as held:
        note(held, "still to come")
        with engine.connect() as connection:
            place = entries.end(connection)
        held.commit()
    assert words(engine, place)[0] == ["still to come"]


def test_reader_among_many_writers_reads_everything_once(engine):
    writers, turns = 6, 12
    over = threading.Event()

    def write_some(name):
        for turn in range(turns):
            with engine.begin() as connection:
                if (name + turn) % 2:
                    begin_to_write(connection)
                for part in range(turn % 3 + 1):
                    note(connection, f"{name}.{turn}.{part}")

    def read_all():
        seen, place, last = [], None, False
        while True:
            found, place = words(engine, place, 5)
            seen += found
            if not found and last:
                return seen
            last = over.is_set()

    with ThreadPoolExecutor(writers + 1) as pool:
        reader = pool.submit(read_all)
        for done in [pool.submit(write_some, name) for name in range(writers)]:
            done.result()
        over.set()
        seen = reader.result()
    expected = {
        f"{name}.{turn}.{part}" for name in range(writers) for turn in range(turns) for part in range(turn % 3 + 1)
    }
    assert len(seen) == len(expected)
    assert set(seen) == expected


@settings(deadline=None, database=None, derandomize=True)
@given(NUMBERS, NUMBERS)
def test_cursor_is_read_as_it_was_written(xid, number):
    text = Cursor(xid, number).text
    assert formats.matches(formats.CURSOR, text)
    assert formats.digits(text) == 0
    assert Cursor.read(text) == Cursor(xid, number)


@pytest.mark.parametrize(
    "text",
    ["", "b", "b" * 29, "b" * 31, "B" * 30, "a" * 30, "b" * 29 + "1", "b" * 29 + "\n", "z" * 30, "b" * 15 + "z" * 15],
)
def test_what_no_cursor_can_be_is_none(text):
    assert not formats.matches(formats.CURSOR, text)


def test_largest_cursor_is_one_that_the_database_can_compare(engine):
    largest = Cursor(LARGEST, LARGEST)
    assert largest.text == ("g" + "z" * 14) * 2
    assert words(engine, largest) == ([], largest)
