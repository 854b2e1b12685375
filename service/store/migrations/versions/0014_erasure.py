"""Accounts can be erased: tombstones, shoppers that BlueSnap has still to delete, and the one function before whom what is kept gives way.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

TABLES = """
CREATE TABLE tombstones (
    id our_id NOT NULL PRIMARY KEY,
    account account_ref NOT NULL UNIQUE,
    digest digest NOT NULL,
    key_id word NOT NULL,
    erased_at timestamp with time zone NOT NULL,
    open_to bigint,
    state word DEFAULT 'new' NOT NULL
);
CREATE INDEX tombstones_to_copy ON tombstones (erased_at) WHERE state = 'new';
CREATE TABLE shopper_deletions (
    id our_id NOT NULL PRIMARY KEY,
    account account_ref NOT NULL,
    provider_shopper provider_ref,
    state word NOT NULL,
    attempts integer NOT NULL,
    cause word,
    next_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone
);
CREATE INDEX shopper_deletions_due ON shopper_deletions (next_at) WHERE state = 'waiting';
CREATE INDEX entries_erasing ON entries (number) WHERE act = 'account.erased';
"""

# The functions as service/store declares them; a test compares both.
REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP <> 'TRUNCATE' AND EXISTS (SELECT FROM tombstones t WHERE t.open_to = pg_current_xact_id()::text::bigint) THEN
    IF TG_OP = 'DELETE' THEN
      RETURN OLD;
    END IF;
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'what is kept is not altered' USING ERRCODE = 'insufficient_privilege';
END
$$;
"""
ERASE_ACCOUNT = """
CREATE FUNCTION erase_account(erased account_ref, made tombstones) RETURNS TABLE (emptied bigint, numbers text) LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  mine CONSTANT bigint := pg_current_xact_id()::text::bigint;
  name text;
  places bigint[];
BEGIN
  PERFORM FROM accounts a WHERE a.account = erased FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  made.open_to := mine;
  INSERT INTO tombstones SELECT made.*;
  INSERT INTO accounts (account, created_at) SELECT made.account, date_trunc('day', a.created_at) FROM accounts a WHERE a.account = erased;
  DELETE FROM events e WHERE e.account = erased;
  DELETE FROM idempotency_keys k WHERE jsonb_path_exists(k.answer, '$.** ? (@ == $name)', jsonb_build_object('name', erased::text));
  UPDATE checkout_sessions s SET fields_sealed = NULL, address = NULL, state = CASE s.state WHEN 'open' THEN 'failed' ELSE s.state END,
    ended_at = coalesce(s.ended_at, clock_timestamp()) WHERE s.account = erased;
  UPDATE signups s SET provider_shopper = NULL, fraud_session = NULL, three_d_secure = NULL, address = NULL WHERE s.account = erased;
  UPDATE notices n SET provider_shopper = NULL FROM subscriptions s
    WHERE s.account = erased AND n.provider_subscription = s.provider_subscription AND n.provider_shopper IS NOT NULL;
  UPDATE subscriptions s SET provider_shopper = NULL, look_at = NULL WHERE s.account = erased;
  FOR name IN SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'account' AND NOT a.attisdropped
      AND c.relname NOT IN ('accounts', 'entries', 'versions', 'image_keys', 'events', 'tombstones')
    ORDER BY c.relname
  LOOP
    EXECUTE format('UPDATE %I SET account = $1 WHERE account = $2', name) USING made.account, erased;
  END LOOP;
  DELETE FROM accounts a WHERE a.account = erased;

  -- what has no account in its row, and was not changed above, has its last version once more
  INSERT INTO versions (kind, subject, account, gone, "row")
  SELECT l.kind, l.subject, made.account, false, l."row" FROM (
    SELECT DISTINCT ON (v.kind, v.subject) v.kind, v.subject, v.gone, v."row" FROM versions v
    WHERE v.account = erased AND v.kind IN ('charges', 'prices', 'notices') ORDER BY v.kind, v.subject, v.id DESC
  ) l WHERE NOT l.gone
    AND NOT EXISTS (SELECT FROM versions w WHERE w.entry = -mine AND w.kind = l.kind AND w.subject = l.subject AND w.account = made.account);
  SELECT coalesce(array_agg(e.number ORDER BY e.number), '{}') INTO places FROM entries e WHERE e.number > 0
    AND (e.account = erased OR e.number IN (SELECT v.entry FROM versions v WHERE v.account = erased));
  DELETE FROM versions v WHERE v.account = erased OR v.entry = ANY (places);
  UPDATE entries e SET account = made.account, image = '{}' WHERE e.number = ANY (places);
  DELETE FROM image_keys k WHERE k.account = erased;
  UPDATE tombstones t SET open_to = NULL WHERE t.id = made.id;
  RETURN QUERY SELECT cardinality(places)::bigint,
    translate(encode(sha256(convert_to(array_to_string(places, ','), 'UTF8')), 'hex'), '0123456789', 'ghijklmnop');
END
$$;
"""
DOWN = """
DROP FUNCTION erase_account(account_ref, tombstones);
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'what is kept is not altered' USING ERRCODE = 'insufficient_privilege';
END
$$;
DROP INDEX entries_erasing;
DROP TABLE shopper_deletions, tombstones;
"""


def upgrade() -> None:
    """Make them."""
    connection = op.get_bind()
    for script in (TABLES, REFUSE_CHANGE, ERASE_ACCOUNT):
        connection.exec_driver_sql(script.replace("%", "%%"))


def downgrade() -> None:
    """Drop them. What was erased stays erased, and nothing says any more that it was."""
    op.get_bind().exec_driver_sql(DOWN)
