"""The cases of what the database says of what it refuses (E172, E173, E179 to E181): to its own log, to ours, and in exceptions."""

from __future__ import annotations

import json
import logging

import psycopg
from leaks_database import DOMAIN, attempts, columns
from leaks_registry import sender
from leaks_stage import SESSIONS
from leaks_tools import opclean, run_program

from service.store import database
from service.telemetry import logs


def as_told(errors):
    """Exceptions as our own log tells them, with the number in the message and its arguments as well."""
    lines = []
    for error in errors:
        record = logging.LogRecord(
            "leaks", logging.ERROR, __file__, 1, str(error), (error,), (type(error), error, error.__traceback__)
        )
        lines.append(logs.Formatter().format(record).encode())
    return b"\n".join(lines)


def dbclean(stage, errors, codes, check=lambda: None):
    """The database refused all of it by these codes; what is told of it is searched, and the server's log by the run."""

    def more():
        assert errors
        assert {error.sqlstate for error in errors} <= codes, f"refused by {[error.sqlstate for error in errors]}"
        check()

    return opclean(stage, as_told(errors), more)


@sender("E172")
def cast_error(case, stage):
    """Numbers as our own code binds them; and at our doors, where numbers and UUIDs are checked before the database is asked.

    A UUID or a moment that is bound is one already: what is bound as text for them would be quoted by the server.
    """
    word = stage.payload(case)
    given = {"word": word, "database": stage.stand.database_url}
    done = run_program(stage, "casts", given)
    body = {"account": stage.account, "plan": "team", "members": int(word)}
    key = ("Idempotency-Key", word)
    seen = stage.send_all([stage.writing(SESSIONS, body), stage.writing(SESSIONS, {**body, "members": 3}, key)])

    def check():
        assert [answer.status for answer in seen.answers] == [422, 422]
        assert done.returncode == 0
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        events = [line["event"] for line in lines]
        assert events.count("request.failed") > 20, f"{len(events)} lines"
        assert set(events) <= {"request.failed", "asked", "library.record"}

    found = opclean(stage, done.stdout + done.stderr, check)
    found.answers, found.sent, found.log = seen.answers, seen.sent, seen.log
    return found


@sender("E173")
def json_syntax(case, stage):
    """Documents that are none, into every column of documents."""
    word, errors = stage.payload(case), []
    broken = [
        f'{{"number": {word}',
        f'{{"number": "{word}',
        f"{{{word}: 1}}",
        f'"{word}" 1',
        f'{{"a": "\\u{word}"}}',
        f"[{word},]",
    ]
    with stage.stand.connect() as connection:
        for table, column, _, base in columns(connection, texts=True):
            for text in broken if base == "jsonb" else ():
                try:
                    connection.execute(attempts(connection, table, column)["insert"], (text,))
                except psycopg.Error as error:
                    errors.append(error)
    return dbclean(stage, errors, {"22P02", DOMAIN}, lambda: _counted(errors, 3 * len(broken)))


def _counted(errors, wanted):
    assert len(errors) == wanted, f"{len(errors)} of {wanted} refused"


@sender("E179")
def literal(case, stage):
    """A tool that writes values into its statements, unlike our engine: what it sends is refused, and stands in no log."""
    word, errors = stage.payload(case), []
    statements = (
        "INSERT INTO accounts (account, created_at) VALUES (%s, now())",
        "INSERT INTO entries (image) VALUES (%s)",
        "UPDATE api_keys SET name = %s",
        "SELECT nothing FROM nowhere WHERE card = %s",
        "SELECT 1 / 0 WHERE %s <> ''",
    )
    with psycopg.connect(stage.stand.database_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for statement in statements:
            try:
                connection.execute(statement, (json.dumps(word) if "image" in statement else word,))
            except psycopg.Error as error:
                errors.append(error)

    def check():
        _counted(errors, len(statements))
        engine = database.connect(stage.stand.database_url, pool_size=1)
        with engine.connect() as ours:
            driver = ours.connection.driver_connection
            assert not issubclass(driver.cursor_factory, psycopg.ClientCursor), (
                "our engine writes values into statements"
            )
        engine.dispose()

    return dbclean(stage, errors, {DOMAIN, "42P01", "22012"}, check)


@sender("E180")
def statement_echo(case, stage):
    """The engine tells all that it does, and its rows."""
    done = run_program(stage, "echoing", {"word": stage.payload(case), "database": stage.stand.database_url})

    def check():
        assert done.returncode == 0
        assert done.stdout.endswith(b"done\n")
        assert done.stdout.count(b"library.record") > 3, "nothing was told"

    return opclean(stage, done.stdout + done.stderr, check)


@sender("E181")
def copied(case, stage):
    """A list is copied into a table: a line with it, one with too many columns, one that ends early; nobody here copies anything."""
    word, errors = stage.payload(case), []
    texts = (f"{word}\t2031-01-01\n", f"a\t2031-01-01\t{word}\n", f"{word}\n", f"acct-{word}\t2031-01-01\n")
    with stage.stand.connect() as connection:
        for text in texts:
            try:
                with connection.cursor().copy("COPY accounts (account, created_at) FROM STDIN") as copy:
                    copy.write(text)
            except psycopg.Error as error:
                errors.append(error)
    return dbclean(stage, errors, {DOMAIN, "22P04"}, lambda: _counted(errors, len(texts)))
