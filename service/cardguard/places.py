"""Where a request can hold something, and each value that is there: path, query, headers, body. Never judges, and never keeps what it reads.

A value that has exactly the format of its own place is left out: the format is its check, and 1.6 % of honest 64-hex strings
hold a run of digits that passes for a card number (DESIGN section 9).
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from service.cardguard import formats

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
#: A moment that can be, as BlueSnap writes it (bluesnap/webhooks.md section 2.1); no card number has this form and these months and hours.
TIMESTAMP = (
    r"(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
)
#: W3C Trace Context, section 3.2.
TRACEPARENT = r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"


def _exactly(pattern: str) -> Callable[[str], bool]:
    whole = re.compile(pattern, re.ASCII)
    return lambda value: whole.fullmatch(value) is not None


#: Headers that have a format of their own, by their names in a WSGI environment.
EXACT_HEADERS: Mapping[str, Callable[[str], bool]] = {
    "HTTP_AUTHORIZATION": _exactly(rf"(?i:bearer) +({formats.API_KEY}|{formats.CLIENT_SECRET}|{formats.IDENTITY})"),
    "HTTP_IDEMPOTENCY_KEY": _exactly(formats.IDEMPOTENCY_KEY),
    "HTTP_IF_MATCH": _exactly(r'"[0-9]{1,9}"'),
    "HTTP_BLS_SIGNATURE": _exactly(r"[0-9a-fA-F]{64}"),
    "HTTP_BLS_IPN_TIMESTAMP": _exactly(TIMESTAMP),
    "HTTP_TRACEPARENT": _exactly(TRACEPARENT),
}
#: Fields of bodies that have one.
EXACT_FIELDS: Mapping[str, Callable[[str], bool]] = {
    "fraud_session_id": formats.is_fraud_session,
    "three_d_secure_reference": _exactly(formats.PROVIDER_REF),
}
#: Parameters behind the `?` that have one.
EXACT_PARAMETERS: Mapping[str, Callable[[str], bool]] = {"at": _exactly(formats.MOMENT)}
#: What we hand out in addresses, and get back there and in bodies: letters without a digit.
_is_ours = _exactly(rf"{formats.OUR_ID}|{formats.CURSOR}")
_OCTET = "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_is_address = _exactly(rf"{_OCTET}(\.{_OCTET}){{3}}(:[0-9]{{1,5}})?")
_LISTS = frozenset({"HTTP_X_FORWARDED_FOR", *EXACT_HEADERS})
#: Headers that nobody here reads, and whose honest values may look like card numbers (decimal ids of tracers, cookies): dropped unread.
UNREAD_HEADERS = frozenset(
    {
        "HTTP_COOKIE", "HTTP_TRACESTATE", "HTTP_BAGGAGE", "HTTP_B3", "HTTP_X_B3_TRACEID", "HTTP_X_B3_SPANID",
        "HTTP_X_B3_PARENTSPANID", "HTTP_X_B3_SAMPLED", "HTTP_X_B3_FLAGS", "HTTP_X_CLOUD_TRACE_CONTEXT", "HTTP_X_AMZN_TRACE_ID",
        "HTTP_X_DATADOG_TRACE_ID", "HTTP_X_DATADOG_PARENT_ID", "HTTP_X_DATADOG_SAMPLING_PRIORITY", "HTTP_X_DATADOG_ORIGIN",
        "HTTP_X_DATADOG_TAGS", "HTTP_UBER_TRACE_ID", "HTTP_SENTRY_TRACE", "HTTP_NEWRELIC", "HTTP_CF_RAY", "HTTP_X_REQUEST_ID",
        "HTTP_X_CORRELATION_ID", "HTTP_X_REQUEST_START", "HTTP_X_QUEUE_START", "HTTP_X_OT_SPAN_CONTEXT",
    }
)  # fmt: skip
#: Names of headers that honest clients and proxies send.
_USUAL = frozenset(
    {
        "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_HOST", "HTTP_USER_AGENT", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING",
        "HTTP_ACCEPT_LANGUAGE", "HTTP_CONNECTION", "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_CACHE_CONTROL", "HTTP_PRAGMA",
        "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_SEC_FETCH_DEST", "HTTP_SEC_FETCH_MODE",
        "HTTP_SEC_FETCH_SITE", "HTTP_TRANSFER_ENCODING", *_LISTS,
    }
)  # fmt: skip


class Kind(enum.Enum):
    """What a value is to its place: a name, which says what belongs to it; a value; or all the values that stand side by side."""

    NAME = enum.auto()
    VALUE = enum.auto()
    NUMBERS = enum.auto()


@dataclass(frozen=True, repr=False)
class Item:
    """One thing to look at. `place` is a constant word; what is sent stands in `sent` alone, and is in no representation of this."""

    place: str
    kind: Kind
    sent: Any


def of_target(environ: Mapping[str, Any]) -> Iterator[Item]:
    """All of the request line: method, path, query, and what a server has left out of these two."""
    if environ["REQUEST_METHOD"] not in METHODS:
        yield Item("method", Kind.VALUE, environ["REQUEST_METHOD"])
    segments = [_text(one) for one in environ.get("PATH_INFO", "").split("/")]
    yield from _values("path", segments)
    yield Item("path", Kind.NUMBERS, segments)
    pairs = [pair.partition("=")[::2] for pair in re.split("[&;]", environ.get("QUERY_STRING", ""))]
    plain = [(_plain(name), _plain(value)) for name, value in pairs]
    names = [name for name, _ in plain]
    values = [value for name, value in plain if not (name in EXACT_PARAMETERS and EXACT_PARAMETERS[name](value))]
    yield from _names("query", names)
    yield from _values("query", values)
    yield Item("query", Kind.NUMBERS, values)
    seen = {*segments, *names, *(value for _, value in plain)}
    pieces = [_plain(one) for one in re.split("[/?#&;=]", environ.get("RAW_URI", ""))]
    yield from _values("path", [one for one in pieces if one not in seen])


def of_headers(environ: Mapping[str, Any]) -> Iterator[Item]:
    """Every header's name and value. Lists are taken apart: a header that was sent twice arrives as one."""
    for name, value in environ.items():
        if name not in _USUAL:
            if not name.startswith("HTTP_"):
                continue
            yield from _names("header", [_text(name.removeprefix("HTTP_"))])
        exact = EXACT_HEADERS.get(name, _is_address)
        parts = [part.strip() for part in value.split(",")] if name in _LISTS else [value]
        yield from _values("header", [_text(part) for part in parts if not exact(part)])


