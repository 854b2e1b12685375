"""Reading a JSON body: one media type, one document, no key twice, no number that is none. Refusals say what is wrong and never quote it."""

from __future__ import annotations

import json
from typing import Any

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import RequestEntityTooLarge

from service.errors import Code, Refusal


class _DuplicateError(ValueError):
    """A name stands twice in one object: two readers of such a document may see two different ones (RFC 8259 section 4)."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateError
    return found


def _constant(_: str) -> None:
    raise ValueError


def read_bytes(request: Request) -> bytes:
    """The whole body. Raises Refusal: body_too_large, request_malformed.

    Werkzeug cuts a body without Content-Length off at the limit and says nothing, so one that reaches the limit is too large.
    """
    try:
        raw = request.get_data(cache=True)
    except RequestEntityTooLarge:
        raise Refusal(Code.BODY_TOO_LARGE) from None
    except ParseException:  # broken chunks, which gunicorn meets only now
        raise Refusal(Code.REQUEST_MALFORMED) from None
    if request.content_length is None and len(raw) >= (request.max_content_length or 0):
        raise Refusal(Code.BODY_TOO_LARGE)
    return raw


def read_json(request: Request) -> Any:
    """The document. Raises Refusal: unsupported_media_type, body_too_large, duplicate_key, body_malformed."""
    if request.mimetype != "application/json" or request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE)
    if request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE)
    raw = read_bytes(request)
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)
    except _DuplicateError:
        raise Refusal(Code.DUPLICATE_KEY) from None
    except (ValueError, RecursionError):
        raise Refusal(Code.BODY_MALFORMED) from None
