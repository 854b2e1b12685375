"""What `prove` is made of, without the whole run: the look at the columns, what may be where, the checks, and when it cannot run."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from datetime import UTC, datetime

import psycopg
import pytest

from service.cardguard.domains import DOMAINS
from service.config import ROOT
from service.evidence import belongings, columns, surroundings, verdict
from service.evidence.canaries import NUMBERS, marker
from service.evidence.pieces import Piece, SinkError
from service.evidence.progress import Progress
from service.evidence.searching import Search
from service.evidence.trying import CARDS, Tried
from service.store.models import METADATA

pytestmark = pytest.mark.leaks

NUMBER, CARD = NUMBERS[0], CARDS[0]


@pytest.fixture
def altered(new_database):
    """A migrated database of a test's own, for its columns to be changed."""
    url = new_database()

    def alter(statement):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)
        return columns.inspect(url, NUMBER)

    return alter


def test_every_column_of_ours_is_guarded_and_refuses_a_card_number(module_database):
    found = columns.inspect(module_database, NUMBER)
    assert (found.unguarded, found.accepted) == ((), ())
    assert {f"{one.table}.{one.name}" for one in found.columns} == {
        f"{table.name}.{column.name}" for table in METADATA.tables.values() for column in table.columns
    }
    assert found.tried >= sum(one.guard in DOMAINS for one in found.columns) > 50


@pytest.mark.parametrize(
    "kind", ["text", "varchar(20)", "json", "jsonb", "bytea", "text[]", "bigint[]", "word[]", "xml"]
)
def test_column_that_nothing_guards_is_named_with_its_table(altered, kind):
    [told] = altered(f"ALTER TABLE notices ADD COLUMN remark {kind}").unguarded
    assert told.startswith("notices.remark (")


def test_column_of_a_schema_that_nobody_declared_is_seen(altered):
    assert altered("CREATE SCHEMA extra CREATE TABLE kept (remark text)").unguarded == ("extra.kept.remark (text)",)


def test_guard_that_lost_its_check_is_found_by_writing(altered):
    found = altered("ALTER DOMAIN account_ref DROP CONSTRAINT account_ref_format")
    assert found.unguarded == ()
    assert "accounts.account" in found.accepted
    assert "notices.outcome" not in found.accepted


def test_trying_to_write_leaves_no_row_and_no_number_in_the_log(databases, new_database):
    url = new_database()
    before = databases.log.stat().st_size
    columns.inspect(url, NUMBER)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (0,)
    assert NUMBER[:8].encode() not in databases.log.read_bytes()[before:]


def test_numeric_columns_with_room_for_a_card_number_are_told(module_database):
    assert set(columns.inspect(module_database, NUMBER).wide) == {
        "entries.number", "entries.xid", "events.entry", "event_cursor.xid", "event_cursor.number",
        "versions.id", "versions.entry", "chain.start", "chain.number", "checkpoints.number", "tombstones.open_to",
    }  # fmt: skip


def test_log_field_account_is_the_only_place_of_a_log_for_an_account():
    account = belongings.canary(belongings.ACCOUNT, "of a customer", "bcdfghjklmnpqrstvwxz")
    log = b'{"event": "a", "account": "bcdfghjklmnpqrstvwxz"}\n{"event": "a", "note": "bcdfghjklmnpqrstvwxz"}\n'
    searched = Search([account]).of(Shelf("S07+S10", [Piece("service.log", log, 1)]))
    assert [(hit.place, hit.line) for hit in searched.leaks] == [("service.log", 2)]


def test_sink_that_cannot_be_read_is_said_so_and_is_not_clean():
    searched = Search([CARD]).of(Shelf("S19", [Piece("memory", b"quiet", 1), SinkError("closed to us")]))
    assert (searched.error, searched.pieces) == ("closed to us", 1)
    found = verdict.Found(Tried(), searched=[searched])
    assert not verdict.of(found).clean


def test_what_belongs_somewhere_is_searched_for_there_only_as_a_control():
    payers = [belongings.canary(belongings.PAYER, name, marker()) for name in ("first", "second")]
    said = " ".join(one.text for one in payers).encode()
    sent, kept = (Shelf(sink, [Piece("x", said, 1)]) for sink in ("S12", "S01"))
    search = Search(payers, payers[:1])
    assert (search.of(sent).leaks, search.of(sent).belonging) == ((), 1)
    assert {hit.case for hit in search.of(kept).leaks} == {"payer: first", "payer: second"}


def test_name_of_card_data_is_found_whatever_its_value_but_for_what_bluesnap_is_told():
    pieces = [
        Piece("public.notes", b'{"cardNumber": "none"}', 1),
        Piece("answer 7 (notice, parameter cardNumber)", b"", 1),
        Piece("memory", b'{"cvv": ""}', 1, binary=True),
        Piece("event 1", b"webhook-signature: v1,lWa8tlpDvhq5kICVVqBV4VIX9iubPbf2Lzp3yjQobcd=", 1),
    ]
    named = {sink: Search([CARD]).of(Shelf(sink, pieces)).named for sink in ("S01", "S12")}
    assert [(hit.place, hit.form) for hit in named["S01"]] == [("public.notes", "name of a field: card_number")]
    assert named["S12"] == ()


class Shelf:
    """A sink of these pieces; an error among them is raised."""

    name = "a shelf"

    def __init__(self, sink, pieces):
        self.id, self._pieces = sink, pieces

    def read(self):
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def run_command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "service", "prove", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_folder_that_is_not_empty_is_not_written_over(tmp_path):
    (tmp_path / "evidence.json").write_text("older")
    done = run_command("--out", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "not empty" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["evidence.json"]


def test_installation_without_simulator_says_that_a_checkout_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(surroundings, "ROOT", tmp_path)
    with pytest.raises(
        surroundings.UnprovenError, match=r"dev and simulator are not here.*from a checkout, not from the image"
    ):
        surroundings.check()


def test_user_who_may_not_look_into_processes_is_told_to_be_root(monkeypatch):
    monkeypatch.setattr(surroundings, "_may_trace", lambda: False)
    with pytest.raises(surroundings.UnprovenError, match="run it as root"):
        surroundings.check()


def test_evidence_goes_to_a_folder_named_after_its_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr(surroundings, "ROOT", tmp_path)
    folder = surroundings.folder_for(None, datetime(2031, 3, 10, 17, 5, 9, tzinfo=UTC))
    assert folder == tmp_path / "var" / "evidence" / "2031-03-10T170509Z"
    assert folder.is_dir()


def test_pattern_that_is_none_is_refused_without_being_repeated():
    done = run_command("--only", "(4012888888881881")
    assert done.returncode == 2
    assert "--only" in done.stderr
    assert "4012" not in done.stderr


def test_progress_is_terse_where_nobody_watches():
    stream = io.StringIO()
    progress = Progress(stream)
    progress.phase("Counting")
    assert list(progress.count("abc", 3)) == ["a", "b", "c"]
    progress.phase("Resting")
    progress.finish()
    assert [line.partition(" s  ")[2] for line in stream.getvalue().splitlines()] == ["Counting", "Resting"]


def test_progress_says_phase_number_and_seconds_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    progress = Progress(stream := Terminal())
    progress.phase("Counting")
    list(progress.count("abc", 3))
    progress.finish()
    assert re.search(r"\r\x1b\[K +[0-9.]+ s  Counting: 1 of 3", stream.getvalue())
    assert stream.getvalue().endswith("\n")