def of_body(raw: bytes) -> Iterator[Item]:
    """Each name and scalar of a JSON document, whatever its media type claims, or else the whole body as bytes."""
    try:
        document = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_Object, parse_int=str, parse_float=str, parse_constant=str
        )
    except (ValueError, RecursionError):
        yield Item("body", Kind.VALUE, raw)
        return
    yield from _of_document(document)


class _Object(list[tuple[str, Any]]):
    """A JSON object as it was written: a name that stands twice keeps both its values."""


def _of_document(document: Any) -> Iterator[Item]:
    """In the order of the document, and numbers as they were written."""
    scalars = []
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        name, node = waiting.pop()
        if isinstance(node, _Object):
            yield from _names("body", [name for name, _ in node])
            waiting.extend(reversed(node))
        elif isinstance(node, list):
            waiting.extend((name, item) for item in reversed(node))
        elif isinstance(node, str) and not (name in EXACT_FIELDS and EXACT_FIELDS[name](node)):
            yield from _values("body", [node])
            scalars.append(node)
    yield Item("body", Kind.NUMBERS, scalars)


def _names(place: str, sent: Iterable[str]) -> Iterator[Item]:
    for name in sent:
        yield Item(place, Kind.NAME, name)
        yield Item(place, Kind.VALUE, name)


def _values(place: str, sent: Iterable[str]) -> Iterator[Item]:
    return (Item(place, Kind.VALUE, value) for value in sent if value and not _is_ours(value))


def _plain(piece: str) -> str:
    """A piece of an address with its percent signs undone."""
    return unquote_to_bytes(_sent(piece.replace("+", " "))).decode("utf-8", "replace")


def _text(value: str) -> str:
    """What a WSGI server hands over, as the UTF-8 that it most likely was; what is none must not hide what stands beside it."""
    return _sent(value).decode("utf-8", "replace")


def _sent(value: str) -> bytes:
    """The bytes that came in: a server hands them over as Latin-1 (PEP 3333)."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")
