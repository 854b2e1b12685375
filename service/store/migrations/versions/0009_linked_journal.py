"""The journal is linked, and every version of every business record is kept: numbers without gaps and a chain of hashes, given at commit.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

BUSINESS = (
    "accounts", "api_keys", "api_key_scopes", "checkout_sessions", "signups", "subscriptions", "charges", "prices", "refunds",
    "disputes", "tasks", "notices", "people", "people_scopes", "reviews",
)  # fmt: skip

# Code of the schema before leaves the number out as well, and goes on inserting.
TABLES = """
ALTER TABLE entries ADD COLUMN reason word, ADD COLUMN content digest, ADD COLUMN hash digest;
ALTER TABLE entries ALTER COLUMN number SET DEFAULT (nextval('entries_number_seq'::regclass) - '4611686018427387904'::bigint);
CREATE INDEX entries_by_hand ON entries (at) WHERE act IN ('hand.created', 'hand.changed', 'hand.deleted');
CREATE TABLE chain (
    one boolean DEFAULT true NOT NULL PRIMARY KEY CHECK (one),
    start bigint NOT NULL,
    number bigint NOT NULL,
    hash digest NOT NULL
);
CREATE TABLE image_keys (account account_ref NOT NULL PRIMARY KEY, key digest NOT NULL);
CREATE TABLE versions (
    id bigserial NOT NULL PRIMARY KEY,
    entry bigint DEFAULT (- (pg_current_xact_id()::text::bigint)) NOT NULL,
    kind word NOT NULL,
    subject account_ref NOT NULL,
    account account_ref,
    gone boolean NOT NULL,
    "row" image NOT NULL
);
CREATE INDEX versions_by_entry ON versions (entry);
CREATE INDEX versions_by_subject ON versions (subject, id);
CREATE INDEX versions_by_account ON versions (account, id) WHERE account IS NOT NULL;
"""

# The functions and triggers as service/store/keeping.py declares them; a test compares both.
REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'what is kept is not altered' USING ERRCODE = 'insufficient_privilege';
END
$$;
"""
LOGIN_ACTOR = """
CREATE FUNCTION login_actor() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT 'login:' || CASE WHEN session_user ~ '^[a-z_]{1,24}([0-9]{1,6}[a-z_]{0,24})?$' THEN session_user::text
    ELSE left(regexp_replace(lower(session_user), '[^a-z]', '_', 'g'), 24) END
$$;
"""
LINK_ENTRY = """
CREATE FUNCTION link_entry(one entries, head chain) RETURNS chain LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  secret bytea := ''::bytea;
  sealed bytea;
BEGIN
  IF one.account IS NOT NULL THEN
    SELECT k.key INTO secret FROM image_keys k WHERE k.account = one.account;
    IF NOT FOUND THEN
      secret := sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
      INSERT INTO image_keys (account, key) VALUES (one.account, secret);
    END IF;
  END IF;
  head.number := head.number + 1;
  sealed := sha256(secret || convert_to(coalesce(one.account, '') || '|' || one.image::text || '|' || coalesce((
    SELECT string_agg(v.kind || '|' || v.subject || '|' || v.gone::text || '|' || v."row"::text || '|', '' ORDER BY v.id)
    FROM versions v WHERE v.entry = head.number), ''), 'UTF8'));
  head.hash := sha256(head.hash || convert_to(
    head.number::text || '|' || (extract(epoch FROM one.at) * 1000000)::bigint::text || '|' || one.actor || '|' || one.act
    || '|' || one.subject || '|' || coalesce(one.version::text, '') || '|' || coalesce(one.request, '')
    || '|' || coalesce(one.reason, '') || '|' || one.xid::text || '|' || encode(sealed, 'hex'), 'UTF8'));
  UPDATE entries e SET number = head.number, content = sealed, hash = head.hash WHERE e.number = one.number;
  RETURN head;
END
$$;
"""
LINK_TRANSACTION = """
CREATE FUNCTION link_transaction() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp SET enable_nestloop = off AS $$
DECLARE
  mine CONSTANT bigint := pg_current_xact_id()::text::bigint;
  head chain;
  one entries;
BEGIN
  INSERT INTO entries (actor, act, subject, account, image)
  SELECT login_actor(), 'hand.' || CASE WHEN v.gone THEN 'deleted' WHEN b.there THEN 'changed' ELSE 'created' END,
    CASE v.kind WHEN 'accounts' THEN 'acc_' || translate(left(md5(gen_random_uuid()::text), 30), '0123456789abcdef', 'bcdfghjklmnpqrst')
      ELSE v.subject END,
    v.account, jsonb_build_object('table', v.kind)
  FROM (
    SELECT DISTINCT ON (w.kind, w.subject) w.kind, w.subject, w.account, w.gone, min(w.id) OVER (PARTITION BY w.kind, w.subject) AS first
    FROM versions w
    WHERE w.entry = -mine
      AND NOT EXISTS (SELECT FROM entries e WHERE e.xid = mine AND e.number < 0 AND e.subject = w.subject)
      AND NOT EXISTS (SELECT FROM entries e WHERE e.xid = mine AND e.number < 0 AND e.account = w.account)
    ORDER BY w.kind, w.subject, w.id DESC
  ) v LEFT JOIN LATERAL (
    SELECT NOT p.gone AS there FROM versions p WHERE p.subject = v.subject AND p.kind = v.kind AND p.id < v.first
    ORDER BY p.id DESC LIMIT 1
  ) b ON true
  ORDER BY v.first;

  SELECT * INTO STRICT head FROM chain FOR UPDATE;

  WITH placed AS (
    SELECT e.subject, e.account, head.number + row_number() OVER (ORDER BY e.number) AS number
    FROM entries e WHERE e.xid = mine AND e.number < 0
  ), of_subject AS (
    SELECT p.subject, max(p.number) AS number FROM placed p GROUP BY p.subject
  ), of_account AS (
    SELECT p.account, max(p.number) AS number FROM placed p WHERE p.account IS NOT NULL GROUP BY p.account
  )
  UPDATE versions v SET entry = found.number
  FROM (
    SELECT w.id, coalesce(s.number, a.number) AS number FROM versions w
    LEFT JOIN of_subject s ON s.subject = w.subject LEFT JOIN of_account a ON a.account = w.account
    WHERE w.entry = -mine
  ) found
  WHERE v.entry = -mine AND v.id = found.id;

  FOR one IN SELECT * FROM entries e WHERE e.xid = mine AND e.number < 0 ORDER BY e.number LOOP
    head := link_entry(one, head);
  END LOOP;
  UPDATE chain SET number = head.number, hash = head.hash;
END
$$;
"""
LINK_ENTRIES = """
CREATE FUNCTION link_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'entries' THEN
    PERFORM FROM entries e WHERE e.number = NEW.number;
  ELSE
    PERFORM FROM versions v WHERE v.id = NEW.id AND v.entry < 0;
  END IF;
  IF FOUND THEN
    PERFORM link_transaction();
  END IF;
  RETURN NULL;
END
$$;
"""
KEEP_VERSIONS = """
CREATE FUNCTION keep_versions(kept regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $make$
DECLARE
  name CONSTANT text := (SELECT relname FROM pg_class WHERE oid = kept);
  subject text;
  account text;
  document text;
  olds text;
  news text;
  renamed text;
BEGIN
  SELECT string_agg(format('%L, ', a.attname) || format(CASE
      WHEN basic = 'timestamptz'::regtype THEN 'to_char(one."%s" AT TIME ZONE ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.US"Z"'')'
      WHEN basic = 'bytea'::regtype THEN 'translate(encode(one."%s", ''hex''), ''0123456789'', ''ghijklmnop'')'
      WHEN basic = 'uuid'::regtype THEN 'translate(one."%s"::text, ''0123456789'', ''ghijklmnop'')'
      WHEN basic = 'numeric'::regtype THEN 'one."%s"::text'
      ELSE 'one."%s"' END, a.attname), ', ' ORDER BY a.attname),
    string_agg(format('OLD.%I', a.attname), ', ' ORDER BY a.attname),
    string_agg(format('NEW.%I', a.attname), ', ' ORDER BY a.attname),
    CASE WHEN bool_or(a.attname = 'account') THEN 'one.account'
      WHEN bool_or(a.attname = 'subscription_id') THEN '(SELECT s.account FROM subscriptions s WHERE s.id = one.subscription_id)'
      WHEN bool_or(a.attname = 'provider_subscription')
        THEN '(SELECT s.account FROM subscriptions s WHERE s.provider_subscription = one.provider_subscription)'
      ELSE 'NULL' END
  INTO STRICT document, olds, news, account
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid, LATERAL (SELECT CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END) b (basic)
  WHERE a.attrelid = kept AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (ARRAY[
    'fields_sealed', 'address', 'fraud_session', 'three_d_secure',
    'fence', 'lease_until', 'called_at', 'look_at', 'looked', 'pending_until']);

  SELECT string_agg(format('OLD.%1$I <> NEW.%1$I', a.attname), ' OR ' ORDER BY a.attname),
    max(a.attname) FILTER (WHERE a.attnum = i.indkey[0])
  INTO STRICT renamed, subject
  FROM pg_index i JOIN pg_attribute a ON a.attrelid = kept AND a.attnum = ANY (i.indkey) WHERE i.indrelid = kept AND i.indisprimary;

  EXECUTE format('CREATE OR REPLACE FUNCTION public.%1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER '
    'SET search_path = pg_catalog, public, pg_temp AS $keep$
DECLARE
  one %2$I;
BEGIN
  IF TG_OP = ''DELETE'' THEN
    one := OLD;
  ELSIF TG_OP = ''UPDATE'' AND (%6$s) THEN
    RAISE EXCEPTION ''a record keeps its name'' USING ERRCODE = ''restrict_violation'';
  ELSE
    one := NEW;
  END IF;
  INSERT INTO versions (kind, subject, account, gone, "row")
  VALUES (%2$L, one.%3$I, %4$s, TG_OP = ''DELETE'', jsonb_strip_nulls(jsonb_build_object(%5$s)));
  RETURN NULL;
END
$keep$', 'keep_' || name, name, subject, account, document, renamed);
  EXECUTE format('DROP TRIGGER IF EXISTS keep_rows ON %I; DROP TRIGGER IF EXISTS keep_changes ON %1$I; '
    'DROP TRIGGER IF EXISTS keep_from_truncate ON %1$I', name);
  EXECUTE format('CREATE TRIGGER keep_rows AFTER INSERT OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION public.%I()', name, 'keep_' || name);
  EXECUTE format('CREATE TRIGGER keep_changes AFTER UPDATE ON %I FOR EACH ROW WHEN (ROW(%s) IS DISTINCT FROM ROW(%s)) EXECUTE FUNCTION public.%I()',
    name, olds, news, 'keep_' || name);
  EXECUTE format('CREATE TRIGGER keep_from_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION refuse_change()', name);
END
$make$;
"""
TRIGGERS = """
CREATE CONSTRAINT TRIGGER link_entries AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION link_entries();
CREATE CONSTRAINT TRIGGER link_versions AFTER INSERT ON versions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION link_entries();
CREATE TRIGGER keep_linked BEFORE UPDATE ON entries FOR EACH ROW WHEN (OLD.number > 0) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_entries BEFORE DELETE ON entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_from_truncate BEFORE TRUNCATE ON entries EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_linked BEFORE UPDATE ON versions FOR EACH ROW WHEN (OLD.entry > 0) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_versions BEFORE DELETE ON versions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_from_truncate BEFORE TRUNCATE ON versions EXECUTE FUNCTION refuse_change();
"""

