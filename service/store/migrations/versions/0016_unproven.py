"""Support's functions are shut while the journal has not been proven for an hour.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"

# The functions as service/store/seeing.py declares them; a test compares both.
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
CREATE OR REPLACE FUNCTION support_look(which account_ref, who our_id, asked our_id) RETURNS our_id LANGUAGE plpgsql SECURITY DEFINER
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
CREATE OR REPLACE FUNCTION support_holds(which account_ref, held our_id, who our_id, asked our_id) RETURNS boolean LANGUAGE sql SECURITY DEFINER
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


def upgrade() -> None:
    """Make the question, and have the others ask it."""
    revoked = "REVOKE EXECUTE ON FUNCTION journal_unproven() FROM PUBLIC"
    for script in (UNPROVEN, LOOK, HOLDS, revoked):
        op.get_bind().exec_driver_sql(script)


def downgrade() -> None:
    """As they were before."""
    for script in (LOOK.replace(" OR journal_unproven()", ""), HOLDS.replace(" AND NOT journal_unproven()", "")):
        op.get_bind().exec_driver_sql(script)
    op.get_bind().exec_driver_sql("DROP FUNCTION journal_unproven()")
