"""A journal of a million entries: how long an audit of it takes, as a multiple of reading the same rows and hashing the same bytes in one process.

`python -m bench.journal [--entries N] [--keep FOLDER]`. The journal is made by the server itself, with a correct chain, versions, rows and signed
checkpoints with their copies; then each figure is taken in the same run, with the load of the machine beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import select

from dev import postgres
from service.archive import Archive
from service.audit import copies
from service.audit.signing import Signer
from service.audit.verify import Audit
from service.config import Environment
from service.store import comparing, database, history, proofs
from service.store.models import ENTRIES as JOURNAL
from service.store.models import SUBSCRIPTIONS

ENTRIES = 1_000_000
#: Each subscription is changed so many times.
CHANGES = 20
#: Entries of a checkpoint.
EACH = 1_000
LETTERS = "'0123456789abcdef', 'bcdfghjklmnpqrst'"
#: In the order of what each needs.
#: Guards of domains: they would take longer than all the rest, and what is made here holds no card.
GUARDS = """
SELECT format('ALTER DOMAIN %I DROP CONSTRAINT %I', t.typname, c.conname),
    format('ALTER DOMAIN %I ADD CONSTRAINT %I %s%s', t.typname, c.conname, pg_get_constraintdef(c.oid), CASE WHEN c.convalidated THEN ' NOT VALID' END)
FROM pg_constraint c JOIN pg_type t ON t.oid = c.contypid WHERE c.contype = 'c' AND t.typnamespace = 'public'::regnamespace
"""
BEFORE = """
INSERT INTO image_keys (account, key) SELECT 'acct-' || i, sha256(convert_to(gen_random_uuid()::text, 'UTF8')) FROM generate_series(1, {accounts}) i;
INSERT INTO subscriptions (id, account, plan, plan_version, members, amount, currency, status, provider_subscription, provider_shopper,
    next_charge_on, paid_until, renews, version, created_at)
SELECT 'sub_' || translate(left(md5(i::text), 30), {letters}), 'acct-' || i, 'team', 1, i % 90 + 1, 290, 'USD', 'active', i::text, i::text,
    '2031-04-10', now() + interval '30 days', true, 0, now() FROM generate_series(1, {accounts}) i;
CREATE UNLOGGED TABLE built (number bigint, at timestamptz, subject text, account text, version integer, image jsonb, request text, kept jsonb, content bytea, hash bytea);
"""
CHANGE = """
UPDATE subscriptions SET version = {change}, members = members + 1;
INSERT INTO built (number, at, subject, account, version, image, request, kept)
SELECT {base} + {change} * {accounts} - {accounts} + row_number() OVER (), clock_timestamp(), one.id, one.account, one.version,
    jsonb_strip_nulls(jsonb_build_object({document})), 'req_' || translate(left(md5(one.id || {change}), 30), {letters}),
    jsonb_strip_nulls(jsonb_build_object({document})) FROM subscriptions one;
"""
AFTER = """
UPDATE built SET content = sha256(k.key::bytea || convert_to(
    built.account || '|' || image::text || '|subscriptions|' || subject || '|false|' || kept::text || '|', 'UTF8')) FROM image_keys k WHERE k.account = built.account;
CREATE UNLOGGED TABLE linked (number bigint, hash bytea);
DO $$
DECLARE one record; h bytea := (SELECT hash FROM chain);
BEGIN
  FOR one IN SELECT number, convert_to(number || '|' || (extract(epoch FROM at) * 1000000)::bigint || '|worker|subscription.changed|' || subject || '|' || version
      || '|' || request || '||1000|' || encode(content, 'hex'), 'UTF8') AS line FROM built ORDER BY number LOOP
    h := sha256(h || one.line);
    INSERT INTO linked VALUES (one.number, h);
  END LOOP;
