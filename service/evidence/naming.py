"""Card data that are too short to be searched for anywhere: the names under which they are stored, and short values in what one exchange has left. Keeps no value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from service.cardguard.detect import Find, names_card_data
from service.evidence.pieces import Hit, Piece

_WORD = rb"[A-Za-z_][A-Za-z0-9_.\-]{1,62}"
#: Where structures have their names: JSON and its like (escaped too), queries and forms, XML, headers and YAML, columns of a dump.
_NAMES = re.compile(
    rb"[\"']([^\"'\\\r\n]{2,63})\\{0,7}[\"']\s{0,4}(?::|=>)"
    rb"|(?:^|[?&;,\s{(\[\"'])(" + _WORD + rb")(?:\[[^\]\s]{0,20}\])?="
    rb"|<(" + _WORD + rb")[\s/>]"
    rb"|^[ \t]{0,20}(" + _WORD + rb")[ \t]{0,4}:(?=\s|$)",
    re.MULTILINE,
)
_COLUMNS = re.compile(rb"^COPY [^(\r\n]{1,130} \(([^()\r\n]{1,9000})\)", re.MULTILINE)
_COLUMN = re.compile(rb"[^\s,\"]+")
_DEFINED = re.compile(rb"^ {4}\"?(" + _WORD + rb")\"? [a-z]", re.MULTILINE)
_BETWEEN = rb"(?:[^0-9A-Za-z\r\n]|%(?:25)?[0-9A-Fa-f]{2}){0,6}"


def named_fields(sink_id: str, piece: Piece, honest: frozenset[str] = frozenset()) -> list[Hit]:
    """Names of card data among the names of structures that a piece holds, whatever their values: `cvv`, `cardNumber`, `expirationYear`; and in its place.

    Which names these are: detect.names_card_data. Prose is not looked at. `honest` are names that may stand there, in lower case.
    """
    hits, line, seen = (
        [_hit(sink_id, piece, found) for found in _card_names(_parts(piece.place), honest)],
        piece.line,
        0,
    )
    for found in _card_names(_names(piece.data), honest):
        if line is not None:
            line += piece.data.count(b"\n", seen, found[0])
            seen = found[0]
        hits.append(replace(_hit(sink_id, piece, found), line=line))
    return hits


def _card_names(names: Iterable[tuple[int, str]], honest: frozenset[str]) -> Iterator[tuple[int, str, Find]]:
    for offset, name in names:
        found = names_card_data(name)
        if found is not None and name.lower() not in honest:
            yield offset, name, found


def _hit(sink_id: str, piece: Piece, found: tuple[int, str, Find]) -> Hit:
    offset, name, what = found
    shown = re.sub(r"[^ -~]", ".", re.sub(r"\d", "#", name[:40]))
    return Hit("", sink_id, piece.place, None, offset, f"name of a field: {what.rule}", shown)


def _parts(place: str) -> Iterator[tuple[int, str]]:
    """A sink may say in a place's name in which column something stands."""
    yield from ((0, part) for part in re.split(r"[./ ]", place))


def _names(data: bytes) -> Iterator[tuple[int, str]]:
    """Every name of a structure, in order, with its place."""
    found = {match.start(match.lastindex or 0): match[match.lastindex or 0] for match in _NAMES.finditer(data)}
    found |= {match.start(1): match[1] for match in _DEFINED.finditer(data)}
    for row in _COLUMNS.finditer(data):
        found |= {row.start(1) + column.start(): column[0] for column in _COLUMN.finditer(row[1])}
    yield from ((offset, found[offset].decode("utf-8", "replace")) for offset in sorted(found))


def short_values(value: str, data: bytes) -> list[int]:
    """Where a short value (a security code, an expiry date) stands in these bytes: between signs that are no digits, its own separators of any kind.

    Only for what one exchange has left: anywhere else there are three or four digits by chance. Raises ValueError for a value without digits.
    """
    groups = re.findall(r"[0-9]+", value)
    if not groups:
        raise ValueError("a short value has digits")
    pattern = _BETWEEN.join(group.encode() for group in groups)
    return [found.start() for found in re.finditer(rb"(?<![0-9])(?<![0-9]\.)" + pattern + rb"(?![0-9]|\.[0-9])", data)]
