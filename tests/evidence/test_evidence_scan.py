"""`scan` finds card-shaped values in what a deployment keeps, wherever they stand; says where and never what; strikes them out in files, and finds none in honest data."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.archive import Archive
from service.cardguard import detect
from service.evidence.deployed import cards, files, rows, scan
from tests.support.cards import AMEX, MASTERCARD, VISA
from tests.support.tools import tools_over

GROUPS = " ".join(VISA[at : at + 4] for at in range(0, 16, 4))


@pytest.fixture
def unguarded(new_database, bluesnap, clock, quiet_logs):
    """Tools over a database of its own whose guards are off, as they were for whoever brought the number in."""
    from service.store import database

    engine = database.connect(new_database(), pool_size=2)
    with engine.begin() as connection:
        for name in ("word", "image", "digest", "account_ref"):
            connection.execute(text(f"ALTER DOMAIN {name} DROP CONSTRAINT {name}_format"))
        connection.execute(text("SET session_replication_role = replica"))
    yield tools_over(engine, bluesnap, clock)
    engine.dispose()


@pytest.fixture
def plant(unguarded):
    def put(statement, **values):
        with unguarded.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(statement), values)

    return put


def said(found):
    """All that a scan could print."""
    return json.dumps([vars(one) for one in found.finds]) + str(found.unread)


def places(found):
    return {(one.place, Path(one.where).name if one.place == "file" else one.where, one.at) for one in found.finds}


def test_number_in_a_column_is_found_by_table_column_and_row(unguarded, plant):
    plant(
        "INSERT INTO reviews VALUES (:id, 'rights', now(), 'operator'), (:other, :name, now(), 'operator')",
        id="rv_" + "b" * 30,
        other="rv_" + "c" * 30,
        name=VISA,
    )
    found = scan.run(unguarded, [])
    assert [(one.place, one.where, one.at, one.rule, one.id) for one in found.finds] == [
        ("database", "reviews.name", "(0,2)", "card_number", "rv_" + "c" * 30)
    ]
    assert VISA not in said(found)


@pytest.mark.parametrize("column", ["text", "varchar(40)", "json", "jsonb", "bytea", "text[]", "numeric", "bigint"])
def test_number_in_a_table_that_somebody_made_is_found_in_every_type(unguarded, plant, column):
    value = {
        "json": f'"{VISA}"',
        "jsonb": f'{{"a": [{VISA}]}}',
        "text[]": f"{{a,{VISA}}}",
        "xml": f"<a>{GROUPS}</a>",
    }.get(column, VISA)
    plant(f"CREATE TABLE jobs.other (kept {column})")
    plant(f"INSERT INTO jobs.other VALUES (CAST(CAST(:value AS text) AS {column}))", value=value)
    assert places(scan.run(unguarded, [])) == {("database", "jobs.other.kept", "(0,1)")}


def test_number_as_the_name_of_an_account_is_not_repeated(unguarded, plant):
    plant("INSERT INTO accounts VALUES (:account, now())", account=MASTERCARD)
    found = scan.run(unguarded, [])
    assert places(found) == {("database", "accounts.account", "(0,1)")}
    assert MASTERCARD not in said(found)


def test_every_row_of_a_table_of_many_pages_is_looked_at(unguarded, plant, monkeypatch):
    monkeypatch.setattr(rows, "PAGES", 2)
    plant("INSERT INTO accounts SELECT 'acct-' || number, now() FROM generate_series(1, 2000) AS number")
    plant("INSERT INTO accounts VALUES (:account, now())", account=MASTERCARD)
    found = scan.run(unguarded, [])
    assert found.looked_at["rows"] > 2_000
    assert [one.where for one in found.finds] == ["accounts.account"]


def test_table_that_this_login_may_not_read_is_told(unguarded, plant):
    plant("CREATE ROLE reader LOGIN NOINHERIT")
    try:
        plant("GRANT USAGE ON SCHEMA public TO reader")
        with unguarded.engine.begin() as connection:
            connection.execute(text("SET LOCAL ROLE reader"))
            assert "accounts" in rows.tables(connection)[1]
    finally:
        plant("DROP OWNED BY reader")
        plant("DROP ROLE reader")


def test_rows_that_row_security_hides_are_told_and_not_clean(unguarded, plant):
    plant("CREATE ROLE part LOGIN")
    try:
        plant("GRANT USAGE ON SCHEMA public TO part")
        plant("GRANT SELECT ON accounts TO part")
        plant("ALTER TABLE accounts ENABLE ROW LEVEL SECURITY")
        with unguarded.engine.connect() as connection:
            connection.execute(text("SET ROLE part"))
            [table] = [one for one in rows.tables(connection)[0] if one.name == "accounts"]
            connection.execute(text("SET LOCAL row_security = off"))
            with pytest.raises(Exception, match="row-level security"):
                connection.exec_driver_sql(*rows._statement(table, 0, None))
    finally:
        plant("DROP OWNED BY part")
        plant("DROP ROLE part")


def test_guard_that_is_off_is_told_with_the_statement_that_puts_it_back(unguarded, plant):
    found = scan.run(unguarded, [])
    assert set(found.guards) == {"word", "image", "digest", "account_ref"}
    for statement in found.guards.values():
        plant(statement.replace(":", r"\:"))
    assert scan.run(unguarded, []).guards == {}
    plant("CREATE TABLE jobs_of_mine (kept text)")
    assert scan.run(unguarded, []).unguarded == ["jobs_of_mine.kept"]


def test_guard_does_not_come_back_while_a_row_breaks_it(unguarded, plant):
    plant("INSERT INTO reviews VALUES (:id, :name, now(), 'operator')", id="rv_" + "b" * 30, name=VISA)
    with pytest.raises(IntegrityError) as refused:
        plant(scan.run(unguarded, []).guards["word"].replace(":", r"\:"))
    assert VISA not in str(refused.value)


def test_honest_database_holds_nothing(desk, tools, engine):
    desk.buy()
    found = scan.run(tools, [])
    assert (found.finds, found.unread, found.guards, found.unguarded) == ([], [], {}, [])
    assert found.looked_at["rows"] > 10


@pytest.mark.parametrize("packed", [False, True])
def test_number_in_a_file_is_found_by_line_and_byte(tools, tmp_path, packed):
    text_of = f'{{"event": "a"}}\n{{"event": "b", "note": "{GROUPS}"}}\n'.encode()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.log").write_bytes(gzip.compress(text_of) if packed else text_of)
    found = scan.run(tools, [tmp_path])
    assert places(found) == {("file", "a.log", "2")}
    assert found.finds[0].offset == 15
    assert GROUPS not in said(found)


def test_file_called_by_a_number_is_not_called_by_it(tools, tmp_path):
    (tmp_path / f"{VISA}.log").write_text(f"{AMEX}\n")
    found = scan.run(tools, [tmp_path])
    assert len(found.finds) == 1
    assert VISA not in said(found)


def test_broken_file_is_told_and_not_called_clean(tools, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"honest" * 1_000)[:-30] + b"\0" * 30)
    assert scan.run(tools, [tmp_path]).unread == [f"file {tmp_path}/a.gz"]


HONEST = b'{"time": "2031-03-10T17:00:00.123456Z", "level": "info", "event": "request.answered", "ms": 12.5, "status": 200}\n'


@pytest.mark.parametrize(
    "line",
    [
        f'{{"event": "x", "note": "{VISA}"}}\n',
        f'{{"event": "x", "note": "pay {GROUPS} now", "status": 200}}\n',
        f'{{"event": "x", "note": {VISA}}}\n',
        f'{{"event": "x", "{VISA}": 1}}\n',
        f"no json: {GROUPS}\n",
        f'{{"event": "x", "note": "{VISA[:4]}\\u0020{VISA[4:]}"}}\n',
    ],
)
def test_struck_line_holds_nothing_and_is_as_long(line):
    raw = line.encode()
    struck = cards.struck(raw)
    assert len(struck) == len(raw)
    assert struck.endswith(b"\n")
    assert detect.holds_card(struck) is None
    assert cards.in_document(struck.decode()) is None


def test_struck_document_keeps_what_is_not_the_number():
    struck = json.loads(cards.struck(f'{{"event": "x", "note": "{VISA}", "status": 200}}\n'.encode()))
    assert struck == {"event": "x", "note": "~" * 16, "status": 200}


def test_striking_leaves_honest_lines_and_whoever_appends_alone(tools, tmp_path):
    path = tmp_path / "service.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(HONEST + f'{{"note": "{VISA}"}}\n'.encode())
        assert len(scan.run(tools, [tmp_path], strike=True).finds) == 1
        writer.write(HONEST)
    assert path.read_bytes().splitlines(keepends=True) == [HONEST, b'{"note": "' + b"~" * 16 + b'"}\n', HONEST]
    assert scan.run(tools, [tmp_path]).finds == []


@pytest.mark.parametrize("packed", [False, True])
def test_piece_of_the_archive_is_struck_and_keeps_its_other_lines(
    engine, bluesnap, clock, quiet_logs, tmp_path, packed
):
    from dataclasses import replace

    tools = replace(tools_over(engine, bluesnap, clock), archive=Archive.open(str(tmp_path)))
    text_of = HONEST + f'{{"note": "{VISA}"}}\n'.encode() + HONEST
    tools.archive.put_once("logs/1", gzip.compress(text_of) if packed else text_of)
    tools.archive.put_once("logs/2", HONEST)
    found = scan.run(tools, [], strike=True)
    assert places(found) == {("archive", "logs/1", "2")}
    assert scan.run(tools, []).finds == []
    kept = files.plain(tools.archive.read("logs/1"), "logs/1").splitlines(keepends=True)
    assert (kept[0], kept[2]) == (HONEST, HONEST)
    assert tools.archive.read("logs/2") == HONEST
