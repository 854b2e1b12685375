"""A throw-away PostgreSQL and databases on it, each a copy of one migrated template, in a twentieth of a second."""

from __future__ import annotations

import contextlib

import psycopg
from psycopg import sql
from sqlalchemy import select

from dev import postgres
from service.store import database
from service.store.models import CHAIN, DEPLOYMENT, ENTRIES, METADATA

ENVIRONMENT = "simulator"
TEMPLATE = "migrated"


class Databases:
    """One server. `log` is the file that it writes its log to."""

    def __init__(self, server):
        self.url, self.log = server.url, server.log
        database.migrate(postgres.create_database(self.url, TEMPLATE), ENVIRONMENT)

    def create(self, name, *, migrated=True):
        """A new database; answers its URL."""
        return postgres.create_database(self.url, name, TEMPLATE if migrated else "template0")

    def drop(self, name):
        """Drop a database, whoever is still connected to it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def running_databases(folder):
    with postgres.running_server(folder, throwaway=True) as server:
        yield Databases(server)


#: What no test leaves as it was, and no row of ours is without: the one that binds the database to its environment, and the end of the chain.
_STAYS = (DEPLOYMENT, CHAIN)


@contextlib.contextmanager
def by_stealth(engine):
    """A transaction whose changes leave no trace, as only a superuser can make one: for what a test says has always been so."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield connection


#: One text, for one way to the server and back: this is done after each of thousands of tests.
_EMPTYING = ";".join([
    "SET LOCAL session_replication_role = replica",
    *(f'DELETE FROM "{table.name}"' for table in METADATA.sorted_tables if table not in _STAYS),
    f"UPDATE {CHAIN.name} SET start = 0, number = 0, hash = decode('{bytes(32).hex()}', 'hex')",
])  # fmt: skip


def empty(engine):
    """Delete every row of ours, and begin the journal anew."""
    with engine.begin() as connection:
        connection.exec_driver_sql(_EMPTYING)


def changes_by_hand(engine):
    """What was changed without an entry: code that forgets its own does that."""
    statement = select(ENTRIES.c.act, ENTRIES.c.image).where(ENTRIES.c.act.like("hand.%"))
    with engine.connect() as connection:
        return [(act, image["table"]) for act, image in connection.execute(statement.order_by(ENTRIES.c.number))]


def count_rows(engine):
    """How many rows each table of ours holds."""
    with engine.connect() as connection:
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in METADATA.tables
        }
