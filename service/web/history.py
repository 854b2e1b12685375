"""The platform's door to an account's past: its entries, or what it was at a moment. Shows what is kept and changes nothing."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from service.billing import history as past
from service.cardguard import formats
from service.cardguard.fields import FeedCursor, MomentOf, QueryNumber
from service.errors import Code, Refusal
from service.store import history
from service.store.entries import Cursor
from service.web.door import Door
from service.web.entry_views import EntryOut, entry_data
from service.web.locks import ApiKey
from service.web.operation import Body, Call, Reply
from service.web.payment_views import ChargeOut, charge_data
from service.web.views import AccountOut, Moment, account_data

door = Door("history")
LARGEST, USUAL = 500, 100


class HistoryQuery(Body):
    """A moment, or a page of entries."""

    at = MomentOf(
        metadata={
            "description": "The account as it was then, and no entries. With its zone, as `2027-04-17T12:00:00Z`; a `+` is written `%2B`."
        }
    )
    after = FeedCursor(metadata={"description": "`next` of the page before; left out: from the first entry."})
    limit = QueryNumber(1, LARGEST, Code.FIELD_MALFORMED, load_default=USUAL)

    @validates_schema
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        if "at" in data and "after" in data:
            raise ValidationError({"after": [Code.FIELD_NOT_ALLOWED.value]})


class StateOut(AccountOut):
    """An account as it was at a moment."""

    at = Moment(required=True)
    charges = fields.List(
        fields.Nested(ChargeOut), required=True, metadata={"description": "All until then, oldest first."}
    )


class HistoryOut(Schema):
    """Without `at` a page of the account's entries, with it the account as it was."""

    account = fields.String(required=True)
    state = fields.Nested(StateOut, required=True, allow_none=True, metadata={"description": "Null without `at`."})
    entries = fields.List(
        fields.Nested(EntryOut), required=True, metadata={"description": "Oldest first; none with `at`."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "For `after`; null where there are no more."}
    )


@door.operation(
    "GET",
    "/v1/accounts/{account}/history",
    summary="Read the journal of an account, or what it was at a moment",
    lock=ApiKey("accounts:read"),
    query=HistoryQuery,
    answers={200: HistoryOut},
    problems=(Code.ACCOUNT_MALFORMED, Code.CURSOR_MALFORMED, Code.MOMENT_MALFORMED, Code.MOMENT_IN_FUTURE),
)
def read_history(call: Call, account: str) -> Reply:
    """A moment is one of the journal's own clock. An account that was not there yet was on the free plan."""
    if not formats.is_account(account):
        raise Refusal(Code.ACCOUNT_MALFORMED)
    return Reply(200, _state(call, account) if "at" in call.query else _page(call, account), HistoryOut)


def _state(call: Call, account: str) -> dict[str, Any]:
    then = past.account_at(call.tools, account, call.query["at"])
    charges = [charge_data(one) for one in then.payments]
    state = {**account_data(then.view), "at": then.at, "charges": charges}
    return {"account": account, "state": state, "entries": [], "next": None}


def _page(call: Call, account: str) -> dict[str, Any]:
    after, limit = call.query.get("after"), call.query["limit"]
    with call.tools.engine.connect() as connection:
        found = history.page(connection, account, Cursor.read(after).number if after is not None else 0, limit + 1)
    shown = [entry_data(entry) for entry in found[:limit]]
    return {
        "account": account,
        "state": None,
        "entries": shown,
        "next": shown[-1]["cursor"] if len(found) > limit else None,
    }
