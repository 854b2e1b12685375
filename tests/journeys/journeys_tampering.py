"""The twelve ways to tamper with a journal, as statements of somebody who may do everything in PostgreSQL and has switched all triggers off."""

from __future__ import annotations

import contextlib

import psycopg

from tests.support.tampering import REHASHED, copied, removed, renumbered

#: What is put back after each of them.
KEPT = ("events", "versions", "image_keys", "checkpoints", "chain", "entries")


def swapped(one, other):
    return [
        f"UPDATE versions SET entry = entry - {one + other} WHERE entry IN ({one}, {other})",
        "UPDATE versions SET entry = -entry WHERE entry < 0",
        f"UPDATE entries SET number = number - {one + other} WHERE number IN ({one}, {other})",
        "UPDATE entries SET number = -number WHERE number < 0",
    ]


def forked(place):
    """Another history from an entry on, which whoever signs next takes for the only one."""
    edit = f"UPDATE entries SET act = 'task.opened' WHERE number = {place}"
    return [edit, REHASHED.format(first=place), "DELETE FROM checkpoints"]


def eleven(place, last):
    """All but the fork, each done to the entry `place`, or where it is about the end to those up to `last`: name, statements, what is to be named."""
    before = [f"DELETE FROM checkpoints WHERE number > {place}", *removed(f"> {place}")]
    head = f"UPDATE chain SET number = {place}, hash = (SELECT hash FROM entries WHERE number = {place})"
    return {
        "edit": ([f"UPDATE entries SET act = 'task.opened' WHERE number = {place}"], ("edited", place)),
        "deletion in the middle": (removed(f"= {place}"), ("deleted", place)),
        "deletion at the tail": (removed(f"> {last - 2}"), ("tail_deleted", last - 1)),
        "truncation": (removed("> 0"), ("truncated", 1)),
        "reordering": (swapped(place, place + 1), ("reordered", place)),
        "insertion": (
            [
                *renumbered(place, 1),
                (
                    f"INSERT INTO entries (number, actor, act, subject, image, content, hash) SELECT {place}, 'worker', 'task.opened',"
                    f" subject, '{{}}', sha256('any'), sha256('any') FROM entries WHERE number = {place + 1}"
                ),
            ],
            ("inserted", place),
        ),
        "duplicate": (
            [
                copied(place, last + 1),
                f"UPDATE chain SET number = {last + 1}, hash = (SELECT hash FROM entries WHERE number = {place})",
            ],
            ("duplicated", last + 1),
        ),
        "column swap": (
            [f"UPDATE entries SET request = subject, subject = request WHERE number = {place}"],
            ("columns_swapped", place),
        ),
        "time edit": (
            [f"UPDATE entries SET at = at - interval '1 hour' WHERE number = {place}"],
            ("time_edited", place),
        ),
        "old backup": ([*before, head], ("old_backup", place + 1)),
        "rewrite": (
            [f"UPDATE entries SET act = 'task.opened' WHERE number = {place}", REHASHED.format(first=place)],
            ("rewritten", None),
        ),
    }


@contextlib.contextmanager
def stealthily(url):
    """A superuser's connection on which no trigger fires; committed at its end."""
    with psycopg.connect(url, options="-c session_replication_role=replica -c search_path=public") as connection:
        yield connection


@contextlib.contextmanager
def tampered(url, statements):
    """Done, and afterwards undone: the tables are as they were."""
    with stealthily(url) as connection:
        for table in KEPT:
            connection.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")
        for statement in statements:
            connection.execute(statement)
    try:
        yield
    finally:
        with stealthily(url) as connection:
            for table in KEPT:
                connection.execute(f"DELETE FROM {table}")
            for table in reversed(KEPT):
                connection.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
                connection.execute(f"DROP TABLE kept_{table}")