END
$$;
INSERT INTO entries (number, at, actor, act, subject, account, version, image, request, xid, content, hash)
SELECT number, at, 'worker', 'subscription.changed', subject, account, version, image, request, 1000, content, linked.hash
FROM built JOIN linked USING (number) ORDER BY number;
INSERT INTO versions (entry, kind, subject, account, gone, "row") SELECT number, 'subscriptions', subject, account, false, kept FROM built ORDER BY number;
UPDATE chain SET number = {base} + {entries}, hash = (SELECT hash FROM entries WHERE number = {base} + {entries});
DROP TABLE built, linked;
"""


@dataclass(frozen=True)
class Stage:
    """A journal of so many entries, and where its checkpoints are copied."""

    url: str
    entries: int
    archive: Archive
    signer: Signer


@contextmanager
def journal(entries: int, folder: Path) -> Iterator[Stage]:
    """A server with such a journal."""
    with postgres.running_server(folder, throwaway=True) as server:
        url = postgres.create_database(server.url, "journal")
        database.migrate(url, Environment.SIMULATOR)
        yield staged(url, entries, folder)


def staged(url: str, entries: int, folder: Path) -> Stage:
    """Such a journal in a migrated database in which nothing has happened, with its checkpoints and their copies in that folder."""
    fill(url, entries)
    signer = Signer("simulator", [("bench", bytes(32))], [])
    stage = Stage(url, entries, Archive.open(str(folder / "archive")), signer)
    with psycopg.connect(url, autocommit=True) as connection:
        now = connection.execute("SELECT now()").fetchone()[0]
        rows = connection.execute("SELECT number, hash::bytea FROM entries WHERE number %% %s = 0", (EACH,)).fetchall()
        for number, digest in rows:
            checkpoint = signer.sign(number, bytes(digest), now)
            stage.archive.put_once(copies.name_of(checkpoint), copies.written(checkpoint))
            connection.execute(
                "INSERT INTO checkpoints (number, hash, at, key_id, signature, state) VALUES (%s, %s, %s, %s, %s, 'copied')",
                (number, checkpoint.hash, checkpoint.at, checkpoint.key_id, checkpoint.signature),
            )
    return stage


def fill(url: str, entries: int) -> None:
    """Make the entries, their versions and one subscription for each CHANGES of them, in a database that has no account yet.

    Subscription number `i` is of the account `acct-i`, and so named at BlueSnap, as is its shopper; it costs 290.00 USD.
    """
    document = ", ".join(comparing.document(SUBSCRIPTIONS))
    known = {"accounts": entries // CHANGES, "entries": entries, "letters": LETTERS, "document": document}
    with psycopg.connect(url, autocommit=True) as connection, unguarded(connection):
        known["base"] = connection.execute("SELECT number FROM chain").fetchone()[0]
        connection.execute(BEFORE.format(**known))
        for change in range(1, CHANGES + 1):
            connection.execute(CHANGE.format(change=change, **known))
        connection.execute(AFTER.format(**known))
        connection.execute("VACUUM ANALYZE")


@contextmanager
def unguarded(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Without triggers, references and the guards of domains on this connection; afterwards the guards are as they were, for what comes."""
    guards = connection.execute(GUARDS).fetchall()
    connection.execute("SET session_replication_role = replica")
    for drop, _ in guards:
        connection.execute(drop)
    yield
    for _, add in guards:
        connection.execute(add)
    connection.execute("SET session_replication_role = origin")


def floor(stage: Stage) -> None:
    """Read the same rows and hash the same bytes, in one process, and think nothing of it."""
    digest = hashlib.sha256()
    with proofs.connect(stage.url) as connection:
        for _, _, block in proofs.blocks(connection, 1, stage.entries):
            digest.update(block)


def verify(stage: Stage) -> None:
    """The audit, as `python -m service audit verify` does it."""
    report = Audit(stage.url, stage.signer.verifier, stage.archive).verify()
    if report.entries != stage.entries or report.findings or report.not_shown:
        raise SystemExit(report.as_text())


def past(stage: Stage) -> Iterator[tuple[str, float]]:
    """What it takes to find one row by its key, and an account's rows as they were: half of its changes ago, now, and its entries."""
    engine = database.connect(stage.url, pool_size=1)
    account = "acct-7"
    with engine.connect() as connection:
        half = connection.execute(select(JOURNAL.c.at).where(JOURNAL.c.number == stage.entries // 2)).scalar_one()
        one = select(JOURNAL).where(JOURNAL.c.number == stage.entries // 3)
        yield "floor: one entry by its number", _best(lambda: connection.execute(one).all())
        yield "an account's rows half-way", _best(lambda: history.of_account(connection, account, half))
        yield "an account's rows at present", _best(lambda: history.of_account(connection, account))
        yield "an account's entries", _best(lambda: history.page(connection, account, 0, 100))
    engine.dispose()


def _best(act: Callable[[], Any], runs: int = 20) -> float:
    """The least of some runs: what the work itself takes."""
    least = float("inf")
    for _ in range(runs):
        begun = time.perf_counter()
        act()
        least = min(least, time.perf_counter() - begun)
    return least


def timed(act: Callable[[Stage], Any], stage: Stage) -> float:
    """The seconds of one run."""
    begun = time.perf_counter()
    act(stage)
    return time.perf_counter() - begun


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.journal", description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        with journal(arguments.entries, Path(folder)) as stage:
            sys.stdout.write(f"{stage.entries} entries made in {time.perf_counter() - begun:.0f} s\n")
            least = timed(floor, stage)
            _tell("floor: read and hash in one process", least, least)
            _tell("audit verify, two processes", timed(verify, stage), least)
            found = list(past(stage))
            for name, seconds in found:
                sys.stdout.write(f"{name:40} {seconds * 1000:6.2f} ms {seconds / found[0][1]:5.1f} x that floor\n")


def _tell(name: str, seconds: float, least: float) -> None:
    sys.stdout.write(f"{name:40} {seconds:6.1f} s  {seconds / least:5.2f} x the floor  load {os.getloadavg()[0]:.1f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
