"""The cases at the database's edge (E146, E154, E171, E174 to E178): what is written by hand or by mistake is refused before anything is written down."""

from __future__ import annotations

import json
import re

import psycopg
from leaks_payloads import number
from leaks_provider import bought
from leaks_registry import Observation, sender
from leaks_tools import opclean, run_program
from psycopg import sql

DOMAIN, RANGE = "23514", "22003"  # a check of a domain; a number out of range
#: All columns of ours but moments, flags, UUIDs and the counters that the database itself sets; the queue's and the migrations' own are listed exceptions (DESIGN section 9.4).
COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), format_type(CASE t.typbasetype WHEN 0 THEN t.oid ELSE t.typbasetype END, NULL)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, a.attnum
"""
NUMBERS = {"smallint", "integer", "numeric"}
#: Which of our tables have a trigger that sees a row before it is written (bit 2 of its type), but for those that refuse every row alike.
TRIGGERS = """
SELECT c.relname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT g.tgisinternal AND n.nspname = 'public' AND g.tgtype & 2 <> 0 AND g.tgfoid <> 'refuse_change'::regproc
"""


def columns(connection, *, texts=False):
    """(table, column, type, base type) of each; with `texts` only those that a domain guards."""
    found = connection.execute(COLUMNS).fetchall()
    without = {"timestamp with time zone", "date", "boolean", "uuid", "bigint"}
    kept = [one for one in found if one[3] not in without]
    return [one for one in kept if one[3] not in NUMBERS] if texts else kept


def written(base, digits):
    """The number as a value of each kind of column: alone, among other things, and as long as the column wants it."""
    if base in {"json", "jsonb"}:
        documents = (digits, int(digits), {"number": digits}, {digits: 1}, {"a": [[digits]]}, f"card {digits}")
        return [json.dumps(one) for one in documents]
    if base == "bytea":
        return [
            digits.encode(),
            (digits * 3).encode()[:32],
            b"card " + digits.encode() + bytes(40),
            (digits * 4).encode(),
        ]
    if base in NUMBERS:
        return [int(digits)]
    return [digits, f" {digits} ", f"acct-{digits}", "-".join(re.findall("..?.?.?", digits))]


def refusals(connection, statement, values):
    """How the database refuses each, by its code; None where it does not."""
    for value in values:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statement, (value,))
            yield None
        except psycopg.Error as error:
            yield error.sqlstate


def attempts(connection, table, column):
    """The statements that would write into a column: a new row, one that exists but for it, and over those that exist."""
    place, one = sql.Identifier(table), sql.Identifier(column)
    names = [
        row[0]
        for row in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (table,)
        )
    ]
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    taken = sql.SQL(", ").join(sql.SQL("%s") if name == column else sql.Identifier(name) for name in names)
    return {
        "insert": sql.SQL("INSERT INTO {} ({}) VALUES (%s)").format(place, one),
        "again": sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} LIMIT 1").format(place, listed, taken, place),
        "update": sql.SQL("UPDATE {} SET {} = %s").format(place, one),
    }


def is_full(connection, table):
    return connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))).fetchone()[0]


@sender("E146")
def ad_hoc_sql(case, stage):
    """An operator writes it into every column of ours by hand, as the superuser. What a column's type takes is not written, but told."""
    bought(stage)
    taken, tried = set(), 0
    with stage.stand.connect() as connection:
        for table, column, kind, base in columns(connection):
            values = written(base, number(case))
            probe = sql.SQL("SELECT %s::{}").format(sql.SQL(kind))
            codes = [*refusals(connection, probe, values)]
            wrong = [value for value, code in zip(values, codes, strict=True) if code in {DOMAIN, RANGE}]
            if len(wrong) < len(values):
                taken.add(f"{table}.{column}")
            ways = attempts(connection, table, column)
            tried += len(values)
            codes = [*refusals(connection, ways["insert"], wrong)]
            codes += refusals(connection, ways["update"], wrong) if is_full(connection, table) else ()
            if not {DOMAIN, RANGE}.issuperset(codes):
                taken.add(f"{table}.{column}")

    def judge():
        assert tried > 250
        assert not taken, f"the database takes it into {', '.join(sorted(taken))}"

    return Observation(judge=judge)


@sender("E154")
def refused_row(case, stage):
    """Our own code has let it through, and the database refuses the row: through our own engine, told by our own log."""
    given = {"word": stage.payload(case), "database": stage.stand.database_url}
    done = run_program(stage, "refused_rows", given)

    def check():
        assert done.returncode == 0
        assert done.stderr == b""
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(lines) > 50
        refused = {(line["event"], line.get("error")) for line in lines} - {("library.record", None)}
        assert refused == {("request.failed", "IntegrityError")}, f"told as {refused}"

    return opclean(stage, done.stdout + done.stderr, check)


# what the path must not reach


def never_written(stage, way):
    """In each table that has rows, each guarded column gets the number: the domain refuses it before anything else of the row is looked at."""
    bought(stage)
    tried, codes = 0, set()
    with stage.stand.connect() as connection:
        own = [row[0] for row in connection.execute(TRIGGERS)]
        for table, column, _, base in columns(connection, texts=True):
            if base == "bytea" or not is_full(connection, table):
                continue
            values = written(base, number(stage.case))
            tried += len(values)
            codes |= {*refusals(connection, attempts(connection, table, column)[way], values)}

    def judge():
        assert tried > 50
        assert codes == {DOMAIN}, f"refused by {codes}"
        assert own == [], f"triggers see the rows of {own}"

    return Observation(judge=judge)


@sender("E171", "E174", "E175", "E176")
def inserted(case, stage):
    """A row that is there already but for the number, in a transaction that is taken back: neither a unique index nor a trigger nor the heap gets to see it."""
    return never_written(stage, "again")


@sender("E178")
def overwritten(case, stage):
    return never_written(stage, "update")