#: Entries of before get numbers without gaps, none lower than the one it had: no place in the feed that somebody keeps may hide one from him,
#: and no receiver of events may take the next for an old one.
RENUMBER = """
CREATE TEMPORARY TABLE renumbered ON COMMIT DROP AS
    SELECT number AS was, xid, row_number() OVER (ORDER BY xid, number) AS place FROM entries;
INSERT INTO chain (start, number, hash)
    SELECT start, start, decode(repeat('00', 32), 'hex') FROM (SELECT coalesce(max(was - place), 0) AS start FROM renumbered) AS one;
ALTER TABLE events DROP CONSTRAINT events_entry_fkey;
UPDATE event_cursor SET number = coalesce(
    (SELECT max(r.place) + (SELECT start FROM chain) FROM renumbered r WHERE (r.xid, r.was) <= (event_cursor.xid, event_cursor.number)), 0);
UPDATE events SET entry = -(r.place + (SELECT start FROM chain)) FROM renumbered r WHERE r.was = events.entry;
UPDATE events SET entry = -entry;
UPDATE entries SET number = r.place - 4611686018427387904 FROM renumbered r WHERE r.was = entries.number;
"""
LINK_OLD = """
DO $$
DECLARE
  head chain;
  one entries;
BEGIN
  SELECT * INTO STRICT head FROM chain;
  FOR one IN SELECT * FROM entries e WHERE e.number < 0 ORDER BY e.number LOOP
    head := link_entry(one, head);
  END LOOP;
  UPDATE chain SET number = head.number, hash = head.hash;
END
$$;
"""
#: What there is gets its first version, which an entry of its account speaks for, or one of its own where it has no account.
FIRST_VERSION = """
CREATE TRIGGER first_version AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION keep_{table}();
UPDATE {table} SET {column} = {column};
DROP TRIGGER first_version ON {table};
"""
BEGIN_HISTORY = """
INSERT INTO entries (actor, act, subject, account, image)
    SELECT 'operator', 'history.begun', 'acc_' || translate(left(md5(gen_random_uuid()::text), 30), '0123456789abcdef', 'bcdfghjklmnpqrst'), account, '{}'
    FROM (SELECT DISTINCT account FROM versions WHERE account IS NOT NULL) AS one;
INSERT INTO entries (actor, act, subject, image)
    SELECT DISTINCT 'operator', 'history.begun', subject, '{}'::jsonb FROM versions WHERE account IS NULL;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ALTER TABLE events ADD CONSTRAINT events_entry_fkey FOREIGN KEY (entry) REFERENCES entries (number);
"""

