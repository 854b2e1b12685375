"""The auditors' door: the journal, page by page. Whoever looks is in it too: each answer leaves an entry before it is given."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from service.cardguard.fields import Account, ActName, Actor, FeedCursor, QueryNumber
from service.errors import Code
from service.store import entries, journal
from service.store.entries import Cursor
from service.store.journal import Act
from service.store.models import Entry
from service.web.door import Door
from service.web.locks import Person
from service.web.operation import Body, Call, Reply
from service.web.views import Moment

door = Door("audit")
LARGEST, USUAL = 500, 100


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
    at = Moment(required=True)
    actor = fields.String(required=True)
    act = fields.String(required=True)
    subject = fields.String(required=True)
    account = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)
    image = fields.Dict(required=True)
    request = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    content = fields.String(required=True, metadata={"description": "SHA-256 over account, image and versions; hex."})
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
    only = {name: call.query[name] for name in ("account", "actor", "act") if name in call.query}
    after = call.query.get("after")
    with call.tools.engine.begin() as connection:
        place = Cursor.read(after) if after is not None else None
        found, place = entries.page(connection, place, call.query["limit"], **only)
        image = {"entries": len(found), **{f"of_{name}": value for name, value in only.items() if name != "account"}}
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


def _entry_data(entry: Entry) -> dict[str, Any]:
    links = {"content": (entry.content or b"").hex(), "hash": (entry.hash or b"").hex()}
    return {**vars(entry), **links, "cursor": Cursor.behind(entry).text}
