"""How PostgreSQL itself lets support look at an account: functions that belong to the owner of the tables. A role that may call them, and read no table, sees nothing else.

`support_look` writes the look down, for a grant that is live by the database's clock, of a person who has not left. The others answer rows only
under such a grant, and only once the entry of that look is committed by another transaction, within two minutes: whoever rolls the entry back has
seen nothing. All of them are shut while the journal is not proven (`journal_unproven`): looks that nobody could prove later are none. Each has a fixed search_path, and raises nothing. The texts are what a migration made; a test compares both.
"""

from __future__ import annotations

#: An entry is older than an hour, and no checkpoint that was copied to the archive covers it. Always false where nothing was ever copied, outside of production.
UNPROVEN = """
CREATE FUNCTION journal_unproven() RETURNS boolean LANGUAGE sql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce((
    SELECT e.at < clock_timestamp() - interval '1 hour' FROM entries e
    WHERE e.number > (SELECT coalesce(max(c.number), 0) FROM checkpoints c WHERE c.state = 'copied') ORDER BY e.number LIMIT 1
  ), false) AND (
    EXISTS (SELECT FROM checkpoints c WHERE c.state = 'copied') OR EXISTS (SELECT FROM deployment d WHERE d.environment = 'production')
  )
$$;
"""
LOOK = """
CREATE FUNCTION support_look(which account_ref, who our_id, asked our_id) RETURNS our_id LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  held access_grants;
BEGIN
  SELECT g.* INTO held FROM access_grants g JOIN people p ON p.id = g.requested_by
  WHERE g.requested_by = who AND g.account = which AND g.state = 'live' AND g.ends_at > clock_timestamp() AND p.left_at IS NULL
  ORDER BY g.ends_at DESC LIMIT 1;
  IF NOT FOUND OR asked IS NULL OR journal_unproven() THEN
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
  ) AND NOT journal_unproven()
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


FUNCTIONS = (UNPROVEN, LOOK, HOLDS, *map(seen, SEEN))
