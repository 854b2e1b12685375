"""The way to PostgreSQL: the engine with its limits, the migrations, and reading rows as typed records. Errors never carry a row."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine, Executable, create_engine, func, insert, select
from sqlalchemy.engine import URL, make_url

from service.errors import SettingsError
from service.store import deeds
from service.store.models import DEPLOYMENT

STATEMENT_MS, LOCK_MS, IDLE_MS = 5_000, 2_000, 10_000
MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0005"
T = TypeVar("T")
log = structlog.get_logger()


def url_of(text: str) -> URL:
    """The URL with the driver that we use; `postgres://` and `postgresql://` are taken."""
    try:
        url = make_url(text.replace("postgres://", "postgresql://", 1))
    except Exception:  # noqa: BLE001 - SQLAlchemy's error quotes the URL, and with it the password
        raise SettingsError("PANLESS_DATABASE_URL is not a URL") from None
    if not url.drivername.startswith("postgresql"):
        raise SettingsError("PANLESS_DATABASE_URL must name a PostgreSQL server")
    return url.set(drivername="postgresql+psycopg")


def connect(url_text: str, *, pool_size: int) -> Engine:
    """An engine whose sessions give up by themselves: statements after 5 s, locks after 2 s, idle transactions after 10 s."""
    options = (
        f"-c statement_timeout={STATEMENT_MS} -c lock_timeout={LOCK_MS} -c idle_in_transaction_session_timeout={IDLE_MS} "
        "-c search_path=public -c timezone=UTC"
    )
    engine = create_engine(
        url_of(url_text),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": options, "connect_timeout": 5, "application_name": "panless"},
    )
    deeds.tell_of(engine)
    return engine


def migrate(url_text: str, environment: str) -> None:
    """Bring the schema to its head and bind the database to one environment. Safe to run twice, and by two at a time."""
    if _stands_at(url_text) != HEAD:
        _upgrade(url_text, environment)
    check_environment(url_text, environment)


def _stands_at(url_text: str) -> str | None:
    """The migration that the database stands at; None for an empty one."""
    engine = create_engine(url_of(url_text), hide_parameters=True)
    with engine.connect() as connection:
        known = connection.exec_driver_sql("SELECT to_regclass('public.alembic_version') IS NOT NULL").scalar_one()
        version = schema_version(connection) if known else None
    engine.dispose()
    return version


def _upgrade(url_text: str, environment: str) -> None:
    from alembic import command  # a second of import that only a change of the schema needs
    from alembic.config import Config

    engine = create_engine(url_of(url_text), hide_parameters=True)
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(7_315_006)))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if connection.execute(select(DEPLOYMENT.c.environment)).first() is None:
            connection.execute(insert(DEPLOYMENT).values(environment=environment))
    engine.dispose()
    log.info("schema.migrated", actor="operator", version=HEAD)


def check_environment(url_text: str, environment: str) -> None:
    """Refuse a database that belongs to another environment: sandbox and live money never share one."""
    engine = create_engine(url_of(url_text), hide_parameters=True)
    with engine.connect() as connection:
        bound = connection.execute(select(DEPLOYMENT.c.environment)).scalar_one_or_none()
    engine.dispose()
    if bound != environment:
        raise SettingsError("PANLESS_ENVIRONMENT is not the environment that this database belongs to")


def schema_version(connection: Connection) -> str | None:
    """The migration that the database stands at."""
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()


def now(connection: Connection) -> datetime:
    """Database time: the only clock for leases and for the journal."""
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def one(connection: Connection, statement: Executable, record: type[T]) -> T | None:
    """The one row of a statement as a record, or None."""
    row = connection.execute(statement).mappings().one_or_none()
    return record(**row) if row is not None else None


def many(connection: Connection, statement: Executable, record: type[T]) -> list[T]:
    """All rows of a statement as records."""
    return [record(**row) for row in connection.execute(statement).mappings()]
