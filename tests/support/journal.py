"""The journal read as its checkers read it: as text, and reckoned again outside of the database."""

from __future__ import annotations

from service.store import chain

_ENTRIES = """
SELECT e.number, (extract(epoch FROM e.at) * 1000000)::bigint, e.actor, e.act, e.subject, e.version, e.request, e.reason, e.xid,
    e.account, e.image::text, e.content, e.hash, k.key
FROM entries e LEFT JOIN image_keys k ON k.account = e.account ORDER BY e.number
"""
_VERSIONS = """SELECT entry, kind, subject, gone, "row"::text FROM versions ORDER BY id"""


def mistakes(engine):
    """Numbers of entries that are not what they should be: out of line, with another content, or not linked to the one before."""
    with engine.connect() as connection:
        start, last, end = connection.exec_driver_sql("SELECT start, number, hash FROM chain").one()
        entries = connection.exec_driver_sql(_ENTRIES).all()
        versions = {}
        for entry, *rest in connection.exec_driver_sql(_VERSIONS):
            versions.setdefault(entry, []).append(chain.Kept(*rest))
    wrong, previous = [], chain.BEGINNING
    for number, (*fields, account, image, content, digest, key) in enumerate(entries, start + 1):
        reckoned = chain.content_of(account, key or b"", image, versions.pop(fields[0], ()))
        if (fields[0], content, digest) != (number, reckoned, chain.hash_of(previous, fields, reckoned)):
            wrong.append(fields[0])
        previous = digest
    if versions or (last, end) != (start + len(entries), previous):
        wrong.append(None)
    return wrong
