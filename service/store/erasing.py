"""How an account is taken out of the tables and out of the journal, whose chain stays whole: by one function with its owner's rights, and a tombstone that says so.

The function is the only one before whom what is kept gives way (`refuse_change` in keeping.py), and only while the tombstone is open to its transaction. To open one is nobody else's: no login may write that column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from service.store.database import many, one
from service.store.leases import Lease
from service.store.models import (
    ACCOUNTS,
    SHOPPER_DELETIONS,
    TOMBSTONES,
    ShopperDeletion,
    Tombstone,
)

D, T = SHOPPER_DELETIONS.c, TOMBSTONES.c
NEW, COPIED, WAITING, DONE = "new", "copied", "waiting", "done"

#: Takes an account's name, contents and key away. Answers how many entries it emptied, and a digest of their numbers in letters; NULL where there is no such account.
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
FUNCTIONS = (ERASE_ACCOUNT,)
_ERASE = text(
    "SELECT emptied, numbers FROM erase_account(:erased, ROW(:id, :account, :digest, :key_id, :erased_at, NULL, 'new')::tombstones)"
)
_UNDECIDED = text("""
SELECT CASE
  WHEN EXISTS (SELECT FROM signups s WHERE s.account = :account AND s.state NOT IN ('active', 'declined', 'released', 'replaced')) THEN 'signup_undecided'
  WHEN EXISTS (SELECT FROM subscriptions s WHERE s.account = :account AND s.status NOT IN ('ended', 'voided')) THEN 'subscription_exists'
  WHEN EXISTS (SELECT FROM refunds r WHERE r.account = :account AND r.status IN ('requested', 'unknown', 'pending')) THEN 'refund_undecided'
  WHEN EXISTS (SELECT FROM disputes d WHERE d.account = :account AND d.status = 'open') THEN 'dispute_open'
  WHEN EXISTS (SELECT FROM tasks t WHERE t.account = :account AND t.state = 'open') THEN 'task_open'
END
""")
_SHOPPERS = text("""
SELECT DISTINCT mine.provider_shopper::text FROM (
  SELECT provider_shopper FROM subscriptions WHERE account = :account UNION SELECT provider_shopper FROM signups WHERE account = :account
) mine WHERE mine.provider_shopper IS NOT NULL
  AND NOT EXISTS (SELECT FROM subscriptions s WHERE s.provider_shopper = mine.provider_shopper AND s.account <> :account)
  AND NOT EXISTS (SELECT FROM signups s WHERE s.provider_shopper = mine.provider_shopper AND s.account <> :account)
ORDER BY 1
""")
_LAST_CHARGE = text(
    "SELECT max(c.recorded_at) FROM charges c JOIN subscriptions s ON s.id = c.subscription_id WHERE s.account = :account"
)
_COUNTS = text("""
SELECT 'checkout_sessions', count(*) FROM checkout_sessions WHERE account = :account
UNION ALL SELECT 'signups', count(*) FROM signups WHERE account = :account
UNION ALL SELECT 'subscriptions', count(*) FROM subscriptions WHERE account = :account
UNION ALL SELECT 'refunds', count(*) FROM refunds WHERE account = :account
UNION ALL SELECT 'disputes', count(*) FROM disputes WHERE account = :account
UNION ALL SELECT 'tasks', count(*) FROM tasks WHERE account = :account
UNION ALL SELECT 'entries', count(*) FROM entries WHERE account = :account
UNION ALL SELECT 'versions', count(*) FROM versions WHERE account = :account
""")
DELETIONS: Lease[ShopperDeletion] = Lease(SHOPPER_DELETIONS, ShopperDeletion, D.next_at, D.state == WAITING)


@dataclass(frozen=True)
class Emptied:
    """How many entries lost their contents, and a digest of their numbers, in letters."""

    entries: int
    numbers: str


def created_at(connection: Connection, account: str) -> datetime | None:
    """When an account was made; None if there is none. Held until the transaction ends."""
    statement = select(ACCOUNTS.c.created_at).where(ACCOUNTS.c.account == account).with_for_update()
    return connection.execute(statement).scalar()


def undecided(connection: Connection, account: str) -> str | None:
    """What speaks against an erasure: a word; None if nothing does."""
    return connection.execute(_UNDECIDED, {"account": account}).scalar()


def shoppers(connection: Connection, account: str) -> Sequence[str]:
    """The account's shoppers at BlueSnap that no other account has."""
    return connection.execute(_SHOPPERS, {"account": account}).scalars().all()


def last_charge(connection: Connection, account: str) -> datetime | None:
    """When the account paid last."""
    return connection.execute(_LAST_CHARGE, {"account": account}).scalar()


def counts(connection: Connection, account: str) -> dict[str, int]:
    """How many rows and entries name the account."""
    return {row[0]: row[1] for row in connection.execute(_COUNTS, {"account": account})}


def erase(connection: Connection, account: str, made: Tombstone) -> Emptied:
    """Take it away. The account is there and held."""
    values: dict[str, Any] = {name: value for name, value in vars(made).items() if name not in {"open_to", "state"}}
    row = connection.execute(_ERASE, {"erased": account, **values}).one()
    return Emptied(row[0], row[1])


def queue(connection: Connection, deletion: ShopperDeletion) -> None:
    """A shopper is to be deleted."""
    connection.execute(insert(SHOPPER_DELETIONS).values(**vars(deletion)))


def settle(connection: Connection, deletion_id: str) -> None:
    """BlueSnap has taken it, or has no such shopper: what we knew of him goes."""
    values = {
        "state": DONE,
        "provider_shopper": None,
        "cause": None,
        "next_at": None,
        "done_at": func.clock_timestamp(),
    }
    connection.execute(update(SHOPPER_DELETIONS).where(D.id == deletion_id).values(**values))


def put_off(connection: Connection, deletion_id: str, cause: str, span: timedelta) -> None:
    """It did not do yet, for this cause."""
    values = {"cause": cause, "attempts": D.attempts + 1, "next_at": func.clock_timestamp() + span}
    connection.execute(update(SHOPPER_DELETIONS).where(D.id == deletion_id).values(**values))


def to_copy(connection: Connection, limit: int) -> Sequence[Tombstone]:
    """Tombstones that the archive does not have yet."""
    return many(connection, select(TOMBSTONES).where(T.state == NEW).order_by(T.erased_at).limit(limit), Tombstone)


def mark_copied(connection: Connection, tombstone_id: str) -> None:
    """The archive has it."""
    connection.execute(update(TOMBSTONES).where(T.id == tombstone_id).values(state=COPIED))


def get(connection: Connection, tombstone_id: str) -> Tombstone | None:
    """A tombstone by its id."""
    return one(connection, select(TOMBSTONES).where(T.id == tombstone_id), Tombstone)


def known(connection: Connection) -> set[str]:
    """The ids of all tombstones here."""
    return set(connection.execute(select(T.id)).scalars())


def remember(connection: Connection, tombstone: Tombstone) -> None:
    """Keep one of which nothing is here: what it speaks of was not brought back. Open it is to nobody, which its table's rights demand."""
    values = {name: value for name, value in vars(tombstone).items() if name != "open_to"}
    connection.execute(pg_insert(TOMBSTONES).values(**values).on_conflict_do_nothing())


def accounts(connection: Connection) -> list[tuple[str, datetime]]:
    """Every account, with when it was made."""
    return [(row[0], row[1]) for row in connection.execute(select(ACCOUNTS.c.account, ACCOUNTS.c.created_at))]
