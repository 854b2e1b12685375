"""Sends a case in the address of a request (E31 to E39): path, query, parameters, request targets of other forms."""

from __future__ import annotations

from urllib.parse import quote

from leaks_registry import sender
from leaks_stage import SESSIONS

from service.evidence.wire import request


@sender("E31", still=True)
def query(case, stage):
    return stage.send(stage.reading(f"/v1/accounts/{stage.account}?note={stage.payload(case)}"))


@sender("E32", still=True)
def query_name(case, stage):
    return stage.send(stage.reading(f"/v1/accounts/{stage.account}?{stage.payload(case)}=1"))


@sender("E33", still=True)
def path_segment(case, stage):
    return stage.send(stage.reading(f"/v1/accounts/{stage.payload(case)}"))


@sender("E34", still=True)
def unknown_route(case, stage):
    return stage.send(stage.reading(f"/cards/{stage.payload(case)}"))


@sender("E35", still=True)
def slash_too_many(case, stage):
    """Where a server might answer a redirect to the address without the slash, query and all."""
    return stage.send(stage.reading(f"{SESSIONS}/{stage.session['id']}/?note={stage.payload(case)}"))


@sender("E37", still=True)
def semicolon_parameter(case, stage):
    return stage.send(stage.reading(f"/v1/accounts/{stage.account};note={stage.payload(case)}"))


@sender("E38", still=True)
def encoded_slash(case, stage):
    return stage.send(stage.reading(f"/v1/accounts/{stage.account}%2F{stage.payload(case)}"))


@sender("E39", still=True)
def absolute_form(case, stage):
    return stage.send(request("GET", f"{stage.stand.service}/v1/accounts/{stage.payload(case)}", stage.headers()))


@sender("E78", still=True)
def return_from_three_d_secure(case, stage):
    """The bank's page sends the browser back; the page then reads its session. What has no name for a guard to know is not read at all."""
    asked = f"{SESSIONS}/{stage.session['id']}"
    plain = stage.plain(stage.reading(asked)) if case.expect == "IGNORE" else None
    value = f"holder={quote(stage.payload(case))}" if case.data == "D15" else quote(stage.labelled(case), safe="=")
    seen = stage.send(stage.reading(f"{asked}?status=ok&{value}"))
    seen.plain = plain
    return seen
