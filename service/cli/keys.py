"""API keys: create, list, revoke."""

from __future__ import annotations

import argparse
from typing import Any

from service.cardguard.formats import SCOPES
from service.cli.common import FINE, FOUND, Commands, complain, say, tools


def register(commands: Commands) -> None:
    """Add `keys`."""
    keys = commands.group("keys", "API keys", "create|list|revoke")
    create = keys.add("create", create_key)
    create.add_argument("--name", required=True)
    create.add_argument("--scope", required=True, nargs="+", choices=SCOPES, metavar="SCOPE", help=", ".join(SCOPES))
    keys.add("list", list_keys)
    keys.add("revoke", revoke_key).add_argument("id", metavar="ID")


def create_key(arguments: argparse.Namespace) -> int:
    """Make an API key and print it, alone, once."""
    from service.cardguard import formats
    from service.store import database, keys
    from service.store.journal import Origin

    if not formats.matches(formats.KEY_NAME, arguments.name) or not formats.within_budget(arguments.name):
        return complain("a key's name is 1 to 64 of A-Z a-z 0-9 . _ - and blanks, with at most 12 digits")
    our = tools()
    with our.engine.begin() as connection:
        key, text = keys.create(
            connection,
            name=arguments.name,
            scopes=arguments.scope,
            environment=our.settings.environment,
            now=database.now(connection),
            origin=Origin("operator"),
        )
    say(arguments, {"id": key.id, "key": text}, text)
    return FINE


def list_keys(arguments: argparse.Namespace) -> int:
    """All keys, without their text, which nobody knows any more."""
    from service.store import keys

    our = tools()
    with our.engine.connect() as connection:
        rows: list[dict[str, Any]] = [
            {
                "id": key.id,
                "name": key.name,
                "scopes": sorted(keys.scopes_of(connection, key.id)),
                "created_at": key.created_at.isoformat(timespec="seconds"),
                "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
            }
            for key in keys.listed(connection)
        ]
    lines = [
        f"{row['id']}  {'revoked' if row['revoked_at'] else 'valid  '}  {row['name']}  {' '.join(row['scopes'])}"
        for row in rows
    ]
    say(arguments, rows, "\n".join(lines) or "no keys")
    return FINE


def revoke_key(arguments: argparse.Namespace) -> int:
    """Stop a key at once."""
    from service.cardguard import formats
    from service.store import database, keys
    from service.store.journal import Origin

    our = tools()
    with our.engine.begin() as connection:
        known = formats.matches(formats.OUR_ID, arguments.id)
        done = known and keys.revoke(connection, arguments.id, now=database.now(connection), origin=Origin("operator"))
    say(arguments, {"revoked": done}, "revoked" if done else "no such key, or revoked already")
    return FINE if done else FOUND
