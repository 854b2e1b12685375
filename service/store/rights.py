"""Who may do what in the database: roles for each part, and the table of their rights (rights.csv), which `migrate` makes true. Nothing is owned by a login.

Groups have the rights, and no login; a login is a member of a group. Roles belong to the whole cluster and stay when a database goes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import Connection, text

OWNER = "panless_owner"
#: One for each part of the system. `migrator` has no right of its own and may become the owner; `backup` reads by replication.
GROUPS = ("web", "intake", "worker", "support", "auditor", "operator", "migrator", "backup")
TABLE = Path(__file__).with_name("rights.csv")
SCHEMAS = ("public", "jobs")
log = structlog.get_logger()

# Two databases of one cluster may be migrated at once: whoever comes second finds the role there.
_MAKE_ROLE = """
DO $$ BEGIN
  CREATE ROLE {role} NOLOGIN {inherits};
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
_OBJECTS = """
SELECT 'SCHEMA', quote_ident(nspname), nspowner::regrole::text FROM pg_namespace WHERE nspname = 'jobs'
UNION ALL
SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text, relowner::regrole::text
FROM pg_class c WHERE relnamespace::regnamespace::text = ANY (:schemas) AND relkind IN ('r', 'p')
    OR relnamespace::regnamespace::text = ANY (:schemas) AND relkind = 'S'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass)
UNION ALL
SELECT 'ROUTINE', p.oid::regprocedure::text, proowner::regrole::text FROM pg_proc p WHERE pronamespace::regnamespace::text = ANY (:schemas)
UNION ALL
SELECT CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.oid::regtype::text, typowner::regrole::text FROM pg_type t
WHERE typnamespace::regnamespace::text = ANY (:schemas)
    AND (typtype IN ('d', 'e') OR typtype = 'c' AND (SELECT relkind = 'c' FROM pg_class WHERE oid = typrelid))
"""
# From PostgreSQL 16 on, who may make roles may give away those alone that are their own.
_MAY_MAKE = """
SELECT rolsuper, rolcreaterole AND (to_regrole('panless_owner') IS NULL OR current_setting('server_version_num')::int < 160000
    OR pg_has_role(rolname, to_regrole('panless_owner'), 'MEMBER WITH ADMIN OPTION')), quote_ident(current_database())
FROM pg_roles WHERE rolname = current_user
"""
_MAY_BECOME = """
SELECT CASE WHEN rolsuper THEN 'superuser' WHEN rolname = 'panless_owner' OR pg_has_role(rolname, to_regrole('panless_owner'), 'MEMBER')
    THEN 'member' ELSE 'stranger' END FROM pg_roles WHERE rolname = current_user
"""
_ALMIGHTY = """
SELECT rolsuper OR rolcreaterole OR rolbypassrls OR coalesce(pg_has_role(rolname, to_regrole('panless_owner'), 'MEMBER'), false)
    OR EXISTS (SELECT FROM pg_class WHERE relnamespace::regnamespace::text = ANY (:schemas) AND relowner = pg_roles.oid)
FROM pg_roles WHERE rolname = session_user
"""
#: What there is at this version of the schema.
_NAMES = """
SELECT nspname::text FROM pg_namespace WHERE nspname::text = ANY (:schemas)
UNION ALL SELECT oid::regclass::text FROM pg_class WHERE relnamespace::regnamespace::text = ANY (:schemas)
UNION ALL SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace::regnamespace::text = ANY (:schemas)
UNION ALL SELECT attrelid::regclass || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace::regnamespace::text = ANY (:schemas) AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
"""


