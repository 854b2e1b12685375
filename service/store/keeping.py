"""How PostgreSQL itself keeps the journal: every version of a business record, its entry, and the chain of entries. Nothing here can be left out by code.

In the order of one transaction:

1. A business row changes. Its table's trigger writes a row of `versions` if a kept column changed; its `entry` is the transaction, below zero.
2. The code appends its entry (store/journal.py). Its `number` is a place of its own below zero.
3. At COMMIT `link_entries` makes it all whole, once: a version that no entry speaks for is a change by hand and gets an entry; the entries get
   their numbers, contents and hashes (store/chain.py), and the versions the number of their entry: the last one of the same subject, or else of
   the same account. The one row of `chain` is locked for this long alone, so that no lock can wait for it the other way round.

An error anywhere here ends the transaction: no entry, no change. The texts are what migrations made; a test compares both.
"""

from __future__ import annotations

#: The tables whose every version is kept. What is not among them steers processes or is a copy: claimed keys, events, cursors.
BUSINESS = (
    "accounts", "api_keys", "api_key_scopes", "checkout_sessions", "signups", "subscriptions", "charges", "prices", "refunds",
    "disputes", "tasks", "notices", "people", "people_scopes", "reviews", "access_grants",
)  # fmt: skip
#: Columns of any table that are in no version (KEEP_VERSIONS has them too): secrets, what is private for a while, and what only steers
#: processes, which gets a harmless value when a row is put back.
LEFT_OUT = (
    "fields_sealed", "address", "fraud_session", "three_d_secure",
    "fence", "lease_until", "called_at", "look_at", "looked", "pending_until",
)  # fmt: skip
#: Digests and UUIDs have too many digits for a document of ours: in versions their digits are letters.
DIGITS, LETTERS = "0123456789", "ghijklmnop"

#: Nothing of the journal is altered, but by an erasure, while its tombstone is open to it (erasing.py).
REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
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
#: Who changed something by hand: the name of the database login, in the form that actor_ref takes.
LOGIN_ACTOR = """
CREATE FUNCTION login_actor() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT 'login:' || CASE WHEN session_user ~ '^[a-z_]{1,24}([0-9]{1,6}[a-z_]{0,24})?$' THEN session_user::text
    ELSE left(regexp_replace(lower(session_user), '[^a-z]', '_', 'g'), 24) END
$$;
"""
#: Gives one entry its number, content and hash, as the next of the chain.
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
#: Makes all that this transaction wrote whole: entries for what was changed by hand, then numbers, contents and hashes.
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
#: The first row whose turn it is links all of its transaction; the others find nothing left to do.
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
#: Makes the trigger of one table, with its columns written out. To be called again by a migration that gives or takes a column.
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

FUNCTIONS = (REFUSE_CHANGE, LOGIN_ACTOR, LINK_ENTRY, LINK_TRANSACTION, LINK_ENTRIES, KEEP_VERSIONS)
