"""The way to PostgreSQL: the engine with its limits, the migrations, and reading rows as typed records. Errors never carry a row."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog
from psycopg import errors
from sqlalchemy import Connection, Engine, Executable, create_engine, event, func, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from service.errors import PanlessError, SettingsError
from service.store import careful, deeds, rights
from service.store.models import DEPLOYMENT

STATEMENT_MS, LOCK_MS, IDLE_MS = 5_000, 2_000, 10_000
#: A migration that waits for a table keeps all others waiting who want it. So it waits for less time than they do (LOCK_MS), and than PostgreSQL takes
#: to find a deadlock (1 s), in which a request might be the one to give way; then it lets go of everything, and tries again a little later.
MIGRATION_LOCK_MS, MIGRATION_TRIES, MIGRATION_PAUSE_SECONDS = 500, 10, 1.0
#: What holds for every session of ours, whatever is set for the server, the database or the role. Correctness rests on locks under READ COMMITTED;
#: a warning must be heard, since a commit may come with one; and a commit is on disk before it is believed, or an intent could be forgotten
#: after BlueSnap has charged for it.
_ALWAYS = (
    "-c search_path=public -c timezone=UTC -c synchronous_commit=on -c client_min_messages=warning -c default_transaction_isolation=read\\ committed "
    f"-c idle_in_transaction_session_timeout={IDLE_MS}"
)
_SERVING = f"{_ALWAYS} -c statement_timeout={STATEMENT_MS} -c lock_timeout={LOCK_MS}"
#: A migration that is killed lets go of its tables within a second, not at the end of its statement.
_MIGRATING = f"{_ALWAYS} -c statement_timeout=0 -c lock_timeout=0 -c client_connection_check_interval=1000"
MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0016"
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


class BusyError(PanlessError):
    """A migration never got a table, because somebody works on it for long. Nothing was changed."""


def connect(url_text: str, *, pool_size: int) -> Engine:
    """An engine whose sessions give up by themselves: statements after 5 s, locks after 2 s, idle transactions after 10 s, silence after 10 s.

    `pool_size` is the number of threads that will use it: no thread needs two connections at a time, so that none waits for one.
    """
    engine = _engine(
        url_text, careful.Connection, _SERVING, pool_size=pool_size, max_overflow=0, pool_timeout=5, pool_pre_ping=True
    )
    deeds.tell_of(engine)
    return engine


def _engine(url_text: str, kind: type[careful.Connection], options: str, **more: Any) -> Engine:
    arguments = {
        **careful.PEER,
        "options": options,
        "connect_timeout": careful.CONNECT_SECONDS,
        "application_name": "panless",
    }
    engine = create_engine(url_of(url_text), hide_parameters=True, connect_args=arguments, **more)
    event.listen(engine, "do_connect", lambda _dialect, _record, given, named: kind.connect(*given, **named))
    return engine


def migrate(url_text: str, environment: str) -> None:
    """Bring the schema to its head, bind the database to one environment, and make the table of rights true. Safe to run twice, and by two at a time.

    Raises BusyError.
    """
    tries = MIGRATION_TRIES
    while True:
        try:
            _upgrade(url_text, environment, run=_stands_at(url_text) != HEAD)
            break
        except BusyError:
            tries -= 1
            if not tries:
                raise
            log.warning("schema.busy", actor="operator", version=HEAD)
            time.sleep(MIGRATION_PAUSE_SECONDS)
    check_environment(url_text, environment)


@contextlib.contextmanager
def _one_connection(url_text: str) -> Iterator[Connection]:
    engine = _engine(url_text, careful.Connection, _SERVING)
    try:
        with engine.connect() as connection:
            rights.become_owner(connection)
            yield connection
    finally:
        engine.dispose()


def _stands_at(url_text: str) -> str | None:
    """The migration that the database stands at; None for an empty one."""
    with _one_connection(url_text) as connection:
        known = connection.exec_driver_sql("SELECT to_regclass('public.alembic_version') IS NOT NULL").scalar_one()
        return schema_version(connection) if known else None


def _upgrade(url_text: str, environment: str, *, run: bool) -> None:
    engine = _engine(url_text, careful.PatientConnection, _MIGRATING)
    try:
        with engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(7_315_006)))  # as long as another migration takes
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {MIGRATION_LOCK_MS}")
            rights.prepare(connection)
            if run:
                _run_scripts(connection)
            if connection.execute(select(DEPLOYMENT.c.environment)).first() is None:
                connection.execute(insert(DEPLOYMENT).values(environment=environment))
            rights.apply(connection)
    except OperationalError as error:
        if isinstance(error.orig, errors.LockNotAvailable | errors.DeadlockDetected):
            raise BusyError from None
        raise
    finally:
        engine.dispose()
    if run:
        log.info("schema.migrated", actor="operator", version=HEAD)


def _run_scripts(connection: Connection) -> None:
    from alembic import command  # a second of import that only a change of the schema needs
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def check_environment(url_text: str, environment: str) -> None:
    """Refuse a database that belongs to another environment: sandbox and live money never share one."""
    with _one_connection(url_text) as connection:
        bound = connection.execute(select(DEPLOYMENT.c.environment)).scalar_one_or_none()
    if bound != environment:
        raise SettingsError("PANLESS_ENVIRONMENT is not the environment that this database belongs to")


def check_logins(urls: Mapping[str, str], environment: str) -> None:
    """Refuse what does not belong to this environment, and where money is also a login that no right is withheld from. `urls` by their settings' names.

    Raises SettingsError.
    """
    for name, url_text in urls.items():
        check_environment(url_text, environment)
        if environment == "simulator":
            continue
        with _one_connection(url_text) as connection:
            if rights.is_almighty(connection):
                raise SettingsError(
                    f"{name} comes with a login that may do everything or owns the tables: it must be a member of the group roles "
                    "of its part and no more (docs/operating.md, Roles in the database)"
                )


def schema_version(connection: Connection) -> str | None:
    """The migration that the database stands at."""
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()


def now(connection: Connection) -> datetime:
    """Database time: the only clock for leases and for the journal."""
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def login(connection: Connection) -> str:
    """Who this session signed in as, whatever role it has taken since."""
    name: str = connection.exec_driver_sql("SELECT session_user").scalar_one()
    return name


def one(connection: Connection, statement: Executable, record: type[T]) -> T | None:
    """The one row of a statement as a record, or None."""
    row = connection.execute(statement).mappings().one_or_none()
    return record(**row) if row is not None else None


def many(connection: Connection, statement: Executable, record: type[T]) -> list[T]:
    """All rows of a statement as records."""
    return [record(**row) for row in connection.execute(statement).mappings()]


def is_passing(error: DBAPIError) -> bool:
    """Whether the database, and not what was asked of it, is the reason: gone, full, read-only, in recovery, too busy, or doubtful of a commit.

    Read-only and idle for too long are internal errors to psycopg, by the class of their SQLSTATE (PostgreSQL appendix A, class 25).
    """
    passing = (errors.ReadOnlySqlTransaction, errors.IdleInTransactionSessionTimeout)
    return isinstance(error, OperationalError) or isinstance(error.orig, passing) or error.connection_invalidated
