"""API keys: create, list, revoke."""

from __future__ import annotations

import argparse
from typing import Any

from service.cardguard.formats import KEY_DAYS, MOST_KEY_DAYS, SCOPES
from service.cli.common import FINE, FOUND, Commands, add_scopes, complain, operator, say, tools
from service.config.parsers import integer


def register(commands: Commands) -> None:
    """Add `keys`."""
    keys = commands.group("keys", "API keys", "create|list|revoke")
    create = keys.add("create", create_key)
    create.add_argument("--name", required=True)
    add_scopes(create, SCOPES)
    create.add_argument(
        "--days",
        type=_days,
        default=KEY_DAYS,
        help=f"how long it is good: {KEY_DAYS} if not said, {MOST_KEY_DAYS} at most",
    )
    keys.add("list", list_keys)
    keys.add("revoke", revoke_key).add_argument("id", metavar="ID")


def _days(text: str) -> int:
    """As many days as a key may be good."""
    try:
        return integer(1, MOST_KEY_DAYS)(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def create_key(arguments: argparse.Namespace) -> int:
    """Make an API key and print it, alone, once."""
    from service.cardguard import formats
    from service.store import database, keys

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
            origin=operator(our),
            days=arguments.days,
        )
    say(arguments, {"id": key.id, "key": text}, text)
    return FINE


def list_keys(arguments: argparse.Namespace) -> int:
    """All keys, without their text, which nobody knows any more."""
    from service.store import database, keys

    our = tools()
    with our.engine.connect() as connection:
        now = database.now(connection)
        rows: list[dict[str, Any]] = [
            {
                "id": key.id,
                "name": key.name,
                "scopes": sorted(keys.scopes_of(connection, key.id)),
                "created_at": key.created_at.isoformat(timespec="seconds"),
                "revoked_at": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else None,
                "ends_at": key.ends_at.isoformat(timespec="seconds"),
                "state": "revoked" if key.revoked_at else "ended" if key.ends_at <= now else "valid",
            }
            for key in keys.listed(connection)
        ]
    lines = [
        f"{row['id']}  {row['state']:7}  until {row['ends_at'][:10]}  {row['name']}  {' '.join(row['scopes'])}"
        for row in rows
    ]
    say(arguments, rows, "\n".join(lines) or "no keys")
    return FINE


def revoke_key(arguments: argparse.Namespace) -> int:
    """Stop a key at once."""
    from service.cardguard import formats
    from service.store import database, keys

    our = tools()
    with our.engine.begin() as connection:
        known = formats.matches(formats.OUR_ID, arguments.id)
        done = known and keys.revoke(connection, arguments.id, now=database.now(connection), origin=operator(our))
    say(arguments, {"revoked": done}, "revoked" if done else "no such key, or revoked already")
    return FINE if done else FOUND
