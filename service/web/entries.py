"""The platform's door to the feed: every change, once, in an order that a follower may rely on. Shows entries and changes nothing."""

from __future__ import annotations

from marshmallow import Schema, fields

from service.cardguard.fields import FeedCursor, QueryNumber
from service.errors import Code
from service.store import entries
from service.store.entries import Cursor
from service.web.door import Door
from service.web.entry_views import EntryOut, entry_data
from service.web.locks import ApiKey
from service.web.operation import Body, Call, Reply

door = Door("entries")
LARGEST, USUAL = 500, 100


class EntriesQuery(Body):
    """From where, and how many."""

    after = FeedCursor(metadata={"description": "`next` of the answer before; left out: from the beginning."})
    limit = QueryNumber(1, LARGEST, Code.FIELD_MALFORMED, load_default=USUAL)


class EntriesOut(Schema):
    """A page of the feed, oldest first."""

    entries = fields.List(fields.Nested(EntryOut), required=True)
    next = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "For `after` of the next question; null only while there is no entry at all."},
    )


@door.operation(
    "GET",
    "/v1/entries",
    summary="Follow the journal",
    lock=ApiKey("entries:read"),
    query=EntriesQuery,
    answers={200: EntriesOut},
    problems=(Code.CURSOR_MALFORMED,),
)
def read_entries(call: Call) -> Reply:
    """Fewer entries than were asked for: the follower has seen all there is, and asks again later with the same `next`."""
    after = call.query.get("after")
    with call.tools.engine.connect() as connection:
        found, place = entries.page(connection, Cursor.read(after) if after is not None else None, call.query["limit"])
    data = {"entries": [entry_data(entry) for entry in found], "next": place.text if place is not None else None}
    return Reply(200, data, EntriesOut)
