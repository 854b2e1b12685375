"""Sends a case in a header (E40 to E61) of an honest question with an API key."""

from __future__ import annotations

import base64

from leaks_registry import sender
from leaks_stage import JSON, SESSIONS

from service.evidence.wire import request

#: The header of an entry, and its value in the form that such a header has.
HEADERS = {
    "E40": ("User-Agent", "Wallet/{}"),
    "E41": ("Referer", "https://shop.example/pay?card={}"),
    "E42": ("Origin", "https://{}.example"),
    "E43": ("Cookie", "last={}"),
    "E44": ("Cookie", "{}=1"),
    "E47": ("X-Request-Id", "{}"),
    "E48": ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01"),  # the parent's id: 16 signs
    "E49": ("baggage", "card={}"),
    "E50": ("X-Forwarded-For", "{}"),
    "E51": ("X-Forwarded-Host", "{}.example"),
    "E54": ("Accept-Language", "en-{}"),
    "E56": ("Content-Disposition", 'attachment; filename="{}.txt"'),
    "E57": ("If-None-Match", '"{}"'),
    "E58": ("Range", "bytes={}-"),
    "E60": ("From", "{}@example.org"),
    "E61": ("Forwarded", "for={};proto=https"),
}


@sender(*HEADERS, still=True)
def header(case, stage):
    name, form = HEADERS[case.entry]
    sent = [(given, value) for given, value in stage.headers() if given != name]
    plain = stage.plain(stage.reading()) if case.expect == "IGNORE" else None
    asked = f"/v1/accounts/{stage.account}"
    seen = stage.send(request("GET", asked, [*sent, (name, form.format(stage.payload(case)))]))
    seen.plain = plain
    return seen


@sender("E45", still=True)
def basic_credentials(case, stage):
    """The number as the user's name."""
    named = base64.b64encode(f"{stage.payload(case)}:{stage.marker}".encode()).decode()
    return stage.send(stage.reading("", ("Authorization", f"Basic {named}")).replace(bearer(stage), b""))


@sender("E46", still=True)
def bearer_credentials(case, stage):
    asked = f"/v1/accounts/{stage.account}"
    return stage.send(request("GET", asked, stage.headers(auth=stage.payload(case))))


def bearer(stage):
    return f"Authorization: Bearer {stage.key}\r\n".encode()


@sender("E53", still=True)
def idempotency_key(case, stage):
    order = {"account": f"leaks-{stage.marker}", "plan": "team", "members": 3}
    return stage.send(stage.writing(SESSIONS, order, ("Idempotency-Key", stage.payload(case))))


@sender("E55", still=True)
def media_type_parameter(case, stage):
    order = {"account": f"leaks-{stage.marker}", "plan": "team", "members": 3}
    media = ("Content-Type", f"{JSON[1]}; profile={stage.payload(case)}")
    return stage.send(stage.writing(SESSIONS, order, media))
