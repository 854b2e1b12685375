"""How a line of the journal is shown, wherever it is."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from service.store.entries import Cursor
from service.store.models import Entry
from service.web.views import Moment


class EntryOut(Schema):
    """A line of the journal: who did what to what, and how it was afterwards."""

    cursor = fields.String(required=True, metadata={"description": "The place right behind this entry."})
    number = fields.Integer(required=True, metadata={"description": "Unique. Not the order of the feed."})
    at = Moment(required=True)
    actor = fields.String(required=True)
    act = fields.String(required=True, metadata={"example": "subscription.renewed"})
    subject = fields.String(required=True, metadata={"description": "The id of what was changed."})
    account = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)
    image = fields.Dict(required=True, metadata={"description": "The record after the change, without its secrets."})


def entry_data(entry: Entry) -> dict[str, Any]:
    """What EntryOut writes."""
    return {**vars(entry), "cursor": Cursor.behind(entry).text}
