"""The floor of intake: the thinnest Flask app that takes a signed notice and is still right about durability. It guards nothing, and keeps no journal.

`transactional()`: HMAC, parse, BEGIN, one row, one update, COMMIT. `in_one()`: the same work in one statement. Settings: BENCH_DATABASE_URL, BENCH_KEY.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from urllib.parse import parse_qsl

from flask import Flask, request
from psycopg_pool import ConnectionPool

from bench.floors import once
from bench.serving import THREADS

TABLES = """
CREATE TABLE notices (delivery bytea PRIMARY KEY, type text NOT NULL, reference text NOT NULL, subscription text NOT NULL, amount numeric NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE subscriptions (reference text PRIMARY KEY, payments integer NOT NULL DEFAULT 0, paid_at timestamptz);
INSERT INTO subscriptions (reference) SELECT generate_series(1, {subscriptions});
"""
INSERT = """INSERT INTO notices (delivery, type, reference, subscription, amount) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""
UPDATE = "UPDATE subscriptions SET payments = payments + 1, paid_at = now() WHERE reference = %s"
IN_ONE = f"""WITH one AS ({INSERT} RETURNING subscription)
UPDATE subscriptions SET payments = payments + 1, paid_at = now() FROM one WHERE reference = one.subscription"""  # noqa: S608 - of our own constants

Values = tuple[bytes, str, str, str, str]


@once
def pool() -> ConnectionPool:
    """The connections of this process, made at its first request: after the fork."""
    made = ConnectionPool(os.environ["BENCH_DATABASE_URL"], min_size=THREADS, max_size=THREADS, open=True)
    made.wait()
    return made


def transactional() -> Flask:
    """Four round trips."""

    def keep(values: Values) -> None:
        with pool().connection() as connection:
            if connection.execute(INSERT, values).rowcount:
                connection.execute(UPDATE, (values[3],))

    return _app(keep)


def in_one() -> Flask:
    """One round trip: the connection commits by itself."""

    def keep(values: Values) -> None:
        with pool().connection() as connection:
            connection.autocommit = True
            connection.execute(IN_ONE, values)

    return _app(keep)


def _app(keep: Callable[[Values], None]) -> Flask:
    app = Flask("floor")
    key = os.environ["BENCH_KEY"].encode()

    @app.post("/webhooks/bluesnap")
    def take() -> tuple[str, int]:
        body = request.get_data()
        stamp, claimed = request.headers["bls-ipn-timestamp"], request.headers["bls-signature"]
        if not hmac.compare_digest(hmac.digest(key, stamp.encode() + body, "sha256").hex(), claimed):
            return "", 401
        form = dict(parse_qsl(body.decode()))
        delivery = hashlib.sha256(body).digest()
        keep(
            (
                delivery,
                form["transactionType"],
                form["referenceNumber"],
                form["subscriptionId"],
                form["invoiceChargeAmount"],
            )
        )
        return "", 200

    return app
