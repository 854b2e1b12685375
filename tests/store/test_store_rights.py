"""The rights in the database are those of the table, cell by cell, and no more; each part of the system can do its work with its own."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from dev import postgres
from service.archive import Archive
from service.billing.buying import settle
from service.billing.erasure import erasing, retaining, tombstones
from service.billing.life import cancellation, looks
from service.errors import SettingsError
from service.store import accounts, changes, database, rights
from service.store.journal import Act, Origin
from service.store.models import TOMBSTONES
from service.store.rights import GROUPS, OWNER, role
from tests.support.databases import by_stealth
from tests.support.desk import PLATFORM, Desk
from tests.support.journal import mistakes
from tests.support.notices import charge_form, deliver
from tests.support.outcomes import LOST
from tests.support.tools import tools_over

TABLE = [*rights.table()]
VERBS = {
    "table": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "sequence": ("USAGE",),
    "function": ("EXECUTE",),
    "schema": ("USAGE", "CREATE"),
}
OBJECTS = """
SELECT 'table', oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace::regnamespace::text IN ('public', 'jobs')
UNION ALL SELECT 'sequence', oid::regclass::text FROM pg_class WHERE relkind = 'S' AND relnamespace::regnamespace::text IN ('public', 'jobs')
UNION ALL SELECT 'function', oid::regprocedure::text FROM pg_proc WHERE pronamespace::regnamespace::text IN ('public', 'jobs')
UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
"""
_NUMBERS = itertools.count()


@pytest.fixture
def connection(engine):
    with engine.connect() as opened:
        yield opened


def objects(connection):
    return {(kind, name) for kind, name in connection.execute(text(OBJECTS))}


def whole(kind, name, verb):
    """The line of the table about all of an object."""
    return next(one for one in TABLE if (one.kind, one.object, one.verb) == (kind, name, verb))


def test_table_has_a_line_for_every_object_and_verb_and_for_nothing_else(connection):
    expected = {(kind, name, verb) for kind, name in objects(connection) for verb in VERBS[kind]}
    found = {(one.kind, one.object, one.verb) for one in TABLE if not one.columns}
    lacking = [f"{kind},{name},{verb}{',' * len(GROUPS)}" for kind, name, verb in sorted(expected - found)]
    assert not lacking, "service/store/rights.csv lacks:\n" + "\n".join(lacking)
    assert found - expected == set()
    assert len(TABLE) == len({(one.kind, one.object, one.verb) for one in TABLE})


@pytest.mark.parametrize("group", GROUPS)
def test_every_cell_is_what_the_catalogue_says(connection, group):
    wrong = []
    for kind, name in objects(connection):
        for verb in VERBS[kind]:
            asked = text(f"SELECT has_{kind}_privilege(:role, :name, :verb)")
            has = connection.execute(asked, {"role": role(group), "name": name, "verb": verb}).scalar_one()
            if has is not (group in whole(kind, name, verb).groups):
                wrong.append((kind, name, verb, has))
    assert not wrong


@pytest.mark.parametrize("group", GROUPS)
def test_no_column_has_a_right_that_the_table_does_not_give(connection, group):
    columns = text(
        "SELECT a.attname, has_column_privilege(:role, a.attrelid, a.attnum, :verb) FROM pg_attribute a"
        " WHERE a.attrelid = CAST(:name AS regclass) AND a.attnum > 0 AND NOT a.attisdropped"
    )
    for kind, name in objects(connection):
        for verb in ("SELECT", "INSERT", "UPDATE", "REFERENCES") if kind == "table" else ():
            given = {"role": role(group), "name": name, "verb": verb}
            found = {column for column, has in connection.execute(columns, given) if has}
            lines = [
                one for one in TABLE if (one.kind, one.name, one.verb) == (kind, name, verb) and group in one.groups
            ]
            every = {column for column, _ in connection.execute(columns, given)}
            expected = set().union(*(one.columns or every for one in lines))
            assert found == expected, (name, verb)


@pytest.mark.parametrize("verb", ["TRUNCATE", "TRIGGER", "REFERENCES"])
def test_nobody_but_the_owner_empties_a_table_or_hangs_triggers_on_it(connection, verb):
    for kind, name in objects(connection):
        if kind == "table":
            for group in GROUPS:
                asked = text("SELECT has_table_privilege(:role, :name, :verb)")
                assert not connection.execute(asked, {"role": role(group), "name": name, "verb": verb}).scalar_one()


def test_everybody_has_no_right_at_all(connection):
    given = text("""
        SELECT oid::regclass::text, privilege_type FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner)))
        WHERE grantee = 0 AND relnamespace::regnamespace::text IN ('public', 'jobs')
        UNION ALL SELECT oid::regprocedure::text, privilege_type FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        WHERE grantee = 0 AND pronamespace::regnamespace::text IN ('public', 'jobs')
        UNION ALL SELECT nspname, privilege_type FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
        WHERE grantee = 0 AND nspname IN ('public', 'jobs')
    """)
    assert connection.execute(given).all() == []


def test_everything_is_owned_by_a_role_that_cannot_log_in(connection):
    owners = text("""
        SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace::regnamespace::text IN ('public', 'jobs')
        UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace::regnamespace::text IN ('public', 'jobs')
        UNION SELECT typowner::regrole::text FROM pg_type WHERE typnamespace::regnamespace::text IN ('public', 'jobs')
    """)
    assert connection.execute(owners).scalars().all() == [OWNER]
    roles = text(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'panless%' AND (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole)"
    )
    assert connection.execute(roles).all() == []


def test_functions_with_the_owners_rights_look_for_names_in_one_place_only(connection):
    loose = text("""
        SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
        AND NOT coalesce('search_path=pg_catalog, public, pg_temp' = ANY (proconfig), false)
    """)
    assert connection.execute(loose).all() == []


def test_rights_given_by_hand_are_gone_after_the_next_migration(new_database):
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "GRANT SELECT ON image_keys TO panless_web; GRANT EXECUTE ON FUNCTION link_transaction() TO PUBLIC"
        )
        connection.execute("CREATE TABLE made_by_hand (id our_id)")
        database.migrate(url, "simulator")
        held = "SELECT has_table_privilege('panless_web', 'image_keys', 'SELECT'), has_function_privilege('panless_web', 'link_transaction()', 'EXECUTE')"
        assert connection.execute(held).fetchone() == (False, False)
        owner = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'made_by_hand'"
        assert connection.execute(owner).fetchone() == (OWNER,)


def test_two_databases_of_a_cluster_have_the_same_roles(new_database):
    urls = [new_database(migrated=False) for _ in range(2)]
    for url in urls:
        database.migrate(url, "simulator")
    for url in urls:
        with psycopg.connect(url) as connection:
            assert connection.execute(
                "SELECT has_table_privilege('panless_worker', 'signups', 'UPDATE')"
            ).fetchone() == (True,)


def test_migrator_owns_nothing_and_migrates_as_the_owner(login, module_database):
    url = login("migrator")
    with psycopg.connect(module_database, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON image_keys TO panless_web")
        database.migrate(url, "simulator")
        assert connection.execute("SELECT has_table_privilege('panless_web', 'image_keys', 'SELECT')").fetchone() == (
            False,
        )


# each with its own login


@pytest.fixture
def login(module_database, databases):
    """Makes a login of a group and gives the URL with which it comes in."""
    made = []

    def make(group):
        name = f"of_{group}_{next(_NUMBERS)}"
        with psycopg.connect(databases.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'for-a-test-only' IN ROLE {}").format(
                    sql.Identifier(name), sql.Identifier(role(group))
                )
            )
        made.append(name)
        url = make_url(module_database).set(username=name, password="for-a-test-only")
        return url.render_as_string(hide_password=False)

    yield make
    with psycopg.connect(databases.url, autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def as_group(login, engine, bluesnap, clock, quiet_logs):
    """The desk with a login of a group."""
    with contextlib.ExitStack() as undo:

        def make(group):
            mine = database.connect(login(group), pool_size=4)
            undo.callback(mine.dispose)
            return Desk(tools_over(mine, bluesnap, clock), bluesnap)

        yield make


def test_web_sells_and_changes_and_the_worker_settles_each_with_its_own_login(as_group, engine, bluesnap):
    web, worker = as_group("web"), as_group("worker")
    web.buy()
    cancellation.change_renewal(web.tools, PLATFORM, "acct-a", cancellation.Order.CANCEL)
    bluesnap.script("create_subscription", LOST, happens=True)
    web.buy(account="acct-b")
    with by_stealth(engine) as connection:
        connection.exec_driver_sql("UPDATE signups SET lease_until = clock_timestamp()")
        connection.exec_driver_sql("UPDATE subscriptions SET look_at = clock_timestamp()")
    assert settle.settle_due(worker.tools)
    assert looks.look_due(worker.tools)
    assert mistakes(engine) == []


def test_intake_keeps_and_applies_notices_with_its_own_login(as_group, engine, desk):
    desk.buy()
    intake = as_group("intake")
    bought = desk.bluesnap.subscriptions[0]
    assert deliver(intake.tools, charge_form(bought, referenceNumber="7300001")).outcome == "applied"
    assert deliver(intake.tools, charge_form(referenceNumber="7300002")).outcome == "waiting"
    assert mistakes(engine) == []


@pytest.mark.parametrize(
    ("group", "statement"),
    [
        ("web", "SELECT FROM reviews"),
        ("web", "SELECT FROM image_keys"),
        ("web", "UPDATE entries SET actor = 'worker'"),
        ("web", "INSERT INTO entries (number, actor, act, subject, image) VALUES (7, 'worker', 'a', 'b', '{}')"),
        ("web", "INSERT INTO api_keys SELECT * FROM api_keys"),
        ("web", "DELETE FROM subscriptions"),
        ("web", "SELECT link_transaction()"),
        ("web", "CREATE TABLE mine (id int)"),
        ("web", "SELECT FROM jobs.procrastinate_jobs"),
        ("intake", "SELECT FROM api_keys"),
        ("intake", "INSERT INTO subscriptions SELECT * FROM subscriptions"),
        ("intake", "SELECT FROM idempotency_keys"),
        ("worker", "DELETE FROM charges"),
        ("worker", "DELETE FROM image_keys"),
        ("intake", "SELECT FROM image_keys"),
        ("intake", "SELECT FROM support_look('acct-a', 'per_b', 'req_b')"),
        ("web", "SELECT FROM support_look('acct-a', 'per_b', 'req_b')"),
        ("support", "SELECT FROM subscriptions"),
        ("support", "SELECT FROM entries"),
        ("auditor", "SELECT FROM subscriptions"),
        ("auditor", "DELETE FROM versions"),
        ("operator", "DELETE FROM subscriptions"),
        ("operator", "TRUNCATE charges"),
        ("backup", "SELECT FROM public.accounts"),
    ],
)
def test_what_a_part_does_not_need_it_cannot_do(login, group, statement):
    with psycopg.connect(login(group)) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("group", ["worker", "operator"])
def test_who_searches_everything_for_card_numbers_may_read_every_table(group):
    unread = [one.object for one in TABLE if (one.kind, one.verb) == ("table", "SELECT") and group not in one.groups]
    assert unread == []


def test_locking_right_of_a_row_changes_nothing(login, desk):
    desk.buy()
    with psycopg.connect(login("web")) as connection:
        connection.execute("SELECT FROM charges FOR NO KEY UPDATE")
        with pytest.raises(errors.RestrictViolation, match="a record keeps its name"):
            connection.execute("UPDATE charges SET id = %s", ("ch_" + "b" * 30,))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE public.tombstones SET open_to = pg_current_xact_id()::text::bigint",
        "INSERT INTO public.tombstones VALUES ('tb_' || repeat('b', 30), 'erased-b', sha256(''), 'one', now(), pg_current_xact_id()::text::bigint)",
    ],
)
def test_nobody_opens_what_is_kept_by_a_tombstone_of_their_own(login, group, statement):
    with psycopg.connect(login(group)) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


def test_operator_erases_and_worker_copies_and_wipes_each_with_its_own_login(as_group, engine, desk, tmp_path):
    operator, worker = (
        replace(as_group(group).tools, archive=Archive.open(str(tmp_path / "archive")))
        for group in ("operator", "worker")
    )
    desk.buy()
    with engine.begin() as connection:
        live = accounts.claiming_subscription(connection, "acct-a")
        over = {"status": "ended", "renews": False, "ended_at": desk.tools.clock()}
        changes.change(connection, live, Act.SUBSCRIPTION_ENDED, Origin("worker"), **over)
    made = erasing.erase(operator, PLATFORM, "acct-a")
    retaining.retain(worker)
    assert [one.open_to for one in all_tombstones(engine)] == [None]
    assert [one.state for one in all_tombstones(engine)] == ["copied"]
    with by_stealth(engine) as connection:
        connection.exec_driver_sql("DELETE FROM tombstones")
    assert tombstones.again(operator, PLATFORM, apply=True) == []
    assert [(one.account, one.open_to) for one in all_tombstones(engine)] == [(made.account, None)]


def all_tombstones(engine):
    with engine.connect() as connection:
        return connection.execute(select(TOMBSTONES)).all()


# where money is, nobody serves with a login that may do everything

ALMIGHTY = "PANLESS_DATABASE_URL_X comes with a login that may do everything"


def check(url, environment="production"):
    """As `serve` and `work` do before anything else."""
    database.check_logins({"PANLESS_DATABASE_URL_X": url}, environment)


def bind(engine, environment):
    with by_stealth(engine) as connection:
        connection.execute(text("UPDATE deployment SET environment = :to"), {"to": environment})


@pytest.fixture
def production(engine):
    bind(engine, "production")
    yield
    bind(engine, "simulator")


def test_superuser_may_serve_the_simulator(module_database, engine):
    check(module_database, "simulator")


def test_superuser_may_serve_nothing_real(module_database, production):
    with pytest.raises(SettingsError, match=ALMIGHTY):
        check(module_database)


@pytest.mark.parametrize("group", ["web", "intake", "support", "auditor", "worker"])
def test_login_of_a_part_may_serve(login, production, group):
    check(login(group))


@pytest.mark.parametrize(
    "more",
    [
        "ALTER ROLE {} CREATEROLE",
        "ALTER ROLE {} BYPASSRLS",
        "GRANT panless_owner TO {}",
        "GRANT panless_migrator TO {}",
    ],
)
def test_login_that_could_take_what_it_was_not_given_may_not_serve(login, module_engine, production, more):
    url = login("web")
    with module_engine.begin() as connection:
        connection.exec_driver_sql(more.format(make_url(url).username))
    with pytest.raises(SettingsError, match=ALMIGHTY):
        check(url)


def test_owner_of_a_table_may_not_serve(login, module_engine, production):
    url = login("web")
    with module_engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE of_its_own (); ALTER TABLE of_its_own OWNER TO {make_url(url).username}"
        )
    try:
        with pytest.raises(SettingsError, match=ALMIGHTY):
            check(url)
    finally:
        with module_engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE of_its_own")


@pytest.mark.long  # a server of its own, since roles belong to the whole of one
def test_login_that_makes_roles_migrates_a_managed_server_without_a_superuser(tmp_path):
    with postgres.running_server(tmp_path, throwaway=True) as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE ROLE managing LOGIN CREATEROLE CREATEDB PASSWORD 'for-a-test-only'")
        managing = make_url(server.url).set(username="managing", password="for-a-test-only")
        url = postgres.create_database(managing.render_as_string(hide_password=False), "managed")
        for _ in range(2):
            database.migrate(url, "simulator")
        with psycopg.connect(url, autocommit=True) as connection:
            owners = {
                owner
                for _, _, owner in connection.execute(
                    rights._OBJECTS.replace(":schemas", "%s"), ([*rights.SCHEMAS],) * 4
                )
            }
            connection.execute("CREATE ROLE selling LOGIN PASSWORD 'for-a-test-only' IN ROLE panless_web")
        assert owners == {rights.OWNER}
        selling = (
            make_url(url).set(username="selling", password="for-a-test-only").render_as_string(hide_password=False)
        )
        with psycopg.connect(selling) as connection:
            connection.execute("SELECT FROM subscriptions")
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute("SELECT FROM reviews")
