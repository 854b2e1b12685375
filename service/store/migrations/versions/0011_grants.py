"""Grants of a look at one account, and the functions that are the only way to look: the entry first, and no row without a live grant.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

TABLES = """
CREATE DOMAIN ticket_ref AS text CONSTRAINT ticket_ref_format CHECK (VALUE ~ '^[A-Z]{2,10}-[0-9]{1,8}$');
ALTER TABLE people ADD COLUMN login actor_ref CONSTRAINT people_login_key UNIQUE;
CREATE TABLE access_grants (
    id our_id NOT NULL PRIMARY KEY,
    account account_ref NOT NULL,
    purpose word NOT NULL,
    ticket ticket_ref NOT NULL,
    minutes integer NOT NULL,
    break_glass boolean NOT NULL,
    state word NOT NULL,
    requested_by our_id NOT NULL REFERENCES people (id),
    requested_at timestamp with time zone NOT NULL,
    approved_by our_id REFERENCES people (id),
    approved_at timestamp with time zone,
    ends_at timestamp with time zone,
    ended_by our_id REFERENCES people (id),
    ended_at timestamp with time zone,
    reviewed_by our_id REFERENCES people (id),
    reviewed_at timestamp with time zone
);
CREATE INDEX grants_by_person ON access_grants (requested_by, id);
CREATE INDEX grants_requested ON access_grants (id) WHERE state = 'requested';
CREATE INDEX grants_live ON access_grants (requested_by, account, ends_at) WHERE state = 'live';
CREATE INDEX grants_to_review ON access_grants (approved_at) WHERE approved_at IS NOT NULL AND reviewed_at IS NULL;
CREATE INDEX entries_of_looks ON entries (subject) WHERE act = 'grant.looked';
"""

# The functions as service/store/seeing.py declares them; a test compares both.
LOOK = """
CREATE FUNCTION support_look(which account_ref, who our_id, asked our_id) RETURNS our_id LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  held access_grants;
BEGIN
  SELECT g.* INTO held FROM access_grants g JOIN people p ON p.id = g.requested_by
  WHERE g.requested_by = who AND g.account = which AND g.state = 'live' AND g.ends_at > clock_timestamp() AND p.left_at IS NULL
  ORDER BY g.ends_at DESC LIMIT 1;
  IF NOT FOUND OR asked IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO entries (actor, act, subject, account, request, image)
  VALUES ('person:' || who, 'grant.looked', held.id, which, asked,
    jsonb_build_object('purpose', held.purpose, 'ticket', held.ticket, 'break_glass', held.break_glass));
  RETURN held.id;
END
$$;
"""
HOLDS = """
CREATE FUNCTION support_holds(which account_ref, held our_id, who our_id, asked our_id) RETURNS boolean LANGUAGE sql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM access_grants g JOIN people p ON p.id = g.requested_by
    WHERE g.id = held AND g.requested_by = who AND g.account = which AND g.state = 'live' AND g.ends_at > clock_timestamp() AND p.left_at IS NULL
  ) AND EXISTS (
    SELECT FROM entries e
    WHERE e.act = 'grant.looked' AND e.subject = held AND e.account = which AND e.actor = 'person:' || who AND e.request = asked
      AND e.xid IS DISTINCT FROM pg_current_xact_id_if_assigned()::text::bigint AND e.at > clock_timestamp() - interval '2 minutes'
  )
$$;
"""
#: By the function: what it answers rows of, and which.
SEEN = {
    "support_view": ("subscriptions", "SELECT one.* FROM subscriptions one WHERE one.account = which"),
    "support_charges": (
        "charges",
        "SELECT one.* FROM charges one JOIN subscriptions s ON s.id = one.subscription_id WHERE s.account = which",
    ),
    "support_refunds": ("refunds", "SELECT one.* FROM refunds one WHERE one.account = which"),
    "support_disputes": ("disputes", "SELECT one.* FROM disputes one WHERE one.account = which"),
}
SIGNATURE = "(which account_ref, held our_id, who our_id, asked our_id)"


def seen(name: str) -> str:
    """A function that answers the newest rows of one table, and none without a committed look and a live grant."""
    table, rows = SEEN[name]
    return f"""
CREATE FUNCTION {name}{SIGNATURE} RETURNS SETOF {table} LANGUAGE sql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp AS $$
  {rows} AND (SELECT support_holds(which, held, who, asked)) ORDER BY one.id DESC LIMIT 50
$$;
"""
#: Every version of both is kept: of the new table, and of the one with a new column.
KEPT = "SELECT keep_versions('access_grants'), keep_versions('people');"


def upgrade() -> None:
    """Make the table and its functions. Nobody but the owner may use these, until a role is given the right."""
    names = ["support_look(account_ref, our_id, our_id)", "support_holds(account_ref, our_id, our_id, our_id)"]
    names += [f"{name}(account_ref, our_id, our_id, our_id)" for name in SEEN]
    revoked = "".join(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC;\n" for name in names)
    for script in (TABLES, LOOK, HOLDS, *map(seen, SEEN), revoked, KEPT):
        op.get_bind().exec_driver_sql(script)


def downgrade() -> None:
    """Drop them."""
    for name in (*SEEN, "support_holds", "support_look"):
        op.get_bind().exec_driver_sql(f"DROP FUNCTION {name}")
    op.get_bind().exec_driver_sql(
        "DROP INDEX entries_of_looks; DROP TABLE access_grants; DROP FUNCTION keep_access_grants(); DROP DOMAIN ticket_ref;"
        "DROP TRIGGER keep_changes ON people; ALTER TABLE people DROP COLUMN login; SELECT keep_versions('people');"
    )
