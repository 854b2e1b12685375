"""Sends a case in a body that is no honest JSON document (E14 to E30): other media types, broken documents, chunks, codings. All go to the door that opens sessions."""

from __future__ import annotations

import json
import uuid
from urllib.parse import urlencode

from leaks_payloads import name
from leaks_registry import sender
from leaks_stage import JSON, SESSIONS

from service.evidence.wire import request
from tests.support.disguises import FORMS, KINDS

BOUNDARY = "leaks-boundary"
#: Above it, libraries lay a part of a form down in a file.
LARGE = 500_000


def order(stage, **changed):
    return {"account": f"leaks-{stage.marker}", "plan": "team", "members": 3, **changed}


def cut(stage, inner):
    """An order whose last value is the inner text, and which stops right behind it."""
    return f'{json.dumps(order(stage))[:-1]}, "{inner}'


def posted(stage, body, *headers):
    """The body as it is; the media type is JSON unless the headers say another."""
    return stage.writing(SESSIONS, body if isinstance(body, bytes) else body.encode(), *headers)


def chunked(stage, chunks):
    """An honest order as one chunk would be; `chunks` are the bytes instead."""
    headers = stage.headers(JSON, ("Idempotency-Key", str(uuid.uuid4())), ("Transfer-Encoding", "chunked"))
    return request("POST", SESSIONS, headers, chunks)


def whole(stage):
    """An honest order's length in hexadecimal, and the order."""
    body = json.dumps(order(stage)).encode()
    return b"%x" % len(body), body


def form(stage, *, disposition, content, header=""):
    """A multipart form of one part."""
    part = f"Content-Disposition: form-data; {disposition}\r\n{header}\r\n{content}"
    body = f"--{BOUNDARY}\r\n{part}\r\n--{BOUNDARY}--\r\n"
    return posted(stage, body, ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"))


@sender("E14", still=True)
def form_body(case, stage):
    fields = {**order(stage), "track" if case.data == "D13" else "reference": stage.payload(case)}
    return stage.send(posted(stage, urlencode(fields), ("Content-Type", "application/x-www-form-urlencoded")))


@sender("E15", still=True)
def multipart_text(case, stage):
    return stage.send(form(stage, disposition=f'name="{name(case) or "note"}"', content=stage.payload(case)))


@sender("E16", still=True)
def multipart_file(case, stage):
    return stage.send(file_of(stage, stage.payload(case)))


@sender("E17", still=True)
def multipart_large_file(case, stage):
    """Above half a megabyte: far more than the service reads, and what form parsers lay down on disk."""
    return stage.send(file_of(stage, f"{'lorem ipsum ' * (LARGE // 12)}\n{stage.payload(case)}\n" * 2))


def file_of(stage, content):
    return form(
        stage, disposition='name="upload"; filename="cards.txt"', header="Content-Type: text/plain\r\n", content=content
    )


@sender("E19", still=True)
def multipart_part_name(case, stage):
    return stage.send(form(stage, disposition=f'name="{stage.payload(case)}"', content="x"))


@sender("E20", still=True)
def multipart_part_header(case, stage):
    return stage.send(form(stage, disposition='name="note"', header=f"X-Note: {stage.payload(case)}\r\n", content="x"))


@sender("E21", still=True)
def plain_text(case, stage):
    return stage.send(posted(stage, stage.labelled(case), ("Content-Type", "text/plain")))


@sender("E23", still=True)
def truncated(case, stage):
    label = name(case) or "reference"
    return stage.send(posted(stage, cut(stage, f'{label}": "{stage.payload(case)}')))


@sender("E24", still=True)
def duplicate_names(case, stage):
    """The last one is clean, and wins where nobody looks."""
    body = json.dumps(order(stage))
    return stage.send(posted(stage, body.replace("{", f'{{"account": {stage.fragment(case)}, ', 1)))


@sender("E25", still=True)
def bytes_behind_the_document(case, stage):
    return stage.send(posted(stage, f"{json.dumps(order(stage))}\n{stage.labelled(case)}"))


@sender("E26", still=True)
def too_large(case, stage):
    """Just over what the service reads (16 KiB), the number on both sides of the limit."""
    filling = "lorem ipsum dolor " * 950
    return stage.send(
        posted(stage, json.dumps(order(stage, note=f"{stage.payload(case)} {filling} {stage.payload(case)}")))
    )


@sender("E27", still=True)
def chunk_extension(case, stage):
    size, body = whole(stage)
    return stage.send(chunked(stage, b"%b;note=%b\r\n%b\r\n0\r\n\r\n" % (size, stage.payload(case).encode(), body)))


@sender("E28", still=True)
def chunked_trailer(case, stage):
    size, body = whole(stage)
    return stage.send(
        chunked(stage, b"%b\r\n%b\r\n0\r\nX-Note: %b\r\n\r\n" % (size, body, stage.payload(case).encode()))
    )


@sender("E29", still=True)
def invalid_chunk_size(case, stage):
    _, body = whole(stage)
    return stage.send(chunked(stage, b"z%b\r\n%b\r\n0\r\n\r\n" % (stage.payload(case).encode(), body)))


@sender("E30", still=True)
def coded_body(case, stage):
    """Compressed; said to be compressed; and in characters that are not UTF-8. The whole document is coded as the case's number is."""
    body = json.dumps(order(stage, account=KINDS[case.data]))
    ways = {
        "X00": (body.encode(), ("Content-Encoding", "gzip")),
        "X30": (FORMS["X30"](body), ("Content-Encoding", "gzip")),
        "X31": (FORMS["X31"](body), ("Content-Type", "application/json; charset=utf-16le")),
        "X32": (FORMS["X32"](body), ("Content-Type", "application/json; charset=utf-7")),
    }
    content, header = ways[case.enc]
    return stage.send(posted(stage, content, header))
