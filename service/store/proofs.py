"""The journal as bytes to recompute its chain from: what one reads in blocks, made of PostgreSQL's own functions alone, so that none of ours can lie.

The form is the chain's (store/chain.py). Each entry is a line of three parts: its stored hash, its stored content and its account's key, all in hex; what
its hash is made of, without the hash before and the content; what its content is made of, without the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row
from psycopg.types.string import ByteaBinaryLoader

from service.store import database
from service.store.careful import PEER, PatientConnection

Connection = psycopg.Connection[tuple[Any, ...]]

LINE, PART = b"\n", b"\x1e"
#: Entries of one block: it should stay in a processor's cache.
BLOCK = 1_000
#: Text after text as it is chained: each in the order of its hash (store/chain.py).
FIELDS = ("number", "at", "actor", "act", "subject", "version", "request", "reason", "xid")
_FIELDS = ["(extract(epoch FROM e.at) * 1000000)::pg_catalog.int8" if name == "at" else f"e.{name}" for name in FIELDS]
_MARKS = "encode(e.hash::bytea, 'hex'), ' ', encode(e.content::bytea, 'hex'), ' ', encode((SELECT k.key::bytea FROM public.image_keys k WHERE k.account = e.account), 'hex')"
# concat takes NULL for nothing, and each document as SELECT shows it
_LINES = f"""
SELECT e.number, concat({_MARKS}, E'\\x1e', {", '|', ".join(_FIELDS)}, '|', E'\\x1e', e.account, '|', e.image, '|', v.body) AS line
FROM public.entries e
LEFT JOIN (
    SELECT entry, string_agg(concat(kind, '|', subject, '|', gone::text, '|', "row", '|'), '' ORDER BY id) AS body
    FROM public.versions WHERE entry BETWEEN %(first)s AND %(last)s GROUP BY entry
) v ON v.entry = e.number
WHERE e.number BETWEEN %(first)s AND %(last)s
"""
_BLOCK = f"SELECT string_agg(line, E'\\n' ORDER BY number) FROM ({_LINES}) AS lines"
_FIELDS_ONLY = f"""
SELECT {", ".join(f"coalesce(({field})::pg_catalog.text, '')" for field in _FIELDS)},
    coalesce(encode(e.content::bytea, 'hex'), ''), coalesce(encode(e.hash::bytea, 'hex'), '')
FROM public.entries e
"""


@dataclass(frozen=True)
class Shape:
    """How far the journal reaches: the number that its first entry should have, its last number, how many entries have one, how many have none, and what the chain's own row says of its head."""

    first: int
    last: int
    count: int
    unnumbered: int
    head: int
    head_hash: bytes


def connect(url: str, snapshot: str | None = None) -> Connection:
    """A connection that reads one state of the database, for as long as it takes: that of a snapshot, if one is given. It finds no function of ours by its name."""
    plain = database.url_of(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = PatientConnection.connect(
        plain,
        **PEER,  # type: ignore[arg-type]
        row_factory=tuple_row,
        application_name="panless-audit",
        options="-c search_path=pg_catalog -c timezone=UTC -c statement_timeout=0 -c work_mem=64MB -c default_transaction_read_only=on",
    )
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    if snapshot is not None:
        connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
    return connection


def snapshot(connection: Connection) -> str:
    """The name under which other connections read the same state, as long as this transaction lasts."""
    return str(_one(connection, "SELECT pg_export_snapshot()")[0])


def shape(connection: Connection) -> Shape:
    """How far the journal reaches."""
    counted = "SELECT coalesce(max(number), 0), count(*) FILTER (WHERE number > 0), count(*) FILTER (WHERE number IS NULL OR number <= 0) FROM public.entries"
    last, count, unnumbered = _one(connection, counted)
    head = connection.execute("SELECT number, hash::bytea, start FROM public.chain").fetchone() or (0, b"", 0)
    return Shape(head[2] + 1, last, count, unnumbered, head[0], bytes(head[1]))


def blocks(connection: Connection, first: int, last: int) -> Iterator[tuple[int, int, bytes]]:
    """Blocks of lines from one number to another: the numbers that a block is for, and its bytes."""
    for begin in range(first, last + 1, BLOCK):
        end = min(begin + BLOCK - 1, last)
        yield begin, end, block(connection, begin, end)


def block(connection: Connection, first: int, last: int) -> bytes:
    """The lines of these numbers."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_loader("text", ByteaBinaryLoader)  # the bytes as they are: they are hashed, not read
    row = cursor.execute(_BLOCK, {"first": first, "last": last}).fetchone()
    return b"" if row is None or row[0] is None else bytes(row[0])


def hash_of(connection: Connection, number: int) -> bytes | None:
    """The stored hash of an entry; None if there is none."""
    row = connection.execute("SELECT hash::bytea FROM public.entries WHERE number = %s", (number,)).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def hashes_of(connection: Connection, numbers: Sequence[int]) -> dict[int, bytes]:
    """The stored hashes of these entries, as far as there are some."""
    rows = connection.execute("SELECT number, hash::bytea FROM public.entries WHERE number = ANY(%s)", (list(numbers),))
    return {number: bytes(found) for number, found in rows if found is not None}


def erasures(connection: Connection) -> dict[str, tuple[int, str]]:
    """Accounts that were erased, by their pseudonyms: the entry that says so, and its digest of the numbers of the entries that it emptied."""
    rows = connection.execute(
        "SELECT account::text, number, image::jsonb ->> 'numbers' FROM public.entries WHERE act = 'account.erased' AND number > 0"
    )
    return {account: (number, numbers or "") for account, number, numbers in rows}


def has_entry(connection: Connection, act: str, subject: str) -> bool:
    """Whether the journal says that this was done to that."""
    found = "SELECT EXISTS (SELECT FROM public.entries WHERE act = %s AND subject = %s AND number > 0)"
    row = connection.execute(found, (act, subject)).fetchone()
    return row is not None and bool(row[0])


def fields(connection: Connection, numbers: Sequence[int]) -> list[tuple[str, ...]]:
    """The chained texts of these entries, with content and hash in hex, in order."""
    return connection.execute(f"{_FIELDS_ONLY} WHERE e.number = ANY(%s) ORDER BY e.number", (list(numbers),)).fetchall()


def like(connection: Connection, number: int) -> list[int]:
    """Other entries that say the same of the same moment in the same transaction."""
    rows = connection.execute(
        "SELECT o.number FROM public.entries e JOIN public.entries o ON o.xid = e.xid AND o.at = e.at AND o.subject = e.subject AND o.act = e.act "
        "WHERE e.number = %s AND o.ctid <> e.ctid ORDER BY 1 LIMIT 10",
        (number,),
    )
    return [row[0] for row in rows]


def _one(connection: Connection, statement: str) -> tuple[Any, ...]:
    row = connection.execute(statement).fetchone()
    if row is None:
        raise psycopg.DataError
    return tuple(row)
