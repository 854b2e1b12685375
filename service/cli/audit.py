"""The journal under audit: verify, list the checkpoints that prove it, and accept a recovery to an earlier moment."""

from __future__ import annotations

import argparse
import base64
from typing import TYPE_CHECKING

from service.cli.common import FINE, FOUND, Commands, complain, operator, say, tools

if TYPE_CHECKING:
    from service.audit.accepting import Accepting
    from service.store.journal import Origin

USUAL = 20
REFUSALS = {
    "nothing_to_accept": "the archive has nothing that the journal does not go on from",
    "journal_unsound": "`audit verify` finds what no recovery explains: see docs/incident.md",
}


def register(commands: Commands) -> None:
    """Add `audit`."""
    group = commands.group("audit", "whether the journal is what it was", "verify|checkpoints|accept-recovery")
    verifying = group.add("verify", verify)
    verifying.add_argument(
        "--from", dest="first", type=_number, default=1, metavar="N", help="only entries from this number on"
    )
    listing = group.add("checkpoints", list_checkpoints)
    listing.add_argument(
        "--last", type=_number, default=USUAL, metavar="N", help=f"how many at most, {USUAL} by default"
    )
    accepting = group.add("accept-recovery", accept_recovery)
    accepting.add_argument(
        "--ticket", required=True, metavar="TICKET", help="why it was recovered, in your own system: OPS-1234"
    )
    accepting.add_argument("--apply", action="store_true", help="do it; without it, only say what would be accepted")


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
    from service.audit import signing
    from service.audit.signing import text_of
    from service.store import checkpoints

    our = tools()
    with our.engine.connect() as connection:
        found = checkpoints.listed(connection, arguments.last)
    keys = [f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in signing.of(our.settings).verifier.keys]
    rows = [
        {
            "number": one.number,
            "hash": one.hash.hex(),
            "at": one.at.isoformat(timespec="microseconds"),
            "key_id": one.key_id,
            "signature": text_of(one.signature),
            "state": one.state,
        }
        for one in found
    ]
    lines = [f"{one['number']:>12}  {one['at']}  {one['key_id']:8}  {one['state']:8}  {one['hash']}" for one in rows]
    lines += [f"public key {key}" for key in keys]
    say(arguments, {"checkpoints": rows, "public_keys": keys}, "\n".join(lines) or "no checkpoints, and no key")
    return FOUND if any(one.state == checkpoints.REFUSED for one in found) else FINE


def accept_recovery(arguments: argparse.Namespace) -> int:
    """Say that the database was recovered to an earlier moment than the archive has seen, so that checkpoints go on; exit status 1 if it is refused."""
    import psycopg

    from service import wiring
    from service.audit import signing
    from service.audit.accepting import Accepting
    from service.cardguard import formats
    from service.errors import ArchiveAway, ArchiveConflict

    if not formats.matches(formats.TICKET, arguments.ticket):
        return complain("not of its format: --ticket")
    our = tools()
    signer, origin = signing.of(our.settings), operator(our)
    why = _cannot(signer.can_sign, our.archive is not None, origin.actor)
    if why is not None:
        return complain(why)
    try:
        return _accept(arguments, Accepting(our.engine, wiring.audit(our), signer), origin)
    except psycopg.Error:
        return complain("the database did not let itself be read to the end")
    except ArchiveAway:
        return complain("the archive does not answer; is PANLESS_ARCHIVE_URL right?")
    except ArchiveConflict:
        return complain("somebody else has just accepted a recovery")


def _accept(arguments: argparse.Namespace, accepting: Accepting, origin: Origin) -> int:
    found = accepting.look()
    if found.refused is not None:
        say(arguments, {"accepted": False, "code": found.refused}, f"not accepted: {REFUSALS[found.refused]}")
        return FOUND
    reach = {"after": found.after, "lost": found.lost}
    told = f"the journal goes on from entry {found.after}; the archive knows it up to entry {found.lost}, which is given up"
    if not arguments.apply:
        say(arguments, {"accepted": False, **reach}, f"{told}; --apply does it, for ever")
        return FINE
    made = accepting.accept(origin, arguments.ticket, found)
    said = {"accepted": True, **reach, "line": made.line, "entry": made.entry}
    say(arguments, said, f"accepted: {told}; {made.name}")
    return FINE


def _cannot(can_sign: bool, has_archive: bool, actor: str) -> str | None:
    """Why nobody could accept anything here."""
    if not can_sign:
        return "PANLESS_CHECKPOINT_KEYS is not set: whoever accepts a recovery has the key that signs checkpoints"
    if not has_archive:
        return "PANLESS_ARCHIVE_URL is not set: what is accepted is kept there"
    if not actor.startswith("login:"):
        return "a recovery is accepted by somebody with a name: come with a database login of your own"
    return None