@dataclass(frozen=True)
class Right:
    """One line of the table: who may do it. `object` names a table, or some columns of it as `table (a, b)`, a sequence, a function or a schema."""

    kind: str
    object: str
    verb: str
    groups: tuple[str, ...]

    @property
    def name(self) -> str:
        """The object, without the columns."""
        return self.object.partition(" (")[0]

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that the right is limited to; none: all of them."""
        return tuple(filter(None, self.object.partition(" (")[2].removesuffix(")").split(", ")))

    @property
    def needs(self) -> tuple[str, ...]:
        """What must be there: at an older version of the schema it may not be."""
        return (self.name, *(f"{self.name}.{column}" for column in self.columns))

    @property
    def grant(self) -> str:
        """What gives the verb on the object, up to the roles."""
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        return f"GRANT {self.verb}{columns} ON {self.kind} {self.name}"


def table() -> Iterator[Right]:
    """Every line of the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            groups = tuple(group for group in GROUPS if row[group] == "x")
            yield Right(row["kind"], row["object"], row["verb"], groups)


def role(group: str) -> str:
    """The name of a group's role."""
    return f"panless_{group}"


def is_almighty(connection: Connection) -> bool:
    """Whether the session's login is one from whom no right can be withheld: it has all, could take them, or owns something of ours."""
    found: bool = connection.execute(text(_ALMIGHTY), {"schemas": [*SCHEMAS]}).scalar_one()
    return found


def prepare(connection: Connection) -> None:
    """Before a migration: the roles are there, and whoever made them, or may become the owner, becomes it."""
    superuser, creates, place = connection.exec_driver_sql(_MAY_MAKE).one()
    if superuser or creates:
        _make_roles(connection)
    if creates and not superuser:
        # a managed server gives nobody a superuser, but somebody who may make roles: what that one owns is handed over once
        connection.exec_driver_sql(f"GRANT {OWNER} TO CURRENT_USER; GRANT CREATE ON DATABASE {place} TO {OWNER}")
        _hand_over(connection)
    become_owner(connection)


def become_owner(connection: Connection) -> None:
    """What a migrator makes until the transaction ends is the owner's at once. A superuser stays who he is."""
    if connection.exec_driver_sql(_MAY_BECOME).scalar_one() == "member":
        connection.exec_driver_sql(f"SET LOCAL ROLE {OWNER}")


def apply(connection: Connection) -> bool:
    """Make the table true, whatever was granted before. False, and a line in the log, where the login may not do that: then it has all rights itself."""
    run = connection.exec_driver_sql
    standing = run(_MAY_BECOME).scalar_one()
    if standing == "stranger":
        log.warning("rights.left_alone", actor="operator")
        return False
    _hand_over(connection)
    everybody = ", ".join(("PUBLIC", *map(role, GROUPS)))
    for schema in SCHEMAS:
        for what in ("TABLES", "SEQUENCES", "ROUTINES"):
            run(f"REVOKE ALL ON ALL {what} IN SCHEMA {schema} FROM {everybody}")
        run(f"REVOKE ALL ON SCHEMA {schema} FROM {everybody}")
    there = {name for (name,) in connection.execute(text(_NAMES), {"schemas": [*SCHEMAS]})}
    for right in table():
        if right.groups and there.issuperset(right.needs):
            run(f"{right.grant} TO {', '.join(map(role, right.groups))}")
    return True


def _hand_over(connection: Connection) -> None:
    """Whatever there is of ours, and somebody else owns, is the owner's."""
    for kind, name, owner in connection.execute(text(_OBJECTS), {"schemas": [*SCHEMAS]}).all():
        if owner != OWNER:
            connection.exec_driver_sql(f"ALTER {kind} {name} OWNER TO {OWNER}")


def _make_roles(connection: Connection) -> None:
    run = connection.exec_driver_sql
    for group in (OWNER, *map(role, GROUPS)):
        if run(f"SELECT to_regrole('{group}') IS NULL").scalar_one():
            inherits = "NOINHERIT" if group == role("migrator") else "INHERIT"
            run(_MAKE_ROLE.format(role=group, inherits=inherits))
    run(f"GRANT {OWNER} TO {role('migrator')}")
    run(f"GRANT CREATE, USAGE ON SCHEMA public TO {OWNER}")
