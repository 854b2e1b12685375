"""Sends a case in a field of a JSON body (E01 to E13): each at the door where such a value would be most at home."""

from __future__ import annotations

import json
import uuid

from leaks_payloads import name, number
from leaks_registry import sender
from leaks_stage import SESSIONS

from service.evidence.canaries import Canary
from service.evidence.wire import request
from tests.support.disguises import PIECES

_HERE = "\ue000"


def document(body, fragment):
    """The body as JSON, with the fragment in place of the sign that stands for it."""
    return json.dumps(body).replace(json.dumps(_HERE), fragment)


def ordering(stage, **changed):
    """The platform asks for a session."""
    body = {"account": f"leaks-{stage.marker}", "plan": "team", "members": 3, **changed}
    return stage.writing(SESSIONS, document(body, stage.fragment(stage.case)))


def paying(stage, **changed):
    """The page completes its session; `changed` are fields of the payer."""
    payer = {"first_name": stage.marker.capitalize(), "last_name": "Okafor", "country": "US", **changed}
    return stage.completing(stage.session, document({"payer": payer}, stage.fragment(stage.case)))


def completing(stage, **changed):
    """The page completes its session; `changed` stands beside the payer."""
    payer = {"first_name": stage.marker.capitalize(), "last_name": "Okafor", "country": "US"}
    return stage.completing(stage.session, document({"payer": payer, **changed}, stage.fragment(stage.case)))


@sender("E01", still=True)
def plan(case, stage):
    return stage.send(ordering(stage, plan=_HERE))


@sender("E02", still=True)
def email(case, stage):
    """Digits in the local part."""
    return stage.send(paying(stage, email=f"{stage.payload(case)}@example.org"))


@sender("E03", still=True)
def person_name(case, stage):
    return stage.send(paying(stage, first_name=_HERE, last_name=stage.marker.capitalize()))


@sender("E04", still=True)
def free_text(case, stage):
    """There is no company and no free text here; the payer's last name is the widest field. What cannot be recognised is sold to, so its session is a real one."""
    if case.expect != "RESIDUAL":
        return stage.send(paying(stage, last_name=_HERE))
    payer = {"first_name": stage.marker.capitalize(), "last_name": stage.payload(case), "country": "US"}
    seen = stage.send(stage.completing(stage.ready(), {"payer": payer}))
    seen.canaries.append(Canary(case.id, stage.payload(case), word=True))
    return seen


@sender("E05", still=True)
def country(case, stage):
    return stage.send(paying(stage, country=_HERE))


@sender("E06", still=True)
def postal_code(case, stage):
    return stage.send(paying(stage, zip=_HERE))


@sender("E07", still=True)
def payment_fields_token(case, stage):
    """No call takes one; the other value of BlueSnap's that the page hands on, and whose format may not hide a number either, is this."""
    return stage.send(completing(stage, fraud_session_id=_HERE))


@sender("E08", still=True)
def coupon(case, stage):
    """There is no coupon here; each kind of data takes another field whose values are short words and codes."""
    ways = {
        "D01": lambda: completing(stage, three_d_secure_reference=_HERE),
        "D03": lambda: ordering(stage, client_address=_HERE),
        "D06": lambda: paying(stage, state=_HERE),
        "D12": lambda: ordering(stage, purpose=_HERE),
        "D18": lambda: ordering(stage, three_d_secure=_HERE),
    }
    return stage.send(ways[case.data]())


@sender("E09", still=True)
def reference(case, stage):
    """The platform's own reference is its name for the account."""
    return stage.send(ordering(stage, account=_HERE))


@sender("E10", still=True)
def whole_number(case, stage):
    """Members as a JSON integer, at each door that takes them, and an amount; a track is no number."""
    if case.data == "D12":
        return stage.send(ordering(stage, members=_HERE))
    path = f"/v1/accounts/{stage.account}/subscription"
    body = f'{{"members": {number(case)}}}'
    key = ("Idempotency-Key", str(uuid.uuid4()))
    ways = {
        "D01": lambda: ordering(stage, members=int(number(case))),
        "D03": lambda: request("PATCH", path, stage.headers(("Content-Type", "application/json"), key), body),
        "D06": lambda: stage.writing(f"{path}/reactivation", body),
        "D18": lambda: refunding(stage, f"{number(case)}.00"),
    }
    return stage.send(ways[case.data]())


def refunding(stage, amount):
    """The platform gives back an amount of a charge that nobody has."""
    body = {"amount": {"amount": amount, "currency": "USD"}, "reason": "requested_by_customer"}
    return stage.writing(f"/v1/charges/ch_{'b' * 30}/refunds", body)


@sender("E11", still=True)
def unknown_field(case, stage):
    """A property that nobody knows, or the one that the note names; in a body like those of the other doors."""
    return stage.send(ordering(stage, **{name(case) or "remark": _HERE}))


@sender("E12", still=True)
def unknown_name(case, stage):
    """The value is the name."""
    return stage.send(ordering(stage, **{stage.payload(case): 1}))


@sender("E13", still=True)
def nested(case, stage):
    """In an object within the body: as a value, as a name, deep down, in two halves."""
    if case.enc in PIECES:
        halves = dict(zip(("first", "second"), PIECES[case.enc](number(case)), strict=True))
        return stage.send(ordering(stage, metadata=halves))
    inner = {stage.payload(case): "x"} if case.enc == "X42" else {"order": {"reference": _HERE}}
    return stage.send(ordering(stage, metadata=inner))
