"""The auditors' door: the journal page by page, and the checkpoints that prove it. Whoever reads entries is in it too: each answer leaves one before it is given."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, fields

from service.cardguard.fields import Account, ActName, Actor, FeedCursor, QueryNumber
from service.errors import Code
from service.store import checkpoints, entries, journal
from service.store.entries import Cursor
from service.store.journal import Act
from service.store.models import Checkpoint, Entry
from service.web.door import Door
from service.web.locks import Person
from service.web.operation import Body, Call, Reply

door = Door("audit", part="auditor")
LARGEST, USUAL = 500, 100
_ACTS = frozenset(Act)
#: Signatures and links cover microseconds, so these are shown.
EXACT = {"format": "date-time", "description": "In UTC, to the microsecond."}


class AuditQuery(Body):
    """From where, how many, and which."""

    after = FeedCursor(metadata={"description": "`next` of the answer before; left out: from the beginning."})
    limit = QueryNumber(1, LARGEST, Code.FIELD_MALFORMED, load_default=USUAL)
    account = Account(metadata={"description": "Only entries of this account."})
    actor = Actor(metadata={"description": "Only what this actor did, such as `operator` or `person:per_…`."})
    act = ActName(metadata={"description": "Only this act, such as `key.created`."})


class AuditEntryOut(Schema):
    """A line of the journal, whole: who did what to what, in which request, and how it was afterwards."""

    cursor = fields.String(required=True, metadata={"description": "The place right behind this entry."})
    number = fields.Integer(required=True)
    at = fields.String(required=True, metadata=EXACT)
    actor = fields.String(required=True)
    act = fields.String(required=True)
    subject = fields.String(required=True)
    account = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)
    image = fields.Dict(required=True)
    request = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    content = fields.String(required=True, metadata={"description": "SHA-256 over account, image and versions; hex."})
    xid = fields.Integer(required=True, metadata={"description": "The transaction, which the link covers too."})
    hash = fields.String(
        required=True, metadata={"description": "The chain's link: SHA-256 over the one before and this entry; hex."}
    )


class AuditEntriesOut(Schema):
    """A page of the journal, oldest first."""

    entries = fields.List(fields.Nested(AuditEntryOut), required=True)
    next = fields.String(required=True, allow_none=True, metadata={"description": "For `after` of the next question."})


@door.operation(
    "GET",
    "/v1/audit/entries",
    summary="Read the journal as an auditor",
    lock=Person("audit:read"),
    query=AuditQuery,
    answers={200: AuditEntriesOut},
    problems=(Code.ACCOUNT_MALFORMED, Code.CURSOR_MALFORMED),
)
def read_entries(call: Call) -> Reply:
    """Fewer entries than were asked for: the auditor has seen all there is. The reading is an entry, which the next page shows."""
    only: dict[str, str] = {name: call.query[name] for name in ("account", "actor", "act") if name in call.query}
    after = call.query.get("after")
    with call.tools.engine.begin() as connection:
        place = Cursor.read(after) if after is not None else None
        found, place = entries.page(connection, place, call.query["limit"], **only)
        image = {"entries": len(found), **_asked(only)}
        journal.write(
            connection,
            Act.AUDIT_READ,
            call.origin,
            subject=call.caller.id,
            account=only.get("account"),
            image=image,
        )
    data = {"entries": [_entry_data(entry) for entry in found], "next": place.text if place is not None else None}
    return Reply(200, data, AuditEntriesOut)


def _asked(only: Mapping[str, str]) -> dict[str, str]:
    """What the entry of a reading says that was asked for. A word that is no act of ours finds nothing, and is not kept for that."""
    written = {name: value for name, value in only.items() if name != "account"}
    if written.get("act", Act.AUDIT_READ) not in _ACTS:
        del written["act"]
    return {f"of_{name}": value for name, value in written.items()}


def _entry_data(entry: Entry) -> dict[str, Any]:
    links = {"content": (entry.content or b"").hex(), "hash": (entry.hash or b"").hex()}
    return {**vars(entry), **links, "at": _exact(entry.at), "cursor": Cursor.behind(entry).text}


class CheckpointsQuery(Body):
    """From where, and how many."""

    after = QueryNumber(0, 999_999_999, Code.FIELD_MALFORMED, load_default=0)
    limit = QueryNumber(1, LARGEST, Code.FIELD_MALFORMED, load_default=USUAL)


class CheckpointOut(Schema):
    """The journal had an entry of this number with this hash at that time, says the key."""

    number = fields.Integer(required=True)
    hash = fields.String(required=True, metadata={"description": "Hex."})
    at = fields.String(required=True, metadata=EXACT)
    key_id = fields.String(required=True)
    signature = fields.String(required=True, metadata={"description": "Ed25519, in base64."})
    state = fields.String(required=True, metadata={"enum": ["signed", "copied", "refused"]})


class CheckpointsOut(Schema):
    """A page of the checkpoints, oldest first."""

    checkpoints = fields.List(fields.Nested(CheckpointOut), required=True)
    next = fields.Integer(required=True, metadata={"description": "For `after` of the next question."})


@door.operation(
    "GET",
    "/v1/audit/checkpoints",
    summary="Read the signed checkpoints of the journal",
    lock=Person("audit:read"),
    query=CheckpointsQuery,
    answers={200: CheckpointsOut},
)
def read_checkpoints(call: Call) -> Reply:
    """They hold numbers and hashes and nothing of anybody, so reading them leaves no entry."""
    after = call.query["after"]
    with call.tools.engine.connect() as connection:
        found = checkpoints.behind(connection, after, call.query["limit"])
    shown = [_checkpoint_data(one) for one in found]
    return Reply(200, {"checkpoints": shown, "next": found[-1].number if found else after}, CheckpointsOut)


def _checkpoint_data(one: Checkpoint) -> dict[str, Any]:
    signature = base64.b64encode(one.signature).decode()
    return {**vars(one), "hash": one.hash.hex(), "at": _exact(one.at), "signature": signature}


def _exact(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
