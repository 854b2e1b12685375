"""Fills a database of ours to any size: the journal by the server itself (bench/journal.py), what lies beside it through COPY.

For each of `rows` entries there are a version, a notice and a payment; a subscription for each twenty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from bench import journal
from service.cardguard.formats import ALPHABET, ID_LENGTH

_FROM = datetime(2024, 1, 1, tzinfo=UTC)
#: References of stored payments begin here; those of a load begin far below.
REFERENCES = 50_000_000
_COLUMNS = {
    "accounts": "account, created_at",
    "charges": "id, subscription_id, reference, amount, currency, source, recorded_at",
    "notices": "id, delivery, type, reference, provider_subscription, amount, currency, provider_time, outcome, received_at",
}


def fill(url: str, rows: int) -> None:
    """A database that has no account yet."""
    journal.fill(url, rows)
    beside(url, rows)


def beside(url: str, rows: int) -> None:
    """Accounts, payments and notices to a journal of so many entries."""
    subscriptions = rows // journal.CHANGES
    with psycopg.connect(url, autocommit=True) as connection, journal.unguarded(connection):
        ids = [
            one for (one,) in connection.execute("SELECT id FROM subscriptions ORDER BY provider_subscription::bigint")
        ]
        _copy(connection, "accounts", ((f"acct-{place}", _FROM) for place in range(1, subscriptions + 1)))
        _copy(connection, "charges", _charges(rows, ids))
        _copy(connection, "notices", _notices(rows, subscriptions))
        connection.execute("VACUUM ANALYZE")


def _copy(connection: psycopg.Connection[Any], table: str, rows: Iterator[Sequence[Any]]) -> None:
    with connection.cursor().copy(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _id(prefix: str, number: int) -> str:
    """In the form of ours, in the order of the numbers."""
    letters = ""
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        letters = ALPHABET[digit] + letters
    return f"{prefix}_{letters}"


def _at(number: int) -> datetime:
    return _FROM + timedelta(seconds=number)


def _charges(rows: int, ids: Sequence[str]) -> Iterator[Sequence[Any]]:
    for place in range(rows):
        yield (
            _id("ch", place), ids[place % len(ids)], str(REFERENCES + place), "290.000", "USD", "notice", _at(place),
        )  # fmt: skip


def _notices(rows: int, subscriptions: int) -> Iterator[Sequence[Any]]:
    for place in range(rows):
        digest = hashlib.sha256(place.to_bytes(8)).digest()
        yield (
            _id("nt", place), digest, "CHARGE", str(REFERENCES + place), str(place % subscriptions + 1), "290.000", "USD", _at(place),
            "applied", _at(place),
        )  # fmt: skip
