"""A throw-away PostgreSQL and databases on it, each a copy of one migrated template, in a twentieth of a second."""

from __future__ import annotations

import contextlib

import psycopg
from psycopg import sql
from sqlalchemy import delete

from dev import postgres
from service.store import database
from service.store.models import DEPLOYMENT, METADATA

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


def empty(engine):
    """Delete every row of ours but the one that binds the database to its environment."""
    with engine.begin() as connection:
        for table in reversed(METADATA.sorted_tables):
            if table is not DEPLOYMENT:
                connection.execute(delete(table))


def count_rows(engine):
    """How many rows each table of ours holds."""
    with engine.connect() as connection:
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in METADATA.tables
        }
