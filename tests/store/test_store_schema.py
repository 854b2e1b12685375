"""The schema: migrations go up and down, and make exactly what the models and the domains declare."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from service.cardguard.domains import CARD_FREE, DOMAINS
from service.errors import SettingsError
from service.store import database, erasing, keeping, seeing
from service.store.models import METADATA

COLUMNS = """
SELECT table_name || '.' || column_name, coalesce(domain_name, data_type), numeric_precision, numeric_scale, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND conrelid::regclass::text <> 'alembic_version'
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
DOMAIN_CHECKS = """
SELECT typname, typbasetype::regtype::text, pg_get_constraintdef(pg_constraint.oid) FROM pg_type
JOIN pg_constraint ON contypid = pg_type.oid WHERE typnamespace = 'public'::regnamespace
"""
FUNCTIONS = """
SELECT proname, btrim(prosrc), provolatile::text, prosecdef, proconfig::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""
TRIGGERS = """
SELECT pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace
"""
KINDS = {
    "columns": COLUMNS,
    "constraints": CONSTRAINTS,
    "indexes": INDEXES,
    "domains": DOMAIN_CHECKS,
    "functions": FUNCTIONS,
    "triggers": TRIGGERS,
}


def describe(connection, kind):
    return {tuple(row) for row in connection.execute(text(KINDS[kind]))}


@pytest.fixture(scope="module")
def declared(databases):
    """A database made from the declarations in the code, without any migration."""
    made = create_engine(database.url_of(databases.create("declared", migrated=False)))
    with made.begin() as connection:
        connection.exec_driver_sql(CARD_FREE)
        for name, (base, check) in DOMAINS.items():
            connection.exec_driver_sql(f"CREATE DOMAIN {name} AS {base} CONSTRAINT {name}_format CHECK ({check})")
        METADATA.create_all(connection)
        for script in (*keeping.FUNCTIONS, keeping.TRIGGERS, *erasing.FUNCTIONS):
            connection.exec_driver_sql(script.replace("%", "%%"))
        for table in keeping.BUSINESS:
            connection.exec_driver_sql(f"SELECT keep_versions('{table}')")
        for function in seeing.FUNCTIONS:
            connection.exec_driver_sql(function)
    yield made
    made.dispose()
    databases.drop("declared")


@pytest.mark.parametrize("kind", KINDS)
def test_migrations_make_exactly_what_the_code_declares(declared, engine, kind):
    with declared.connect() as ours, engine.connect() as migrated:
        expected, found = describe(ours, kind), describe(migrated, kind)
    assert expected
    assert expected - found == set(), "declared, and not made by a migration"
    assert found - expected == set(), "made by a migration, and not declared"


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("columns", "ALTER TABLE signups ALTER cause SET NOT NULL"),
        ("columns", "DROP TRIGGER keep_changes ON charges; ALTER TABLE charges ALTER amount TYPE numeric(12, 2)"),
        ("columns", "DROP TRIGGER keep_changes ON notices; ALTER TABLE notices ALTER reason TYPE text"),
        ("constraints", "ALTER TABLE charges DROP CONSTRAINT charges_reference_key"),
        ("indexes", "DROP INDEX one_purchase_per_account"),
        ("triggers", "DROP TRIGGER keep_rows ON charges"),
        ("domains", "ALTER DOMAIN word DROP CONSTRAINT word_format"),
    ],
)
def test_comparison_of_schemas_sees_a_small_difference(declared, kind, change):
    with declared.connect() as connection:
        before = describe(connection, kind)
        connection.exec_driver_sql(change)
        assert describe(connection, kind) != before
        connection.rollback()


def test_migrations_go_up_and_down_and_up_again(new_database):
    url = new_database(migrated=False)
    database.migrate(url, "sandbox")
    made = create_engine(database.url_of(url))
    with made.begin() as connection:
        first = {kind: describe(connection, kind) for kind in KINDS}
        config = Config()
        config.set_main_option("script_location", str(database.MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert not any(describe(connection, kind) for kind in KINDS)
        assert connection.execute(text("SELECT to_regnamespace('jobs')")).scalar_one() is None
    database.migrate(url, "sandbox")
    with made.connect() as connection:
        assert {kind: describe(connection, kind) for kind in KINDS} == first
        assert database.schema_version(connection) == database.HEAD
    made.dispose()


def test_migrating_twice_changes_nothing_and_loses_nothing(new_database):
    url = new_database()
    made = create_engine(database.url_of(url))
    with made.begin() as connection:
        connection.exec_driver_sql("INSERT INTO accounts VALUES ('acct-a', now())")
    database.migrate(url, "simulator")
    with made.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM accounts")).scalar_one() == 1
    made.dispose()


def test_database_of_another_environment_is_refused(new_database):
    url = new_database()
    with pytest.raises(SettingsError, match="PANLESS_ENVIRONMENT"):
        database.check_environment(url, "production")
    with pytest.raises(SettingsError, match="PANLESS_ENVIRONMENT"):
        database.migrate(url, "sandbox")


@pytest.mark.parametrize("text_given", ["mysql://root:geheim@h/db", "no url: geheim", "postgresql+asyncpg//geheim"])
def test_database_address_that_cannot_be_used_is_not_repeated(text_given):
    with pytest.raises(SettingsError, match="PANLESS_DATABASE_URL") as told:
        database.url_of(text_given)
    assert "geheim" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__ or told.value.__context__ is None


def test_sessions_of_the_engine_give_up_by_themselves(engine):
    with engine.connect() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
        }
    assert shown == {
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "10s",
        "TimeZone": "UTC",
    }