DOWN = """
ALTER TABLE entries DISABLE TRIGGER keep_linked;
UPDATE entries SET actor = 'operator' WHERE actor ~ '^(person|login)';
ALTER TABLE entries ENABLE TRIGGER keep_linked;
DROP TABLE versions, image_keys;
DROP TRIGGER link_entries ON entries;
DROP TRIGGER keep_linked ON entries;
DROP TRIGGER keep_entries ON entries;
DROP TRIGGER keep_from_truncate ON entries;
DROP FUNCTION link_entries(), link_transaction(), link_entry(entries, chain), login_actor(), refuse_change(), keep_versions(regclass);
DROP TABLE chain;
DROP INDEX entries_by_hand;
ALTER TABLE entries ALTER COLUMN number SET DEFAULT nextval('entries_number_seq'::regclass);
SELECT setval('entries_number_seq', (SELECT coalesce(max(number), 0) + 1 FROM entries), false);
ALTER TABLE entries DROP COLUMN hash, DROP COLUMN content, DROP COLUMN reason;
"""


def upgrade() -> None:
    """Link what there is, and keep everything from here on."""
    connection = op.get_bind()
    scripts = (TABLES, REFUSE_CHANGE, LOGIN_ACTOR, KEEP_VERSIONS, LINK_ENTRY, LINK_TRANSACTION, LINK_ENTRIES, RENUMBER, LINK_OLD, TRIGGERS)
    for script in scripts:
        connection.exec_driver_sql(script.replace("%", "%%"))
    for table in BUSINESS:
        connection.exec_driver_sql(f"SELECT keep_versions('{table}')")
        column = {"accounts": "account", "api_key_scopes": "key_id", "people_scopes": "person_id"}.get(table, "id")
        connection.exec_driver_sql(FIRST_VERSION.format(table=table, column=column))
    connection.exec_driver_sql(BEGIN_HISTORY)


def downgrade() -> None:
    """Forget the links and the versions; entries keep their numbers. Who was a person or a login is an operator again."""
    connection = op.get_bind()
    for table in BUSINESS:
        for trigger in ("keep_rows", "keep_changes", "keep_from_truncate"):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger} ON {table}")
        connection.exec_driver_sql(f"DROP FUNCTION keep_{table}()")
    connection.exec_driver_sql(DOWN)
