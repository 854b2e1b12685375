"""The journal under audit: verify, and list the checkpoints that prove it."""

from __future__ import annotations

import argparse
import base64

from service.cli.common import FINE, FOUND, Commands, complain, say, tools

USUAL = 20


def register(commands: Commands) -> None:
    """Add `audit`."""
    group = commands.group("audit", "whether the journal is what it was", "verify|checkpoints")
    verifying = group.add("verify", verify)
    verifying.add_argument(
        "--from", dest="first", type=_number, default=1, metavar="N", help="only entries from this number on"
    )
    listing = group.add("checkpoints", list_checkpoints)
    listing.add_argument(
        "--last", type=_number, default=USUAL, metavar="N", help=f"how many at most, {USUAL} by default"
    )


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) < 10**12:
        raise argparse.ArgumentTypeError("must be the number of an entry")
    return int(text)


def verify(arguments: argparse.Namespace) -> int:
    """Recompute the whole journal and compare it with its checkpoints and the rows; exit status 1 if anything is wrong."""
    from concurrent.futures.process import BrokenProcessPool

    import psycopg

    from service import wiring
    from service.errors import ArchiveAway

    try:
        report = wiring.audit(tools()).verify(arguments.first)
    except psycopg.Error:
        return complain("the database did not let itself be read to the end")
    except ArchiveAway:
        return complain("the archive does not answer; is PANLESS_ARCHIVE_URL right?")
    except BrokenProcessPool:
        return complain("a process that recomputed a part of the journal died")
    say(arguments, report.as_json(), report.as_text())
    return FOUND if report.findings else FINE


def list_checkpoints(arguments: argparse.Namespace) -> int:
    """The newest checkpoints, oldest first, and the public keys to check them with; exit status 1 if one was refused."""
    from service import wiring
    from service.store import checkpoints

    our = tools()
    with our.engine.connect() as connection:
        found = checkpoints.listed(connection, arguments.last)
    keys = [f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in wiring.signer(our.settings).verifier.keys]
    rows = [
        {
            "number": one.number,
            "hash": one.hash.hex(),
            "at": one.at.isoformat(timespec="microseconds"),
            "key_id": one.key_id,
            "signature": one.signature.hex(),
            "state": one.state,
        }
        for one in found
    ]
    lines = [f"{one['number']:>12}  {one['at']}  {one['key_id']:8}  {one['state']:8}  {one['hash']}" for one in rows]
    lines += [f"public key {key}" for key in keys]
    say(arguments, {"checkpoints": rows, "public_keys": keys}, "\n".join(lines) or "no checkpoints, and no key")
    return FOUND if any(one.state == checkpoints.REFUSED for one in found) else FINE
