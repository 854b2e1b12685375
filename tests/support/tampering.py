"""Statements of somebody who may do everything in PostgreSQL, has switched all triggers off, and tampers with the journal."""

from __future__ import annotations


def renumbered(first, step):
    """Every number from one on moved, without two being equal on the way."""
    return (
        f"UPDATE versions SET entry = -entry WHERE entry >= {first}",
        f"UPDATE entries SET number = -number WHERE number >= {first}",
        f"UPDATE versions SET entry = -entry + {step} WHERE entry < 0",
        f"UPDATE entries SET number = -number + {step} WHERE number < 0",
        f"UPDATE chain SET number = number + {step}",
    )


def copied(number, place):
    """An entry once more, at another place."""
    return (
        "INSERT INTO entries (number, at, actor, act, subject, account, version, image, request, xid, reason, content, hash) "
        f"SELECT {place}, at, actor, act, subject, account, version, image, request, xid, reason, content, hash FROM entries WHERE number = {number}"
    )


def removed(condition):
    return f"DELETE FROM versions WHERE entry {condition}", f"DELETE FROM entries WHERE number {condition}"


#: Makes the chain anew from a number on, as one can who may write the database and has read how it is made.
REHASHED = """
DO $$
DECLARE
  one entries;
  head chain;
BEGIN
  SELECT c.one, c.start, {first} - 1, e.hash INTO head FROM chain c, entries e WHERE e.number = {first} - 1;
  FOR one IN SELECT * FROM entries WHERE number >= {first} ORDER BY number LOOP
    head := link_entry(one, head);
  END LOOP;
  UPDATE chain SET number = head.number, hash = head.hash;
END
$$;
"""
