"""The floor of a checkout: the thinnest proxy that asks the upstream for a token and hands it on, without or with one durable row. It guards nothing.

`bare()` and `durable()`. Settings: BENCH_UPSTREAM, BENCH_AUTHORITY (a file), BENCH_DATABASE_URL, BENCH_THREADS.
"""

from __future__ import annotations

import os
import uuid

import requests
from flask import Flask, request
from psycopg_pool import ConnectionPool
from requests.adapters import HTTPAdapter

from bench.floors import once
from bench.serving import THREADS

TABLES = "CREATE TABLE sessions (id uuid PRIMARY KEY, account text NOT NULL, plan text NOT NULL, members integer NOT NULL, at timestamptz NOT NULL DEFAULT now())"
INSERT = "INSERT INTO sessions (id, account, plan, members) VALUES (%s, %s, %s, %s)"
#: Connections to the database of a worker, as in the anchors' runs.
POOL = 16


@once
def session() -> requests.Session:
    """The pooled connections of this process, made after the fork."""
    threads = int(os.environ.get("BENCH_THREADS", THREADS))
    made = requests.Session()
    made.trust_env = False
    made.verify = os.environ["BENCH_AUTHORITY"]
    made.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=threads))
    return made


@once
def pool() -> ConnectionPool:
    """The same for the database."""
    made = ConnectionPool(os.environ["BENCH_DATABASE_URL"], min_size=POOL, max_size=POOL, open=True)
    made.wait()
    return made


def bare() -> Flask:
    """No database."""
    return _app(durable=False)


def durable() -> Flask:
    """One row is committed before the answer."""
    return _app(durable=True)


def _app(*, durable: bool) -> Flask:
    app = Flask("floor")
    url = os.environ["BENCH_UPSTREAM"] + "/services/2/payment-fields-tokens"

    @app.post("/v1/checkout-sessions")
    def open_session() -> tuple[dict[str, str], int]:
        order = request.get_json()
        answer = session().post(url, timeout=(3, 20))
        answer.raise_for_status()
        made = uuid.uuid4()
        if durable:
            with pool().connection() as connection:
                connection.execute(INSERT, (made, order["account"], order["plan"], order["members"]))
        return {"id": str(made), "token": answer.headers["Location"].rpartition("/")[2]}, 201

    return app
