"""Staff's door to grants: ask to see one account, have somebody else approve it, end it. Nothing of any account is shown here but its name."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from service.billing.support import grants
from service.billing.support.grants import GrantView, Wish
from service.billing.support.moves import STATUSES
from service.cardguard import formats
from service.cardguard.fields import MESSAGES, Account, GrantCursor, QueryNumber, Ticket, Truth, WholeNumber
from service.errors import Code, Refusal
from service.web.door import Door
from service.web.locks import Person
from service.web.operation import Body, Call, Nothing, Reply
from service.web.views import Moment

door = Door("grants")
REQUEST, APPROVE = "grants:request", "grants:approve"
LARGEST, USUAL = 100, 50


class GrantOrderIn(Body):
    """What somebody in support wants to see, and why."""

    account = Account(required=True)
    purpose = fields.String(
        required=True,
        error_messages=MESSAGES,
        validate=validate.OneOf(formats.PURPOSES, error=Code.FIELD_MALFORMED.value),
    )
    ticket = Ticket(required=True, metadata={"description": "The case in support's own system, such as SUP-1234."})
    minutes = WholeNumber(
        1,
        240,
        Code.FIELD_MALFORMED,
        metadata={"description": "How long it is needed; left out: 60. A setting may allow less."},
    )
    break_glass = Truth(
        load_default=False,
        metadata={
            "description": "Begin at once, without a second person, for 30 minutes at most. It alarms, and is reviewed within a day."
        },
    )


class GrantsQuery(Body):
    """From where, and how many."""

    after = GrantCursor(
        load_default=None, metadata={"description": "`next` of the page before; left out: from the first."}
    )
    limit = QueryNumber(1, LARGEST, Code.FIELD_MALFORMED, load_default=USUAL)


class GrantOut(Schema):
    """One person's right to see one account for some minutes."""

    id = fields.String(required=True)
    account = fields.String(required=True)
    purpose = fields.String(required=True, metadata={"enum": list(formats.PURPOSES)})
    ticket = fields.String(required=True)
    minutes = fields.Integer(required=True)
    break_glass = fields.Boolean(required=True)
    status = fields.String(
        required=True,
        metadata={
            "enum": list(STATUSES),
            "description": "`live` until `ends_at` by the database's clock, then `over`; a request that nobody answers for a day has `lapsed`.",
        },
    )
    requested_by = fields.String(required=True, metadata={"description": "Who may look."})
    requested_at = Moment(required=True)
    approved_by = fields.String(required=True, allow_none=True)
    approved_at = Moment(required=True, allow_none=True)
    ends_at = Moment(required=True, allow_none=True)
    ended_by = fields.String(required=True, allow_none=True)
    ended_at = Moment(required=True, allow_none=True)
    reviewed_by = fields.String(required=True, allow_none=True)
    reviewed_at = Moment(required=True, allow_none=True)


class GrantsOut(Schema):
    """A page of grants, oldest first."""

    grants = fields.List(fields.Nested(GrantOut), required=True)
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "For `after` of the next page; null on the last."}
    )


@door.operation(
    "POST",
    "/v1/access-grants",
    summary="Ask to see one account",
    lock=Person(REQUEST),
    body=GrantOrderIn,
    answers={201: GrantOut},
    idempotent=True,
    problems=(Code.ACCOUNT_MALFORMED, Code.GRANT_NOT_OPEN),
)
def ask(call: Call) -> Reply:
    """For the person who asks. It waits for another person's approval, unless the glass is broken."""
    return _reply(201, grants.ask(call.tools, call.origin, call.caller.id, Wish(**call.body)))


@door.operation(
    "GET",
    "/v1/access-grants",
    summary="List one's own grants, and those that wait for approval",
    lock=Person(REQUEST, APPROVE),
    query=GrantsQuery,
    answers={200: GrantsOut},
    problems=(Code.CURSOR_MALFORMED,),
)
def list_grants(call: Call) -> Reply:
    """Those that wait are shown to whoever may approve them."""
    approves = APPROVE in call.caller.scopes
    page = grants.own_and_open(
        call.tools, call.caller.id, approves=approves, after=call.query["after"], limit=call.query["limit"]
    )
    return Reply(200, {"grants": [_data(one) for one in page.grants], "next": page.following}, GrantsOut)


@door.operation(
    "GET",
    "/v1/access-grants/{grant_id}",
    summary="Read a grant",
    lock=Person(REQUEST, APPROVE),
    answers={200: GrantOut},
    problems=(Code.GRANT_NOT_FOUND,),
)
def read_grant(call: Call, grant_id: str) -> Reply:
    """One's own; for whoever may approve, any."""
    found = grants.show(call.tools, _checked(grant_id))
    if found.grant.requested_by != call.caller.id and APPROVE not in call.caller.scopes:
        raise Refusal(Code.GRANT_NOT_FOUND)
    return _reply(200, found)


@door.operation(
    "POST",
    "/v1/access-grants/{grant_id}/approval",
    summary="Approve somebody else's grant",
    lock=Person(APPROVE),
    body=Nothing,
    answers={200: GrantOut},
    idempotent=True,
    problems=(Code.GRANT_NOT_FOUND, Code.GRANT_NOT_OPEN, Code.SECOND_PERSON_NEEDED),
)
def approve(call: Call, grant_id: str) -> Reply:
    """Its minutes begin now. Nobody approves what they asked for themselves."""
    return _reply(200, grants.approve(call.tools, call.origin, call.caller.id, _checked(grant_id)))


@door.operation(
    "DELETE",
    "/v1/access-grants/{grant_id}",
    summary="End, withdraw or refuse a grant",
    lock=Person(REQUEST, APPROVE),
    answers={204: None},
    problems=(Code.GRANT_NOT_FOUND, Code.GRANT_NOT_OPEN),
)
def end(call: Call, grant_id: str) -> Reply:
    """At once. One's own; whoever may approve can end any, and refuse what only waits."""
    approves = APPROVE in call.caller.scopes
    grants.end(call.tools, call.origin, call.caller.id, _checked(grant_id), approves=approves)
    return Reply(204)


def _checked(grant_id: str) -> str:
    if not formats.matches(formats.GRANT_ID, grant_id):
        raise Refusal(Code.GRANT_NOT_FOUND)
    return grant_id


def _data(view: GrantView) -> dict[str, Any]:
    return {**vars(view.grant), "status": view.status}


def _reply(status: int, view: GrantView) -> Reply:
    return Reply(status, _data(view), GrantOut)
